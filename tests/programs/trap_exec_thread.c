/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * exec from a thread that is not the main one: the kernel ends all others, gives the process's
 * number to this one, and the books of the old image end with what all of them had allocated. The
 * new image does the same once more, without an exec.
 */
#include <pthread.h>
#include "expect.h"

enum { THREAD_CNT = 3, BLOCK_SZ = 1409 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static NOINLINE void leak_outer(unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner();
}

static pthread_barrier_t all_have_leaked;

static void *leak_and_wait(void *arg)
{
	leak_outer((uintptr_t)arg);
	pthread_barrier_wait(&all_have_leaked);
	while (pause())
		;
	return NULL;
}

static void *leak_and_exec(void *arg)
{
	leak_outer((uintptr_t)arg);
	pthread_barrier_wait(&all_have_leaked);
	expect_print("old");
	execl("/proc/self/exe", "trap_exec_thread", "new", NULL);
	require(0, "exec failed");
	return NULL;
}

static void start(void *(*run)(void *arg), uintptr_t cnt)
{
	pthread_t thread;

	require(pthread_create(&thread, NULL, run, (void *)cnt) == 0, "no thread");
}

int main(int argc, char **argv)
{
	(void)argv;
	pthread_barrier_init(&all_have_leaked, NULL, THREAD_CNT + 1);
	start(leak_and_wait, 1);
	start(leak_and_wait, 2);
	if (argc == 1)
		start(leak_and_exec, 3);
	else
		start(leak_and_wait, 4);
	leak_outer(5);
	pthread_barrier_wait(&all_have_leaked);
	if (argc == 1)
		pause();
	expect_print("new");
	return 0;
}
