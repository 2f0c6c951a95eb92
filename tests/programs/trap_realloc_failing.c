/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A realloc that fails leaves the old block with its caller. Books that free the block at realloc's
 * entry forget it; then the free that comes later is of a block they don't know.
 */
#include "expect.h"

enum { KEPT_SZ = 1001, FREED_SZ = 2003, GROWN_SZ = 3001 };

static NOINLINE void *fail_to_grow(void *p)
{
	void *grown = escape(realloc(p, PTRDIFF_MAX - 4096));

	require(!grown, "realloc did not fail");
	count_up(&tally.failed, 1);
	return p;
}

static NOINLINE void leak_inner(void)
{
	void *p = fail_to_grow(tally_alloc(malloc(KEPT_SZ), KEPT_SZ));

	require(p != NULL, "no memory");
}

static NOINLINE void leak_outer(void)
{
	void *freed, *grown;

	leak_inner();
	freed = fail_to_grow(tally_alloc(malloc(FREED_SZ), FREED_SZ));
	free(freed);
	tally_free(FREED_SZ);
	grown = fail_to_grow(tally_alloc(malloc(KEPT_SZ), KEPT_SZ));
	grown = escape(realloc(grown, GROWN_SZ));
	tally_free(KEPT_SZ);
	tally_alloc(grown, GROWN_SZ);
}

int main(void)
{
	leak_outer();
	expect_print("trap_realloc_failing");
	return 0;
}
