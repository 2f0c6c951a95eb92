/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of call frame information that lie: what can be run is, the rest has no rules. Run it
 * under sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rows_by_hand.h"

/* The FDE's program holds from its start to `at`; from there on nothing is known. */
static void check_program(const uint8_t *program, size_t sz, uint64_t at)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	frames__put_fde(frames, 0, 64, 16, program, sz);
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.unsupported, 1);
	if (at > 0)
		assert_int_equal(find(&rows, 64 + at - 1), SP(8));
	assert_int_equal(find(&rows, 64 + at), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void a_program_that_is_cut_off_holds_up_to_there(void **state)
{
	static const uint8_t programs[][4] = {
		{0x41, 0x0e},		  /* def_cfa_offset of nothing */
		{0x41, 0x04, 1, 1},	  /* half an advance */
		{0x41, 0x0f, 0x7f, 0},	  /* a block beyond the end */
		{0x41, 0x10, 6, 0x80},	  /* its size unknown */
		{0x41, 0x86},		  /* offset of nothing */
		{0x41, 0x0c, 0x80, 0x80}, /* a register without end */
		{0x41, 0x3e},		  /* unknown */
		{0x41, 0x01, 0, 0},	  /* set_loc */
		{0x41, 0x2d},		  /* another machine's */
		{0x41, 0x0b},		  /* nothing remembered */
	};
	static const size_t sizes[] = {2, 4, 4, 4, 2, 4, 2, 4, 2, 2};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		check_program(programs[i], sizes[i], 1);
}

static void states_without_end_are_not_remembered(void **state)
{
	uint8_t program[1000];

	(void)state;
	memset(program, 0x0a, sizeof(program));
	program[0] = 0x44;
	check_program(program, sizeof(program), 4);
}

static void rows_of_no_code_are_none(void **state)
{
	static const uint8_t program[] = {0x0c, 10, 0, 0x40, 0x0c, 7, 16};
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_fde(frames, 0, 64, 16, program, sizeof(program));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.unsupported, 0);
	assert_int_equal(find(&rows, 64), SP(16));
	unwind_rows__destroy(&rows);
	free(frames);
}

static void half_a_cfa_is_none(void **state)
{
	static const uint8_t program[] = {0x0d, 7, 0x0e, 8}; /* the register, the offset */
	struct frames *frames = frames__new();
	size_t cie = frames->sz, begun = frames__begin(frames);
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_u32(frames, 0);
	FRAMES_PUT(frames, 1, 0, 1, 0x78, 16, 0x90, 1);
	frames__end(frames, begun);
	frames__put_fde(frames, cie, 64, 16, program, sizeof(program));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.unsupported, 1);
	assert_int_equal(find(&rows, 64), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void advances_beyond_the_code_end_it(void **state)
{
	static const uint8_t program[] = {
		0x1d, 255, 255, 255, 255, 255, 255, 255, 255, 0x0e, 16, 0x41, 0x0e, 24};
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_fde(frames, 0, 64, 16, program, sizeof(program));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(find(&rows, 64), SP(8));
	assert_int_equal(find(&rows, 79), SP(8));
	assert_int_equal(find(&rows, 80), UNWIND_NONE);
	assert_int_equal(rows.unsupported, 0);
	unwind_rows__destroy(&rows);
	free(frames);
}

/* A CIE with these factors; a FDE at 64 with two rows. */
static void put_factors(struct frames *frames, const uint8_t *factors, size_t factors_sz)
{
	static const uint8_t program[] = {0x42, 0x86, 2}; /* advance, bp at 2 * data */
	size_t cie = frames->sz, begun = frames__begin(frames);

	frames__put_u32(frames, 0);
	FRAMES_PUT(frames, 1, 0);
	frames__put(frames, factors, factors_sz);
	FRAMES_PUT(frames, 16);
	frames__put(frames, cie_program, sizeof(cie_program));
	frames__end(frames, begun);
	frames__put_fde(frames, cie, 64, 16, program, sizeof(program));
}

static void a_code_factor_that_overflows_is_the_end_of_the_code(void **state)
{
	static const uint8_t factors[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x78};
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	put_factors(frames, factors, sizeof(factors));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(find(&rows, 64), SP(8));
	assert_int_equal(find(&rows, 79), SP(8));
	unwind_rows__destroy(&rows);
	free(frames);
}

static void a_data_factor_that_overflows_has_no_rule(void **state)
{
	static const uint8_t factors[] = {
		1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f};
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	put_factors(frames, factors, sizeof(factors));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.unsupported, 2);
	assert_int_equal(find(&rows, 64), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_is_cut_off_holds_up_to_there),
		cmocka_unit_test(states_without_end_are_not_remembered),
		cmocka_unit_test(rows_of_no_code_are_none),
		cmocka_unit_test(half_a_cfa_is_none),
		cmocka_unit_test(advances_beyond_the_code_end_it),
		cmocka_unit_test(a_code_factor_that_overflows_is_the_end_of_the_code),
		cmocka_unit_test(a_data_factor_that_overflows_has_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
