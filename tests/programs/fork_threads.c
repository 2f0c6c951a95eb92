/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fork_threads THREADS FORKS [MIB]: threads allocate and free at full speed while the main thread
 * forks, FORKS times, a process that has written to MIB mebibytes (a large memory takes long to be
 * copied). Each child says what it has of the threads' blocks:
 *
 *   CHILD pid=N certain=N doubtful=N
 *
 * certain: blocks that their thread had noted as its own; doubtful: threads that were in an
 * allocator call, of which each may have had its block or not.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "expect.h"

enum { SLOT_CNT = 5, BLOCK_SZ = 24, THREAD_MAX = 16 };

/* On one page: what a child sees of it is of one moment. */
struct worker {
	unsigned int calling; /* it is in malloc or free */
	unsigned int held;    /* blocks */
	void *blocks[SLOT_CNT];
} __attribute__((aligned(256)));

static struct worker workers[THREAD_MAX] __attribute__((aligned(4096)));

static NOINLINE void *leak_inner(void)
{
	return escape(malloc(BLOCK_SZ));
}

#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)

static NOINLINE void take_one(struct worker *worker)
{
	void *p;

	STORE(worker->calling, 1);
	p = leak_inner();
	worker->blocks[worker->held] = p;
	STORE(worker->held, worker->held + 1);
	STORE(worker->calling, 0);
}

static void give_one(struct worker *worker)
{
	STORE(worker->calling, 1);
	STORE(worker->held, worker->held - 1);
	free(worker->blocks[worker->held]);
	STORE(worker->calling, 0);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (;;) {
		while (worker->held < SLOT_CNT)
			take_one(worker);
		while (worker->held)
			give_one(worker);
	}
	return NULL;
}

static void print_child(int thread_cnt)
{
	unsigned long certain = 0, doubtful = 0;
	struct line line = {};

	for (int i = 0; i < thread_cnt; i++) {
		certain += workers[i].held;
		doubtful += workers[i].calling;
	}
	line_add(&line, "CHILD pid=");
	line_add_number(&line, getpid(), 10);
	line_add(&line, " certain=");
	line_add_number(&line, certain, 10);
	line_add(&line, " doubtful=");
	line_add_number(&line, doubtful, 10);
	line_print(&line);
}

static void touch(size_t sz)
{
	char *memory = mmap(NULL, sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(memory != MAP_FAILED, "no memory");
	madvise(memory, sz, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < sz; i += 4096)
		memory[i] = 1;
}

int main(int argc, char **argv)
{
	int thread_cnt = argc > 1 ? atoi(argv[1]) : 2, fork_cnt = argc > 2 ? atoi(argv[2]) : 10;
	pthread_t thread;

	require(thread_cnt <= THREAD_MAX, "too many threads");
	if (argc > 3)
		touch((size_t)atoi(argv[3]) << 20);
	for (int i = 0; i < thread_cnt; i++)
		require(!pthread_create(&thread, NULL, work, &workers[i]), "no thread");
	for (int i = 0; i < fork_cnt; i++) {
		pid_t child;

		usleep(2000);
		child = fork();
		if (child == 0) {
			print_child(thread_cnt);
			_exit(0);
		}
		require(child > 0 && waitpid(child, NULL, 0) == child, "no child");
	}
	return 0;
}
