/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of call frame information that compilers seldom write, assembled from .cfi directives. Each
 * `nop` is a byte, so offsets count them. */
#include <errno.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "built_programs.h"
#include "unwind/rows.h"

#define EXPECTED_MAX 8

struct expected {
	uint64_t offset; /* in .text */
	uint32_t rule;
};

static uint64_t find_text(int fd)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	do {
		section = elf_nextscn(elf, section);
		assert_non_null(section);
		assert_non_null(gelf_getshdr(section, &header));
	} while (strcmp(elf_strptr(elf, names, header.sh_name), ".text") != 0);
	elf_end(elf);
	return header.sh_offset;
}

static void assemble(const char *text, struct unwind_rows *ret_rows, uint64_t *ret_text)
{
	int fd;

	built__write("case.s", text, strlen(text));
	built__run("as -o case.o case.s && ld -shared -o case.so case.o 2> ld.err");
	fd = built__open("case.so");
	*ret_text = find_text(fd);
	assert_int_equal(unwind_rows__build(fd, ret_rows), 0);
	close(fd);
}

/* One function: `body` and its directives. */
static void check(const char *body, size_t unsupported, size_t cnt, const struct expected *expected)
{
	struct unwind_rows rows = {0};
	char text[4096];
	uint64_t start;

	snprintf(text, sizeof(text), ".text\nnop\n.cfi_startproc\n%s\n.cfi_endproc\nnop\n", body);
	assemble(text, &rows, &start);
	assert_int_equal(unwind_rows__find(&rows, start), UNWIND_NONE);
	for (size_t i = 0; i < cnt; i++)
		assert_int_equal(
			unwind_rows__find(&rows, start + 1 + expected[i].offset), expected[i].rule);
	assert_int_equal(rows.unsupported, unsupported);
	unwind_rows__destroy(&rows);
}

#define CHECK(body, unsupported, ...)                                                              \
	check(body, unsupported,                                                                   \
		sizeof((struct expected[]){__VA_ARGS__}) / sizeof(struct expected),                \
		(struct expected[]){__VA_ARGS__})

#define SP(offset) UNWIND_RULE(UNWIND_RSP, offset, 0, 0)
#define SP_BP(offset, bp_offset) UNWIND_RULE(UNWIND_RSP, offset, 1, bp_offset)
#define BP_BP(offset, bp_offset) UNWIND_RULE(UNWIND_RBP, offset, 1, bp_offset)

static void a_function_starts_above_its_return_address_and_has_an_end(void **state)
{
	(void)state;
	CHECK("nop\nnop", 0, {0, SP(8)}, {1, SP(8)}, {2, UNWIND_NONE});
}

static void a_frame_pointer_is_set_up_and_taken_down(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_def_cfa_offset 16\n.cfi_offset 6,-16\n"
	      "nop\n.cfi_def_cfa_register 6\n"
	      "nop\n.cfi_restore 6\n.cfi_def_cfa 7,8\nnop",
		0, {0, SP(8)}, {1, SP_BP(16, -16)}, {2, BP_BP(16, -16)}, {3, SP(8)},
		{4, UNWIND_NONE});
}

static void states_are_remembered_and_restored(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_def_cfa_offset 16\n.cfi_offset 6,-16\n"
	      "nop\n.cfi_remember_state\n.cfi_def_cfa_offset 64\n"
	      "nop\n.cfi_remember_state\n.cfi_restore 6\n.cfi_adjust_cfa_offset 8\n"
	      "nop\n.cfi_restore_state\n"
	      "nop\n.cfi_restore_state\nnop",
		0, {1, SP_BP(16, -16)}, {2, SP_BP(64, -16)}, {3, SP(72)}, {4, SP_BP(64, -16)},
		{5, SP_BP(16, -16)});
}

static void what_is_restored_is_what_the_cie_says(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_offset 16,-24\n"
	      "nop\n.cfi_restore 16\nnop",
		1, {0, SP(8)}, {1, UNWIND_NONE}, {2, SP(8)});
}

static void other_registers_change_nothing(void **state)
{
	struct unwind_rows rows = {0};
	uint64_t start;

	(void)state;
	assemble(".text\n.cfi_startproc\nnop\n.cfi_offset 3,-16\nnop\n.cfi_undefined 12\n"
		 "nop\n.cfi_same_value 13\nnop\n.cfi_escape 0x2e,16\nnop\n.cfi_endproc\n",
		&rows, &start);
	assert_int_equal(rows.cnt, 2);
	assert_int_equal(rows.rows[0].file_offset, start);
	assert_int_equal(rows.rows[0].rule, SP(8));
	assert_int_equal(rows.rows[1].file_offset, start + 5);
	assert_int_equal(rows.rows[1].rule, UNWIND_NONE);
	unwind_rows__destroy(&rows);
}

static void without_a_return_address_there_is_no_caller(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_undefined 16\n"
	      "nop\n.cfi_def_cfa 10,0\nnop",
		0, {0, SP(8)}, {1, UNWIND_ROOT}, {2, UNWIND_ROOT});
}

static void a_bp_that_is_undefined_or_the_same_is_unchanged(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_offset 6,-16\nnop\n.cfi_undefined 6\nnop\n.cfi_offset 6,-16\n"
	      "nop\n.cfi_same_value 6\nnop",
		0, {1, SP_BP(8, -16)}, {2, SP(8)}, {3, SP_BP(8, -16)}, {4, SP(8)});
}

#define SIGNAL_FRAME                                                                               \
	".cfi_escape 0x0f,4,0x77,0xa0,1,6\n"  /* CFA = *(sp + 160) */                              \
	".cfi_escape 0x10,6,3,0x77,0xf8,0\n"  /* bp at sp + 120 */                                 \
	".cfi_escape 0x10,16,3,0x77,0xa8,1\n" /* pc at sp + 168 */

static void a_signal_frame_is_known_by_the_kernels_layout(void **state)
{
	(void)state;
	CHECK(".cfi_signal_frame\n" SIGNAL_FRAME "nop", 0, {0, UNWIND_SIGNAL}, {1, UNWIND_NONE});
	CHECK(SIGNAL_FRAME "nop", 1, {0, UNWIND_NONE});
	CHECK(".cfi_signal_frame\nnop", 1, {0, UNWIND_NONE});
	CHECK(".cfi_signal_frame\n" SIGNAL_FRAME ".cfi_escape 0x0f,4,0x77,0xa8,1,6\nnop", 1,
		{0, UNWIND_NONE});
	CHECK(".cfi_signal_frame\n" SIGNAL_FRAME ".cfi_escape 0x10,16,3,0x77,0xa0,1\nnop", 1,
		{0, UNWIND_NONE});
	CHECK(".cfi_signal_frame\n" SIGNAL_FRAME ".cfi_escape 0x10,6,3,0x77,0xf0,0\nnop", 1,
		{0, UNWIND_NONE});
}

static void realigned_frames_have_their_cfa_in_memory(void **state)
{
	(void)state;
	CHECK(".cfi_escape 0x0f,3,0x76,0x78,6\n"		    /* CFA = *(bp - 8) */
	      ".cfi_escape 0x10,6,2,0x76,0\n"			    /* bp at bp */
	      "nop\n.cfi_escape 0x0f,5,0x76,0x80,0x80,0x7c,6\nnop", /* *(bp - 65536) */
		0, {0, UNWIND_RULE(UNWIND_RBP_DEREF, -8, 1, UNWIND_BP_AT_BP)},
		{1, UNWIND_RULE(UNWIND_RBP_DEREF, -65536, 1, UNWIND_BP_AT_BP)});
	CHECK(".cfi_escape 0x0f,5,0x76,0x80,0x80,4,6\nnop", 1, {0, UNWIND_NONE}); /* + 65536 */
	CHECK(".cfi_escape 0x0f,3,0x76,0x7c,6\nnop", 1, {0, UNWIND_NONE});	  /* - 4 */
	CHECK(".cfi_escape 0x0f,3,0x77,8,6\nnop", 1, {0, UNWIND_NONE});		  /* *(sp + 8) */
	CHECK(".cfi_escape 0x10,6,2,0x76,8\nnop", 1, {0, UNWIND_NONE});		  /* at bp + 8 */
	CHECK(".cfi_escape 0x16,6,2,0x76,0\nnop", 1, {0, UNWIND_NONE});		  /* is bp + 0 */
}

/* What hand-written code does behind an expression. */
static void a_register_after_an_expression_takes_the_last_offset(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_def_cfa_offset 56\n"
	      "nop\n.cfi_escape 0x0f,6,0x77,0x98,1,6,0x23,8\n"
	      "nop\n.cfi_escape 0x0d,7\n"
	      "nop",
		1, {1, SP(56)}, {2, UNWIND_NONE}, {3, SP(56)});
}

static void frames_of_more_than_128_kb_have_no_rule(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_def_cfa_offset 131064\nnop\n.cfi_def_cfa_offset 131072\nnop\n"
	      ".cfi_def_cfa_offset 0x7fffffff8\nnop\n.cfi_def_cfa_offset 131064\nnop",
		2, {1, SP(131064)}, {2, UNWIND_NONE}, {3, UNWIND_NONE}, {4, SP(131064)});
}

static void what_no_rule_can_express_is_counted(void **state)
{
	static const char *const bodies[] = {
		".cfi_escape 0x0c,0x87,2,8", /* by register 256 + 7 */
		".cfi_def_cfa 10,0",	     /* by another register */
		".cfi_def_cfa 7,12",	     /* no multiple of 8 */
		".cfi_def_cfa 7,-16",	     /* below sp */
		".cfi_def_cfa 6,-16",	     /* below bp */
		".cfi_offset 16,-16",	     /* return address elsewhere */
		".cfi_register 16,5",	     /* and in a register */
		".cfi_same_value 16",	     /* still there */
		".cfi_register 6,3",	     /* bp in a register */
		".cfi_val_offset 6,-16",     /* bp = CFA - 16 */
		".cfi_offset 6,-65536",	     /* reserved */
		".cfi_offset 6,65536",	     /* far */
		".cfi_escape 0x0f,2,0x77,8", /* an expression */
		".cfi_escape 0x0f,0",	     /* an empty one */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		char body[256];

		snprintf(body, sizeof(body), "nop\n%s\nnop", bodies[i]);
		CHECK(body, 1, {0, SP(8)}, {1, UNWIND_NONE});
	}
	CHECK("nop\n.cfi_offset 6,-65528\nnop\n.cfi_offset 6,65528\nnop", 0, {1, SP_BP(8, -65528)},
		{2, SP_BP(8, 65528)});
}

static void a_linkers_plt_keeps_its_threshold(void **state)
{
	(void)state;
	CHECK(".cfi_escape 0x0f,11,0x77,8,0x80,0,0x3f,0x1a,0x3b,0x2a,0x33,0x24,0x22\n"
	      "nop\n"
	      ".cfi_escape 0x0f,11,0x77,8,0x80,0,0x3f,0x1a,0x35,0x2a,0x33,0x24,0x22\nnop\n"
	      ".cfi_escape 0x0f,11,0x77,16,0x80,0,0x3f,0x1a,0x3b,0x2a,0x33,0x24,0x22\nnop\n",
		1, {0, UNWIND_RULE(UNWIND_PLT, 11 * 8, 0, 0)},
		{1, UNWIND_RULE(UNWIND_PLT, 5 * 8, 0, 0)}, {2, UNWIND_NONE});
}

static void unknown_instructions_end_what_is_known(void **state)
{
	(void)state;
	CHECK("nop\n.cfi_def_cfa_offset 16\nnop\n.cfi_escape 0x3f\nnop\n.cfi_def_cfa_offset 8\nnop",
		1, {1, SP(16)}, {2, UNWIND_NONE}, {3, UNWIND_NONE});
	CHECK("nop\n.cfi_escape 0x0b\nnop", 1, {0, SP(8)},
		{1, UNWIND_NONE}); /* nothing remembered */
}

static void long_advances_are_read(void **state)
{
	(void)state;
	CHECK(".skip 255\n.cfi_def_cfa_offset 16\n.skip 65535\n.cfi_def_cfa_offset 24\n"
	      ".skip 65536\n.cfi_def_cfa_offset 32\nnop",
		0, {254, SP(8)}, {255, SP(16)}, {65789, SP(16)}, {65790, SP(24)}, {131325, SP(24)},
		{131326, SP(32)}, {131327, UNWIND_NONE});
	/* The assembler's own advance by 1 comes before. */
	CHECK("nop\n.cfi_escape 0x1d,1,0,0,0,0,0,0,0\n.cfi_escape 0x0e,16\nnop\nnop", 0, {1, SP(8)},
		{2, SP(16)});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_function_starts_above_its_return_address_and_has_an_end),
		cmocka_unit_test(a_frame_pointer_is_set_up_and_taken_down),
		cmocka_unit_test(states_are_remembered_and_restored),
		cmocka_unit_test(what_is_restored_is_what_the_cie_says),
		cmocka_unit_test(other_registers_change_nothing),
		cmocka_unit_test(without_a_return_address_there_is_no_caller),
		cmocka_unit_test(a_bp_that_is_undefined_or_the_same_is_unchanged),
		cmocka_unit_test(a_signal_frame_is_known_by_the_kernels_layout),
		cmocka_unit_test(realigned_frames_have_their_cfa_in_memory),
		cmocka_unit_test(a_register_after_an_expression_takes_the_last_offset),
		cmocka_unit_test(frames_of_more_than_128_kb_have_no_rule),
		cmocka_unit_test(what_no_rule_can_express_is_counted),
		cmocka_unit_test(a_linkers_plt_keeps_its_threshold),
		cmocka_unit_test(unknown_instructions_end_what_is_known),
		cmocka_unit_test(long_advances_are_read),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
