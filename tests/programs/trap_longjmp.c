/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator that is left by longjmp never returns. A tracer that waits for the return takes the
 * next call at the same depth for a nested one, and does not count it.
 */
#include <setjmp.h>
#include "alloc_ours.h"
#include "expect.h"

enum { LEFT_SZ = 7777, LEAKED_SZ = 1301, LEAK_CNT = 4 };

static void leave(void *arg)
{
	longjmp(*(jmp_buf *)arg, 1);
}

static NOINLINE void leak_inner(void *(*allocate)(size_t n), size_t n)
{
	tally_alloc(allocate(n), n);
}

static NOINLINE void *by_malloc(size_t n)
{
	return malloc(n);
}

/* Nested: calloc calls malloc, which is left. */
static NOINLINE void *by_calloc(size_t n)
{
	return calloc(1, n);
}

static NOINLINE void leak_outer(void *(*allocate)(size_t n))
{
	jmp_buf back;

	for (unsigned int i = 0; i < LEAK_CNT; i++) {
		if (setjmp(back) == 0) {
			alloc_ours_next(ALLOC_OURS_ENTERED, leave, &back);
			leak_inner(allocate, LEFT_SZ);
			require(0, "malloc was not left");
		}
		leak_inner(allocate, LEAKED_SZ);
	}
}

int main(void)
{
	leak_outer(by_malloc);
	leak_outer(by_calloc);
	expect_print("trap_longjmp");
	return 0;
}
