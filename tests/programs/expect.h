/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a test program knows about itself: it counts its own allocations, and prints them as
 *
 *   EXPECT NAME pid=N blocks=N bytes=N allocs=N frees=N allocated=N failed=N
 *
 * blocks and bytes: outstanding; allocated: bytes asked for. Counted as valgrind's heap summary
 * does: a realloc of a block is one alloc and one free. Only the program's own calls are in it, not
 * those that the C library makes for itself; so nothing here may allocate, and stdio is not used.
 *
 * C and C++ use it. Pointers go through escape(), so that no compiler removes a pair of malloc and
 * free.
 */
#ifndef HEAPTAP_TEST_EXPECT_H
#define HEAPTAP_TEST_EXPECT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

struct tally {
	unsigned long blocks, bytes, allocs, frees, allocated, failed;
};

static struct tally tally;

static inline void count_up(unsigned long *count, unsigned long by)
{
	__atomic_fetch_add(count, by, __ATOMIC_RELAXED);
}

static inline void *escape(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

/* An allocator was asked for n bytes and gave p. */
static inline void *tally_alloc(void *p, size_t n)
{
	p = escape(p);
	if (!p) {
		count_up(&tally.failed, 1);
		return p;
	}
	count_up(&tally.allocs, 1);
	count_up(&tally.allocated, n);
	count_up(&tally.blocks, 1);
	count_up(&tally.bytes, n);
	return p;
}

/* A block of n bytes was handed back. */
static inline void tally_free(size_t n)
{
	count_up(&tally.frees, 1);
	count_up(&tally.blocks, -1ul);
	count_up(&tally.bytes, -n);
}

/* In a fork's child: it starts with a copy of what its parent had outstanding. */
static inline void tally_fork_child(void)
{
	tally.allocs = tally.blocks;
	tally.allocated = tally.bytes;
	tally.frees = tally.failed = 0;
}

struct line {
	char text[512];
	size_t sz;
};

static inline void line_add(struct line *line, const char *text)
{
	while (*text && line->sz < sizeof(line->text) - 1)
		line->text[line->sz++] = *text++;
}

static inline void line_add_number(struct line *line, unsigned long number, unsigned int base)
{
	char digits[24];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	line_add(line, &digits[i]);
}

/* Prints the line in one write, so that lines of several processes are not mixed. */
static inline void line_print(struct line *line)
{
	line_add(line, "\n");
	if (write(STDOUT_FILENO, line->text, line->sz) < 0)
		_exit(99);
}

static inline void say(const char *text)
{
	struct line line = {};

	line_add(&line, text);
	line_print(&line);
}

/* "LABEL 0xADDRESS" */
static inline void say_address(const char *label, const void *p)
{
	struct line line = {};

	line_add(&line, label);
	line_add(&line, " 0x");
	line_add_number(&line, (uintptr_t)p, 16);
	line_print(&line);
}

static inline void expect_print(const char *name)
{
	const struct {
		const char *key;
		unsigned long value;
	} fields[] = {
		{" pid=", (unsigned long)getpid()},
		{" blocks=", tally.blocks},
		{" bytes=", tally.bytes},
		{" allocs=", tally.allocs},
		{" frees=", tally.frees},
		{" allocated=", tally.allocated},
		{" failed=", tally.failed},
	};
	struct line line = {};

	line_add(&line, "EXPECT ");
	line_add(&line, name);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		line_add(&line, fields[i].key);
		line_add_number(&line, fields[i].value, 10);
	}
	line_print(&line);
}

/* Ends the test program when a premise of it fails: the harness shows the text. */
static inline void require(int premise, const char *text)
{
	if (premise)
		return;
	say(text);
	_exit(98);
}

#endif
