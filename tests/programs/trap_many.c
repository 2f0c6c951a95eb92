/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trap_many blocks|stacks: more than the usual fixed tables of tracers hold. `blocks`: 300,000
 * outstanding blocks of one stack. `stacks`: 2^14 different call stacks with a block each (a walk
 * through a binary tree of two functions).
 */
#include "expect.h"

enum { BLOCK_CNT = 300000, DEPTH = 14, BLOCK_SZ = 40 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static void go_right(unsigned int depth);

static NOINLINE void go_left(unsigned int depth)
{
	if (depth == 0) {
		leak_inner();
		return;
	}
	go_left(depth - 1);
	go_right(depth - 1);
}

static NOINLINE void go_right(unsigned int depth)
{
	if (depth == 0) {
		leak_inner();
		return;
	}
	go_left(depth - 1);
	go_right(depth - 1);
}

static NOINLINE void leak_outer(int many_stacks)
{
	if (many_stacks) {
		go_left(DEPTH);
		return;
	}
	for (unsigned int i = 0; i < BLOCK_CNT; i++)
		leak_inner();
}

int main(int argc, char **argv)
{
	require(argc > 1, "blocks or stacks?");
	leak_outer(strcmp(argv[1], "stacks") == 0);
	expect_print(argv[1]);
	return 0;
}
