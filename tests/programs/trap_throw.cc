/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator that is left by an exception: `malloc` calls a hook that throws (as an operator new
 * throws bad_alloc where it does not go through malloc). The exception must arrive, and the next
 * call at the same depth must be counted.
 */
#include <new>
#include "alloc_ours.h"
#include "expect.h"

namespace
{
constexpr std::size_t LEFT_SZ = 7777, LEAKED_SZ = 1301;
constexpr unsigned LEAK_CNT = 4;

void leave(void *)
{
	throw std::bad_alloc();
}

NOINLINE void leak_inner(std::size_t n)
{
	tally_alloc(::operator new(n), n);
}

NOINLINE unsigned leak_outer()
{
	unsigned caught = 0;

	for (unsigned i = 0; i < LEAK_CNT; i++) {
		try {
			alloc_ours_next(ALLOC_OURS_ENTERED, leave, nullptr);
			leak_inner(LEFT_SZ);
		} catch (const std::bad_alloc &) {
			caught++;
		}
		leak_inner(LEAKED_SZ);
	}
	return caught;
}
} // namespace

int main()
{
	require(leak_outer() == LEAK_CNT, "an exception did not arrive");
	expect_print("trap_throw");
	return 0;
}
