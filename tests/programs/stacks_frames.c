/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Frames of unusual make: realigned, of changing size, large, with frame pointers and without, and
 * deep ones: for the comparison of stacks. stacks_frames N
 */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static NOINLINE int leaf(int n)
{
	char *volatile block = malloc(n % 100 + 1);

	free(block);
	return n;
}

/* The compiler saves the stack it came with, and realigns: CFA = *(bp + offset). */
static NOINLINE __attribute__((force_align_arg_pointer)) int realigned(int n)
{
	volatile char aligned[64] __attribute__((aligned(64))) = {0};

	aligned[n & 63] = n;
	return leaf(n) + aligned[0];
}

static NOINLINE int changing(int n)
{
	volatile char *room = alloca(n % 3000 + 1);

	room[0] = n;
	return realigned(n) + room[0];
}

static NOINLINE int large(int n)
{
	volatile char room[40000];

	room[n % 40000] = n;
	return changing(n) + room[n % 40000];
}

static NOINLINE __attribute__((optimize("no-omit-frame-pointer"))) int with_pointer(int n)
{
	volatile int here = n;

	return (n & 1 ? large(n) : realigned(n)) + here;
}

static NOINLINE int deep(int left, int n)
{
	volatile int here = left;

	return (left ? deep(left - 1, n) : with_pointer(n)) + here;
}

int main(int argc, char **argv)
{
	int cnt = argc > 1 ? atoi(argv[1]) : 100, sum = 0;

	for (int i = 0; i < cnt; i++)
		sum += deep(i % 200, i); /* also deeper than is recorded */
	return sum == 42;
}
