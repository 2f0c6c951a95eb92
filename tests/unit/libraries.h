/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Libraries that tests look into: those that are installed, and those assembled for one rule each. */
#ifndef HEAPTAP_TESTS_LIBRARIES_H
#define HEAPTAP_TESTS_LIBRARIES_H

#include "built_programs.h"

#define LIBRARIES "/usr/lib/x86_64-linux-gnu/"

/* A global function of an assembler text. */
#define FUNCTION(name, body)                                                                       \
	".globl " name "\n.type " name ", @function\n" name ":\n" body ".size " name ", .-" name   \
	"\n.balign 256, 0xcc\n"
#define SIMPLE(name) FUNCTION(name, "push %rbp\npop %rbp\nret\n")
#define STATIC(name) ".type " name ", @function\n" name ": push %rbp\npop %rbp\nret\n"

/* A path in the test's directory, until the next call. */
static inline const char *in_directory(const char *name)
{
	static char path[BUILT_PATH_SZ];

	return built__path(name, path);
}

/* Links an assembler text as the library case.so. */
static inline void link_assembly(const char *text, const char *flags)
{
	FILE *file = fopen(in_directory("case.s"), "w");

	assert_non_null(file);
	fputs(".text\n", file);
	fputs(text, file);
	fputs("\n.section .note.GNU-stack,\"\",@progbits\n", file);
	fclose(file);
	built__run("cc -nostdlib -shared %s case.s -o case.so", flags);
}

#endif
