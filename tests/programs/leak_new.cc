/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * leak_new ROW: the same as leak.c for C++: each form of operator new with each form of operator
 * delete that fits it. The operators are called as functions: a new-expression may be optimized
 * away. (Before main, libstdc++ allocates a pool for exceptions; it is not in the EXPECT line.)
 */
#include <new>
#include "expect.h"

namespace
{
constexpr unsigned LEAK_CNT = 7, FREE_CNT = 5, SIZE_FIRST = 1152, SIZE_STEP = 192;
constexpr std::align_val_t ALIGNMENT{64};

using allocate_fn = void *(*)(std::size_t n);
using give_back_fn = void (*)(void *p, std::size_t n);

#define ALLOCATE(name, ...)                                                                        \
	NOINLINE void *name(std::size_t n)                                                         \
	{                                                                                          \
		return tally_alloc(__VA_ARGS__, n);                                                \
	}
#define GIVE_BACK(name, ...)                                                                       \
	NOINLINE void name(void *p, [[maybe_unused]] std::size_t n)                                \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
		tally_free(n);                                                                     \
	}

ALLOCATE(by_new, ::operator new(n))
ALLOCATE(by_new_nothrow, ::operator new(n, std::nothrow))
ALLOCATE(by_new_aligned, ::operator new(n, ALIGNMENT))
ALLOCATE(by_new_aligned_nothrow, ::operator new(n, ALIGNMENT, std::nothrow))
ALLOCATE(by_new_array, ::operator new[](n))
ALLOCATE(by_new_array_nothrow, ::operator new[](n, std::nothrow))
ALLOCATE(by_new_array_aligned, ::operator new[](n, ALIGNMENT))
ALLOCATE(by_new_array_aligned_nothrow, ::operator new[](n, ALIGNMENT, std::nothrow))

GIVE_BACK(give, ::operator delete(p))
GIVE_BACK(give_sized, ::operator delete(p, n))
GIVE_BACK(give_nothrow, ::operator delete(p, std::nothrow))
GIVE_BACK(give_aligned, ::operator delete(p, ALIGNMENT))
GIVE_BACK(give_sized_aligned, ::operator delete(p, n, ALIGNMENT))
GIVE_BACK(give_aligned_nothrow, ::operator delete(p, ALIGNMENT, std::nothrow))
GIVE_BACK(give_array, ::operator delete[](p))
GIVE_BACK(give_array_sized, ::operator delete[](p, n))
GIVE_BACK(give_array_nothrow, ::operator delete[](p, std::nothrow))
GIVE_BACK(give_array_aligned, ::operator delete[](p, ALIGNMENT))
GIVE_BACK(give_array_sized_aligned, ::operator delete[](p, n, ALIGNMENT))
GIVE_BACK(give_array_aligned_nothrow, ::operator delete[](p, ALIGNMENT, std::nothrow))

struct row {
	const char *name;
	allocate_fn allocate;
	give_back_fn give_back;
};

const row rows[] = {
	{"new", by_new, give},
	{"new-sized", by_new, give_sized},
	{"new-nothrow", by_new_nothrow, give_nothrow},
	{"new-aligned", by_new_aligned, give_aligned},
	{"new-sized-aligned", by_new_aligned, give_sized_aligned},
	{"new-aligned-nothrow", by_new_aligned_nothrow, give_aligned_nothrow},
	{"new-array", by_new_array, give_array},
	{"new-array-sized", by_new_array, give_array_sized},
	{"new-array-nothrow", by_new_array_nothrow, give_array_nothrow},
	{"new-array-aligned", by_new_array_aligned, give_array_aligned},
	{"new-array-sized-aligned", by_new_array_aligned, give_array_sized_aligned},
	{"new-array-aligned-nothrow", by_new_array_aligned_nothrow, give_array_aligned_nothrow},
};

NOINLINE void leak_inner(const row &row, unsigned i)
{
	require(row.allocate(SIZE_FIRST + i * SIZE_STEP) != nullptr, "no memory");
}

NOINLINE void leak_outer(const row &row)
{
	for (unsigned i = 0; i < LEAK_CNT; i++)
		leak_inner(row, i);
}

NOINLINE void use_and_free(const row &row)
{
	for (unsigned i = 0; i < FREE_CNT; i++) {
		std::size_t n = SIZE_FIRST + i * SIZE_STEP;

		row.give_back(row.allocate(n), n);
	}
}
} // namespace

int main(int argc, char **argv)
{
	for (const row &row : rows) {
		if (argc < 2) {
			say(row.name);
		} else if (strcmp(argv[1], row.name) == 0) {
			use_and_free(row);
			leak_outer(row);
			expect_print(row.name);
			return 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
