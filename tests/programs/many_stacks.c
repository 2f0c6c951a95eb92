/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * many_stacks CNT: CNT blocks, each by a call stack of its own, of ten functions that call each
 * other by the digits of the block's number. Prints the EXPECT line.
 */
#include "expect.h"

typedef void branch(size_t number, int depth);
static branch *const branches[10];

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(24), 24);
}

#define BRANCH(digit)                                                                              \
	static NOINLINE void branch_##digit(size_t number, int depth)                              \
	{                                                                                          \
		if (depth)                                                                         \
			branches[number % 10](number / 10, depth - 1);                             \
		else                                                                               \
			leak_inner();                                                              \
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

static branch *const branches[10] = {branch_0, branch_1, branch_2, branch_3, branch_4, branch_5,
	branch_6, branch_7, branch_8, branch_9};

int main(int argc, char **argv)
{
	size_t cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (size_t i = 0; i < cnt; i++)
		branches[i % 10](i / 10, 5);
	expect_print("many_stacks");
	return 0;
}
