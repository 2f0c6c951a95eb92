/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocations that fail are no blocks, whatever their way of saying so: NULL, or a number with the
 * out-parameter left alone (here it points to a live block, which must not be counted again).
 */
#include <errno.h>
#include <malloc.h>
#include "expect.h"

enum { BLOCK_SZ = 1701 };

/* volatile: a compiler that sees such a size warns */
static const volatile size_t too_much = (size_t)1 << 62, half = SIZE_MAX / 2, most = SIZE_MAX,
			     wraps = (size_t)1 << 32;

static NOINLINE void fail(void *p)
{
	require(!escape(p), "an allocation did not fail");
	count_up(&tally.failed, 1);
}

static NOINLINE void fail_posix_memalign(size_t alignment, size_t n, int error)
{
	void *block = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ), *out = block;

	require(posix_memalign(&out, alignment, n) == error, "posix_memalign did not fail");
	require(out == block, "posix_memalign touched its out-parameter");
	count_up(&tally.failed, 1);
	free(block);
	tally_free(BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	fail(malloc(too_much));
	fail(malloc(most));
	fail(calloc(too_much, 1));
	fail(calloc(half, 3));	    /* the product overflows, */
	fail(calloc(wraps, wraps)); /* to nothing */
	fail(realloc(NULL, too_much));
	fail(reallocarray(NULL, half, 3));
	fail(aligned_alloc(64, too_much));
	fail(memalign(64, too_much));
	fail_posix_memalign(64, too_much, ENOMEM);
	fail_posix_memalign(3, BLOCK_SZ, EINVAL);
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

int main(void)
{
	leak_outer();
	expect_print("trap_failed");
	return 0;
}
