/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two allocators in one process: the program's, and that of a library which keeps it to itself
 * (private_alloc.c). Each of them frees what it has given.
 */
#include "expect.h"
#include "private_alloc.h"

enum { LEAK_CNT = 7, FREE_CNT = 5, BLOCK_SZ = 1701, PRIVATE_SZ = 2301 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	tally_alloc(private_alloc(PRIVATE_SZ), PRIVATE_SZ);
}

static NOINLINE void use_and_free(void)
{
	void *p = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	void *own = tally_alloc(private_alloc(PRIVATE_SZ), PRIVATE_SZ);

	private_free(own);
	tally_free(PRIVATE_SZ);
	free(p);
	tally_free(BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	for (int i = 0; i < FREE_CNT; i++)
		use_and_free();
	for (int i = 0; i < LEAK_CNT; i++)
		leak_inner();
}

int main(void)
{
	leak_outer();
	expect_print("several");
	return 0;
}
