/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An operator new that throws, for any allocator (to be preloaded): more is asked for than there
 * can be. The exception passes frames that free on its way, or frames that do nothing, and is
 * caught further up. What is allocated then, from places deeper in the stack than operator new was
 * called from, is no part of the call that was left.
 */
#include <new>
#include "expect.h"

namespace
{
constexpr std::size_t HELD_SZ = 700, LEAKED_SZ = 1301;
constexpr unsigned LEAK_CNT = 4, THROW_DEPTH = 3, LEAK_DEPTH = 8;
volatile std::size_t absurd_sz = PTRDIFF_MAX - 65536;

struct held {
	void *p = tally_alloc(::operator new(HELD_SZ), HELD_SZ);

	~held()
	{
		::operator delete(p);
		tally_free(HELD_SZ);
	}
};

struct nothing {
};

template <typename local> NOINLINE void throw_inner(unsigned depth)
{
	[[maybe_unused]] local passed;

	if (depth > 0)
		throw_inner<local>(depth - 1);
	else
		escape(::operator new(absurd_sz));
	escape(&passed);
}

NOINLINE void leak_inner(unsigned depth)
{
	if (depth > 0)
		leak_inner(depth - 1);
	else
		tally_alloc(::operator new(LEAKED_SZ), LEAKED_SZ);
	escape(&depth);
}

NOINLINE unsigned leak_outer(void (*throw_deep)(unsigned depth))
{
	unsigned caught = 0;

	for (unsigned i = 0; i < LEAK_CNT; i++) {
		try {
			throw_deep(THROW_DEPTH);
		} catch (const std::bad_alloc &) {
			leak_inner(LEAK_DEPTH);
			caught++;
		}
		leak_inner(LEAK_DEPTH);
	}
	return caught;
}
} // namespace

int main()
{
	require(leak_outer(throw_inner<held>) == LEAK_CNT, "an exception did not arrive");
	require(leak_outer(throw_inner<nothing>) == LEAK_CNT, "an exception did not arrive");
	expect_print("trap_bad_alloc");
	return 0;
}
