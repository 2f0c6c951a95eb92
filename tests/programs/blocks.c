/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tells of each block that it keeps what the program itself knows: "BLOCK number address size line tid
 * contents". Its allocations are counted from the first, so nothing else may allocate before: no stdio.
 * Blocks are of different sizes and hold different bytes, hostile ones too. Then it waits for the end
 * of its input.
 */
#include <sys/syscall.h>
#include "expect.h"

static unsigned long allocs;

static NOINLINE void report(const unsigned char *block, size_t size, unsigned long at_line, size_t shown)
{
	struct line line = {};

	line_add(&line, "BLOCK ");
	line_add_number(&line, allocs, 10);
	line_add(&line, " 0x");
	line_add_number(&line, (uintptr_t)block, 16);
	line_add(&line, " ");
	line_add_number(&line, size, 10);
	line_add(&line, " ");
	line_add_number(&line, at_line, 10);
	line_add(&line, " ");
	line_add_number(&line, syscall(SYS_gettid), 10);
	line_add(&line, " ");
	for (size_t i = 0; i < shown; i++) {
		line_add_number(&line, block[i] >> 4, 16);
		line_add_number(&line, block[i] & 0xf, 16);
	}
	line_print(&line);
}

#define KEEP(size, bytes)                                                                          \
	do {                                                                                       \
		size_t size_ = (size), cnt_ = sizeof(bytes) - 1;                                   \
		unsigned char *block_ = malloc(size_);                                             \
                                                                                                   \
		allocs++;                                                                          \
		require(block_ != NULL, "no memory");                                              \
		memcpy(block_, bytes, cnt_ < size_ ? cnt_ : size_);                                \
		report(block_, size_, __LINE__, cnt_ < size_ ? cnt_ : size_);                      \
	} while (0)

static NOINLINE void waste(unsigned int cnt)
{
	for (; cnt; cnt--, allocs++)
		free(escape(malloc(cnt)));
}

int main(void)
{
	char byte;

	waste(3);
	KEEP(500, "Hello, world!\n\0.");
	KEEP(700, "\x1b[2J\x1b]0;owned\x07\xff\xc2\x9b");
	waste(7);
	KEEP(40, "\xe2\x80\xae\x80\x81\"\\\x7f\0\0\0\0\0\0\0\0");
	KEEP(3, "abc");
	say("READY");
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
