/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rows of real programs, beside two readers of call frame information that share no code with
 * ours: binutils' readelf and elfutils' libdw. Both sides are step functions of the file offset;
 * they are compared wherever either of them steps, so that equal means equal everywhere.
 *
 * usage: test_rows [FILE...]    instead of the files named below
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "built_programs.h"
#include "rows_libdw.h"
#include "rows_readelf.h"
#include "unwind/rows.h"

static const char *const known[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib/x86_64-linux-gnu/libm.so.6",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/bin/ls",
	"/usr/bin/perl",
	"/usr/bin/python3",
	"/usr/bin/sqlite3",
	"/usr/bin/redis-server",
	"/usr/bin/gdb",
};

struct files {
	const char *const *paths;
	size_t cnt;
};

static void rows_of_installed_programs_are_those_of_readelf(void **state)
{
	const struct files *files = *state;
	size_t unsupported, expression_cnt;

	for (size_t i = 0; i < files->cnt; i++) {
		if (access(files->paths[i], R_OK) != 0)
			continue;
		check_with_readelf(files->paths[i], &unsupported, &expression_cnt);
		print_message("%s: %zu rows without a rule, %zu by expressions\n", files->paths[i],
			unsupported, expression_cnt);
	}
}

static void rows_of_installed_programs_are_those_of_libdw(void **state)
{
	const struct files *files = *state;

	for (size_t i = 0; i < files->cnt; i++) {
		size_t counts[UNWIND_SIGNAL + 1] = {0};

		if (access(files->paths[i], R_OK) != 0)
			continue;
		check_with_libdw(files->paths[i], counts);
		print_message("%s: none %zu root %zu sp %zu bp %zu deref %zu plt %zu signal %zu\n",
			files->paths[i], counts[UNWIND_NONE], counts[UNWIND_ROOT],
			counts[UNWIND_RSP], counts[UNWIND_RBP], counts[UNWIND_RBP_DEREF],
			counts[UNWIND_PLT], counts[UNWIND_SIGNAL]);
	}
}

static void glibc_has_roots_a_signal_frame_and_plts(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	check_with_libdw(known[0], counts);
	assert_true(counts[UNWIND_ROOT] >= 1); /* clone */
	assert_int_equal(counts[UNWIND_SIGNAL], 1);
	assert_int_equal(counts[UNWIND_PLT], 1);
}

static const char program[] = "#include <stdio.h>\n"
			      "int main(int argc, char **argv) { return printf(\"%d\", argc); }\n";

/* A program built from `source`, beside both readers. */
static void check_built(
	const char *compiler, const char *options, const char *source, size_t *counts)
{
	size_t unsupported, expression_cnt;
	char path[BUILT_PATH_SZ];

	built__write("program.c", source, strlen(source));
	built__run("%s %s -o program program.c", compiler, options);
	check_with_readelf(built__path("program", path), &unsupported, &expression_cnt);
	check_with_libdw(path, counts);
}

static void static_programs_and_static_pies_are_read(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	check_built("gcc", "-O2 -static", program, counts);
	assert_true(counts[UNWIND_ROOT] >= 1); /* _start */
	check_built("gcc", "-O2 -static-pie", program, counts);
	assert_true(counts[UNWIND_ROOT] >= 1);
}

static void a_static_program_of_musl_is_read(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	if (!built__try("command -v musl-gcc > musl"))
		skip();
	check_built("musl-gcc", "-O2 -static -fasynchronous-unwind-tables", program, counts);
	assert_true(counts[UNWIND_RSP] > 0);
}

/* Without .eh_frame for C code; and compressed, which takes a few functions to be worth it. */
static void debug_frame_is_read_where_eh_frame_has_nothing(void **state)
{
	static const char source[] =
		"#define F(n) int f##n(int a) { return n ? printf(\"%d\", a) + n : 0; }\n"
		"#define F4(n) F(n##0) F(n##1) F(n##2) F(n##3)\n"
		"#include <stdio.h>\n"
		"F4(1) F4(2) F4(3) F4(4) F4(5)\n"
		"int main(void) { return 0; }\n";
	static const char options[] =
		"-O2 -g -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions";
	size_t plain[UNWIND_SIGNAL + 1] = {0}, compressed[UNWIND_SIGNAL + 1] = {0};
	char text[sizeof(options) + 64];

	(void)state;
	snprintf(text, sizeof(text), "%s -Wl,--compress-debug-sections=none", options);
	check_built("gcc", text, source, plain);
	snprintf(text, sizeof(text), "%s -Wl,--compress-debug-sections=zlib", options);
	check_built("gcc", text, source, compressed);
	built__run("readelf -SW program | grep '[.]debug_frame' | grep -q ' C '");
	assert_true(plain[UNWIND_RSP] > 20 * 2);
	assert_memory_equal(plain, compressed, sizeof(plain));
}

static size_t count_bp_at_bp(const struct unwind_rows *rows)
{
	size_t cnt = 0;

	for (size_t i = 0; i < rows->cnt; i++)
		cnt += UNWIND_RULE_KIND(rows->rows[i].rule) == UNWIND_RBP_DEREF &&
		       UNWIND_RULE_BP_SAVED(rows->rows[i].rule) &&
		       UNWIND_RULE_BP_OFFSET(rows->rows[i].rule) == UNWIND_BP_AT_BP;
	return cnt;
}

/* gcc keeps the CFA in memory where it realigns the stack of a function whose frame varies. */
static void functions_that_realign_their_stack_have_rules(void **state)
{
	static const char source[] =
		"#include <alloca.h>\n"
		"__attribute__((noinline)) void fill(char *a, char *b) { *a = *b = 1; }\n"
		"__attribute__((noinline)) int realigned(\n"
		"	int a, int b, int c, int d, int e, int f, int g, int h)\n"
		"{\n"
		"	_Alignas(64) char aligned[64];\n"
		"	fill(aligned, alloca(a));\n"
		"	return aligned[g + h];\n"
		"}\n"
		"int main(int argc, char **argv) { return realigned(argc, 1, 2, 3, 4, 5, 6, 7); "
		"}\n";
	size_t counts[UNWIND_SIGNAL + 1] = {0};
	struct unwind_rows rows = {0};
	int fd;

	(void)state;
	check_built("gcc", "-O2", source, counts);
	assert_true(counts[UNWIND_RBP_DEREF] > 0);
	fd = built__open("program");
	assert_int_equal(unwind_rows__build(fd, &rows), 0);
	assert_int_equal(count_bp_at_bp(&rows), counts[UNWIND_RBP_DEREF]);
	unwind_rows__destroy(&rows);
	close(fd);
}

/* Of the linker's lazy PLTs: where an entry's push lies differs. */
static void plts_have_the_linkers_threshold(void **state)
{
	static const struct {
		const char *option;
		uint32_t threshold;
	} plts[] = {{"-z,lazy", 11}, {"-z,lazy,-z,ibtplt", 9}};

	(void)state;
	for (size_t i = 0; i < sizeof(plts) / sizeof(*plts); i++) {
		size_t counts[UNWIND_SIGNAL + 1] = {0};
		struct unwind_rows rows = {0};
		char options[128];
		uint32_t rule = 0;
		int fd;

		snprintf(options, sizeof(options), "-O2 -no-pie -Wl,%s", plts[i].option);
		check_built("gcc", options, program, counts);
		assert_int_equal(counts[UNWIND_PLT], 1);
		fd = built__open("program");
		assert_int_equal(unwind_rows__build(fd, &rows), 0);
		for (size_t k = 0; k < rows.cnt; k++)
			if (UNWIND_RULE_KIND(rows.rows[k].rule) == UNWIND_PLT)
				rule = rows.rows[k].rule;
		assert_int_equal(UNWIND_RULE_CFA_OFFSET(rule) / 8, plts[i].threshold);
		unwind_rows__destroy(&rows);
		close(fd);
	}
}

/* By PT_GNU_EH_FRAME. */
static void a_file_without_section_headers_has_the_same_rows(void **state)
{
	struct unwind_rows rows = {0}, rows_without = {0};
	Elf64_Ehdr *header;
	uint8_t *bytes;
	size_t sz;
	int fd;

	(void)state;
	built__run("cp /usr/bin/ls program");
	bytes = built__read("program", &sz);
	header = (Elf64_Ehdr *)bytes;
	header->e_shoff = header->e_shnum = header->e_shstrndx = 0;
	built__write("without", bytes, sz);
	free(bytes);
	fd = built__open("program");
	assert_int_equal(unwind_rows__build(fd, &rows), 0);
	close(fd);
	fd = built__open("without");
	assert_int_equal(unwind_rows__build(fd, &rows_without), 0);
	close(fd);
	assert_true(rows.cnt > 1000);
	assert_int_equal(rows.cnt, rows_without.cnt);
	assert_memory_equal(rows.rows, rows_without.rows, rows.cnt * sizeof(*rows.rows));
	unwind_rows__destroy(&rows);
	unwind_rows__destroy(&rows_without);
}

int main(int argc, char **argv)
{
	struct files files = {known, sizeof(known) / sizeof(*known)};
	struct files given = {(const char *const *)argv + 1, argc - 1};
	struct files *state = argc > 1 ? &given : &files;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(rows_of_installed_programs_are_those_of_readelf, state),
		cmocka_unit_test_prestate(rows_of_installed_programs_are_those_of_libdw, state),
		cmocka_unit_test(glibc_has_roots_a_signal_frame_and_plts),
		cmocka_unit_test(static_programs_and_static_pies_are_read),
		cmocka_unit_test(a_static_program_of_musl_is_read),
		cmocka_unit_test(debug_frame_is_read_where_eh_frame_has_nothing),
		cmocka_unit_test(functions_that_realign_their_stack_have_rules),
		cmocka_unit_test(plts_have_the_linkers_threshold),
		cmocka_unit_test(a_file_without_section_headers_has_the_same_rows),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
