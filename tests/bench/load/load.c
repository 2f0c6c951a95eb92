// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The loads of the measurements, each one way of using an allocator. Prints nanoseconds per
 * operation
 * ("ns 1234.5"), by the clock, over all that one thread did. DEPTH is the frames of a stack,
 * malloc's and the thread's first included.
 *
 *   load pairs DEPTH THREADS SECONDS   malloc and free in a loop, from one call path
 *   load paths DEPTH PATHS SECONDS     each pair from the next of so many paths; 0: always a new
 * one load live BLOCKS                   blocks that stay; 64 call paths; ends with all of them in
 * use load realloc SECONDS               a buffer grown by 64 bytes at a time, to 64 KB, again and
 * again
 *
 * A load that is told its time does as much as it can in it, so that slow tracers need not be
 * waited for.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 64
#define OPERATIONS_PER_LOOK 256 /* at the clock, which takes some 25 ns */

static unsigned int depth;
static double seconds;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* ---- so many operations, until time is up ---- */

struct course {
	double began;
	unsigned long done;
};

static bool course__goes_on(struct course *course)
{
	if (!course->done)
		course->began = now_s();
	return course->done++ % OPERATIONS_PER_LOOK || now_s() - course->began < seconds;
}

static double course__ns(const struct course *course)
{
	return (now_s() - course->began) * 1e9 / (course->done - 1);
}

/* ---- pairs ---- */

static __attribute__((noinline)) double allocate_pairs(void)
{
	struct course course = {0};

	while (course__goes_on(&course)) {
		void *volatile block = malloc(64 + (course.done & 63));

		free(block);
	}
	return course__ns(&course);
}

static __attribute__((noinline)) double descend(unsigned int left)
{
	volatile double result; /* a frame, and no tail call */

	result = left > 1 ? descend(left - 1) : allocate_pairs();
	return result;
}

/* Its stack: malloc, allocate_pairs, descend …, this, start_thread, clone3. */
static void *pairs_thread(void *ret_ns)
{
	unsigned int left = depth > 5 ? depth - 5 : 0;

	*(double *)ret_ns = left ? descend(left) : allocate_pairs();
	return NULL;
}

static double run_pairs(int thread_cnt)
{
	pthread_t threads[THREADS_MAX];
	double ns[THREADS_MAX], sum = 0;

	for (int i = 0; i < thread_cnt; i++)
		pthread_create(&threads[i], NULL, pairs_thread, &ns[i]);
	for (int i = 0; i < thread_cnt; i++) {
		pthread_join(threads[i], NULL);
		sum += ns[i];
	}
	return sum / thread_cnt;
}

/* ---- paths: two ways down at each step, and the bits of `path` choose. What is said to touch
 * memory keeps the compiler from making one call of the two. ---- */

static __attribute__((noinline)) void *descend_by(
	unsigned int left, unsigned long path, size_t size)
{
	void *volatile block;

	if (!left)
		block = malloc(size);
	else if (path & 1)
		block = descend_by(left - 1, path >> 1, size);
	else {
		block = descend_by(left - 1, path >> 1, size);
		__asm__ volatile("" ::: "memory");
	}
	return block;
}

/* Its stacks: malloc, descend_by …, main, its callers in the C library, _start. */
static double run_paths(unsigned long path_cnt)
{
	unsigned int left = depth > 6 ? depth - 6 : 0;
	struct course course = {0};

	while (course__goes_on(&course))
		free(descend_by(left, path_cnt ? course.done % path_cnt : course.done, 64));
	return course__ns(&course);
}

/* ---- blocks that stay ---- */

#define LIVE_DEPTH 6 /* 2^6 paths */

static double run_live(unsigned long block_cnt)
{
	double began = now_s();

	for (unsigned long i = 0; i < block_cnt; i++) {
		/* mixed, so that neighbours come from different paths */
		unsigned long path = i * 0x9e3779b97f4a7c15ul >> 58;

		if (!descend_by(LIVE_DEPTH, path, 16 + (i & 31)))
			exit(1);
	}
	return (now_s() - began) * 1e9 / block_cnt;
}

/* ---- growth ---- */

#define GROWTH_STEP 64
#define GROWTH_MAX 65536

static double run_realloc(void)
{
	struct course course = {0};
	char *buffer = NULL;
	size_t size = 0;

	while (course__goes_on(&course)) {
		size = size < GROWTH_MAX ? size + GROWTH_STEP : GROWTH_STEP;
		buffer = realloc(buffer, size);
		if (!buffer)
			exit(1);
		buffer[size - 1] = 1;
	}
	free(buffer);
	return course__ns(&course);
}

static double run(int argc, char **argv)
{
	const char *load = argc > 1 ? argv[1] : "";

	depth = argc == 5 ? atoi(argv[2]) : 0;
	seconds = argc > 2 ? atof(argv[argc - 1]) : 0;
	if (!strcmp(load, "pairs") && argc == 5 && atoi(argv[3]) <= THREADS_MAX)
		return run_pairs(atoi(argv[3]));
	if (!strcmp(load, "paths") && argc == 5)
		return run_paths(strtoul(argv[3], NULL, 10));
	if (!strcmp(load, "live") && argc == 3)
		return run_live(strtoul(argv[2], NULL, 10));
	if (!strcmp(load, "realloc") && argc == 3)
		return run_realloc();
	fprintf(stderr, "load: see the head of load.c\n");
	exit(2);
}

int main(int argc, char **argv)
{
	printf("ns %.1f\n", run(argc, argv));
	return 0;
}
