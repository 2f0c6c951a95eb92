/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wrong_delete ROW TIMES: blocks that are given back by a function of another family than they came
 * from, TIMES of them; or, in the rows that begin with "right", of the same. The operators are called
 * as functions: a new-expression may be optimized away. Without ROW: the rows.
 */
#include <new>
#include "expect.h"

namespace
{
constexpr std::size_t SIZE = 100;
constexpr std::align_val_t ALIGNMENT{64};

#define ALLOCATE(name, ...)                                                                        \
	NOINLINE void *name()                                                                      \
	{                                                                                          \
		return escape(__VA_ARGS__);                                                        \
	}
#define GIVE_BACK(name, ...)                                                                       \
	NOINLINE void name(void *p)                                                                \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}

ALLOCATE(by_malloc, malloc(SIZE))
ALLOCATE(by_aligned_alloc, aligned_alloc(64, SIZE))
ALLOCATE(by_new, ::operator new(SIZE))
ALLOCATE(by_new_nothrow, ::operator new(SIZE, std::nothrow))
ALLOCATE(by_new_array, ::operator new[](SIZE))
ALLOCATE(by_new_array_nothrow, ::operator new[](SIZE, std::nothrow))
ALLOCATE(by_new_aligned, ::operator new(SIZE, ALIGNMENT))
ALLOCATE(by_new_array_aligned, ::operator new[](SIZE, ALIGNMENT))

GIVE_BACK(to_free, free(p))
GIVE_BACK(to_realloc, free(escape(realloc(p, 2 * SIZE))))
GIVE_BACK(to_delete, ::operator delete(p))
GIVE_BACK(to_delete_sized, ::operator delete(p, SIZE))
GIVE_BACK(to_delete_array, ::operator delete[](p))
GIVE_BACK(to_delete_array_sized, ::operator delete[](p, SIZE))
GIVE_BACK(to_delete_aligned, ::operator delete(p, ALIGNMENT))
GIVE_BACK(to_delete_array_aligned, ::operator delete[](p, ALIGNMENT))

const struct {
	const char *name;
	void *(*allocate)();
	void (*give_back)(void *p);
} rows[] = {
	{"malloc-delete", by_malloc, to_delete},
	{"malloc-delete-array", by_malloc, to_delete_array},
	{"new-free", by_new, to_free},
	{"new-realloc", by_new, to_realloc},
	{"new-delete-array", by_new, to_delete_array},
	{"new-nothrow-free", by_new_nothrow, to_free},
	{"new-array-free", by_new_array, to_free},
	{"new-array-delete", by_new_array, to_delete},
	{"new-array-delete-sized", by_new_array, to_delete_sized},
	{"new-array-nothrow-delete", by_new_array_nothrow, to_delete},
	{"aligned-new-delete", by_new_aligned, to_delete},
	{"aligned-new-free", by_new_aligned, to_free},
	{"aligned-new-array-delete-array", by_new_array_aligned, to_delete_array},
	{"aligned-new-array-delete-aligned", by_new_array_aligned, to_delete_aligned},
	{"new-delete-aligned", by_new, to_delete_aligned},
	{"right-malloc", by_malloc, to_free},
	{"right-malloc-realloc", by_malloc, to_realloc},
	{"right-aligned-alloc", by_aligned_alloc, to_free},
	{"right-new", by_new, to_delete},
	{"right-new-sized", by_new, to_delete_sized},
	{"right-new-nothrow", by_new_nothrow, to_delete},
	{"right-new-array", by_new_array, to_delete_array},
	{"right-new-array-sized", by_new_array, to_delete_array_sized},
	{"right-new-array-nothrow", by_new_array_nothrow, to_delete_array},
	{"right-new-aligned", by_new_aligned, to_delete_aligned},
	{"right-new-array-aligned", by_new_array_aligned, to_delete_array_aligned},
};
} // namespace

int main(int argc, char **argv)
{
	unsigned long times = argc > 2 ? strtoul(argv[2], nullptr, 10) : 1;

	for (const auto &row : rows) {
		if (argc < 2)
			say(row.name);
		else if (strcmp(argv[1], row.name) == 0)
			for (unsigned long i = 0; i < times; i++)
				row.give_back(row.allocate());
	}
	return 0;
}
