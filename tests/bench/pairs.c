// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The load of the cost measurements: malloc/free pairs at a given stack depth, on one or more
 * threads. Prints nanoseconds per pair, by the clock.
 *
 *   pairs DEPTH PAIRS [THREADS]    all pairs from one call path
 *   pairs DEPTH PAIRS 1 new        each pair from a path of its own, through known return addresses
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int depth, pair_cnt;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static __attribute__((noinline)) void allocate(void)
{
	for (int i = 0; i < pair_cnt; i++) {
		void *volatile block = malloc(64 + (i & 63));

		free(block);
	}
}

static __attribute__((noinline)) int descend(int left)
{
	volatile int one = 1; /* a frame, and no tail call */

	if (left > 0)
		return descend(left - 1) + one;
	allocate();
	return one;
}

/* Two ways down at each step: the bits of `path` choose, so that there are 2^depth paths. What is said
 * to touch memory keeps the compiler from making one call of the two. */
static __attribute__((noinline)) int descend_by(int left, unsigned int path)
{
	volatile int one = 1;

	if (left <= 0) {
		free(malloc(64));
	} else if (path & 1) {
		one += descend_by(left - 1, path >> 1);
	} else {
		one -= descend_by(left - 1, path >> 1);
		__asm__ volatile("" ::: "memory");
	}
	return one;
}

static void run_new_paths(void)
{
	for (int i = 0; i < pair_cnt; i++)
		descend_by(depth, i);
}

static void *thread(void *arg)
{
	descend(depth);
	return arg;
}

int main(int argc, char **argv)
{
	int thread_cnt = argc > 3 ? atoi(argv[3]) : 1;
	pthread_t threads[64];
	double began;

	if (argc < 3 || thread_cnt < 1 || thread_cnt > 64)
		return 2;
	/* main or the thread's start, its callers and allocate() are there already */
	depth = atoi(argv[1]) > 6 ? atoi(argv[1]) - 6 : 0;
	pair_cnt = atoi(argv[2]);
	began = now_s();
	for (int i = 1; i < thread_cnt; i++)
		pthread_create(&threads[i], NULL, thread, NULL);
	if (argc > 4)
		run_new_paths();
	else
		descend(depth);
	for (int i = 1; i < thread_cnt; i++)
		pthread_join(threads[i], NULL);
	printf("%.1f\n", (now_s() - began) * 1e9 / pair_cnt);
	return 0;
}
