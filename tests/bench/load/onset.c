// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * onset LIBRARY...: a process with many mappings that notices by itself when its allocator is being
 * traced: pairs of malloc and free suddenly take a hundred times as long. Loads libraries until it
 * has MAPPINGS_WANTED, prints "ready MAPPINGS", then, when it has begun, "onset SECONDS" of
 * CLOCK_MONOTONIC, and ends. So the time is the target's, whatever the tracer says of itself.
 *
 * It looks at rows of pairs, of which none may be fast: an interrupt delays one, a probe all.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAPPINGS_WANTED 100
#define TRACED_NS 250 /* a pair: 10 without probes, 400 and more with them; the clock itself: 50   \
		       */
#define ROW 64

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

static int mapping_cnt(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int cnt = 0, c;

	while (maps && (c = getc(maps)) != EOF)
		cnt += c == '\n';
	if (maps)
		fclose(maps);
	return cnt;
}

static double onset_ns(void)
{
	double first = 0;

	for (int slow = 0; slow < ROW;) {
		double began = now_ns();

		for (int i = 0; i < 4; i++) {
			void *volatile block = malloc(100);

			free(block);
		}
		if (!slow++)
			first = began;
		if (now_ns() - began < 4 * TRACED_NS)
			slow = 0;
	}
	return first;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc && mapping_cnt() < MAPPINGS_WANTED; i++)
		dlopen(argv[i], RTLD_NOW);
	printf("ready %d\n", mapping_cnt());
	fflush(stdout);
	printf("onset %.6f\n", onset_ns() / 1e9);
	return 0;
}
