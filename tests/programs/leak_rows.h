/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * PROGRAM ROW: exact leaks through one allocator function. A row of a program's table names the
 * function, how a block is made by it, and how one is given back. LEAK_CNT blocks of different
 * sizes are lost from the call chain main, leak_outer, leak_inner, ROW's function; FREE_CNT others
 * are freed.
 *
 * PROGRAM alone lists the rows. Functions that may not be there are weak references: a row without
 * its function exits with ABSENT.
 */
#ifndef HEAPTAP_TEST_LEAK_ROWS_H
#define HEAPTAP_TEST_LEAK_ROWS_H

#include "expect.h"

enum {
	LEAK_CNT = 7,
	FREE_CNT = 5,
	SIZE_FIRST = 1152,
	SIZE_STEP = 192,
	ALIGNMENT = 64,
	ABSENT = 77
};

#define WEAK __attribute__((weak))

struct row {
	const char *name;
	void *(*allocate)(size_t n);
	void (*give_back)(void *p, size_t n);
	const void *needed; /* NULL: the function is not there */
};

static NOINLINE void leak_inner(const struct row *row, unsigned int i)
{
	require(row->allocate(SIZE_FIRST + i * SIZE_STEP) != NULL, "no memory");
}

static NOINLINE void leak_outer(const struct row *row)
{
	for (unsigned int i = 0; i < LEAK_CNT; i++)
		leak_inner(row, i);
}

static NOINLINE void use_and_free(const struct row *row)
{
	for (unsigned int i = 0; i < FREE_CNT; i++) {
		size_t n = SIZE_FIRST + i * SIZE_STEP;

		row->give_back(row->allocate(n), n);
	}
}

static int run_row(const struct row *row)
{
	if (!row->needed) {
		say("ABSENT");
		return ABSENT;
	}
	use_and_free(row);
	leak_outer(row);
	expect_print(row->name);
	return 0;
}

static int leak_main(const struct row *rows, size_t row_cnt, int argc, char **argv)
{
	for (size_t i = 0; i < row_cnt; i++) {
		if (argc < 2)
			say(rows[i].name);
		else if (strcmp(argv[1], rows[i].name) == 0)
			return run_row(&rows[i]);
	}
	return argc < 2 ? 0 : 2;
}

#endif
