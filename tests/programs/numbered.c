/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocations that the program numbers itself: after a line of stdin it says 1, allocates, says 2,
 * allocates … up to its argument. So the last number that it has said is that of the allocation that
 * it is in. In between come a free, a realloc that fails and an allocation that fails, which have no
 * number. What allocates before (the C library's start) is not in its numbers.
 */
#include "expect.h"

static NOINLINE void *allocate(size_t i)
{
	return tally_alloc(malloc(i), i);
}

static NOINLINE void do_what_has_no_number(void *block)
{
	volatile size_t too_much = (size_t)1 << 62;

	require(!escape(realloc(block, too_much)), "that much memory?");
	require(!escape(malloc(too_much)), "that much memory?");
	free(block);
}

static void say_number(size_t number)
{
	struct line line = {.sz = 0};

	line_add_number(&line, number, 10);
	line_print(&line);
}

int main(int argc, char **argv)
{
	size_t cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	char byte;

	require(read(STDIN_FILENO, &byte, 1) == 1, "nobody lets it begin");
	for (size_t i = 1; i <= cnt; i++) {
		say_number(i);
		do_what_has_no_number(allocate(i));
	}
	say("end");
	_exit(0);
}
