/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads that allocate at changing depths: for the comparison of stacks. stacks_threads THREADS N */
#include <pthread.h>
#include <stdlib.h>

static int cnt;

static __attribute__((noinline)) int descend(int left)
{
	void *volatile block = malloc(left + 1);
	int deeper = left > 0 ? descend(left - 1) : 0;

	free(block);
	return deeper + 1;
}

static void *work(void *arg)
{
	for (int i = 0; i < cnt; i += descend(i % 23))
		;
	return arg;
}

int main(int argc, char **argv)
{
	int thread_cnt = argc > 1 ? atoi(argv[1]) : 2;
	pthread_t threads[64];

	cnt = argc > 2 ? atoi(argv[2]) : 1000;
	for (int i = 0; i < thread_cnt && i < 64; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	work(NULL);
	for (int i = 0; i < thread_cnt && i < 64; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
