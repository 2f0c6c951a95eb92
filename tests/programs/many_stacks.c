/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * many_stacks CNT: CNT blocks, each by a call stack of its own, of ten functions that call each other
 * by the digits of the block's number. Prints the EXPECT line.
 */
#include "expect.h"

static NOINLINE void descend(size_t number, int depth);

#define BRANCH(digit)                                                                              \
	static NOINLINE void branch_##digit(size_t number, int depth)                              \
	{                                                                                          \
		descend(number, depth);                                                            \
	}
BRANCH(0)
BRANCH(1)
BRANCH(2)
BRANCH(3)
BRANCH(4)
BRANCH(5)
BRANCH(6)
BRANCH(7)
BRANCH(8)
BRANCH(9)

static void (*const branches[])(size_t, int) = {branch_0, branch_1, branch_2, branch_3, branch_4,
	branch_5, branch_6, branch_7, branch_8, branch_9};

static NOINLINE void descend(size_t number, int depth)
{
	if (depth)
		branches[number % 10](number / 10, depth - 1);
	else
		tally_alloc(malloc(24), 24);
}

int main(int argc, char **argv)
{
	size_t cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (size_t i = 0; i < cnt; i++)
		descend(i, 6);
	expect_print("many_stacks");
	return 0;
}
