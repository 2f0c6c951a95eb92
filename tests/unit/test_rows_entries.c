/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries of call frame information, made by hand: in any order, of all sizes, and such as lie. Run
 * it under sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "rows_by_hand.h"

static const uint8_t sp_16[] = {0x0e, 16}; /* def_cfa_offset */
static const uint8_t sp_24[] = {0x0e, 24};

/* The rows are those of the first FDE, whatever else is in the section. Takes the frames. */
static void check_first_fde_only(struct frames *frames)
{
	struct unwind_rows rows = {0};

	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.cnt, 2);
	assert_int_equal(find(&rows, 0), SP(8));
	assert_int_equal(find(&rows, 15), SP(8));
	assert_int_equal(find(&rows, 16), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void a_file_made_by_hand_is_read(void **state)
{
	(void)state;
	check_first_fde_only(frames__new());
}

/* ---- order ---- */

static void fdes_may_come_in_any_order_and_gaps_have_no_rule(void **state)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_fde(frames, 0, 64, 16, nothing, 1);
	frames__put_fde(frames, 0, 32, 32, sp_16, sizeof(sp_16));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.cnt, 5);
	assert_int_equal(find(&rows, 15), SP(8));
	assert_int_equal(find(&rows, 16), UNWIND_NONE);
	assert_int_equal(find(&rows, 31), UNWIND_NONE);
	assert_int_equal(find(&rows, 32), SP(16));
	assert_int_equal(find(&rows, 63), SP(16));
	assert_int_equal(find(&rows, 64), SP(8));
	assert_int_equal(find(&rows, 80), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void where_fdes_overlap_the_one_that_starts_later_counts(void **state)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_fde(frames, 0, 8, 4, sp_16, sizeof(sp_16));
	frames__put_fde(frames, 0, 0, 8, sp_24, sizeof(sp_24));
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(find(&rows, 0), SP(8)); /* the first of two alike */
	assert_int_equal(find(&rows, 7), SP(8));
	assert_int_equal(find(&rows, 8), SP(16));
	assert_int_equal(find(&rows, 12), UNWIND_NONE);
	assert_int_equal(rows.cnt, 3);
	unwind_rows__destroy(&rows);
	free(frames);
}

/* ---- entries that lie ---- */

static void a_fde_that_names_no_cie_is_left_out(void **state)
{
	static const size_t cies[] = {
		4,	     /* into the CIE */
		18,	     /* the first FDE */
		43,	     /* itself */
		(size_t)-64, /* before the section */
		100000,	     /* behind it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cies) / sizeof(*cies); i++) {
		struct frames *frames = frames__new();

		frames__put_fde(frames, cies[i], 64, 16, nothing, 1);
		check_first_fde_only(frames);
	}
}

static void an_entry_longer_than_the_section_ends_it(void **state)
{
	static const uint32_t sizes[] = {1000, 0x7fffffff, 0xfffffffe};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct frames *frames = frames__new();

		frames__put_u32(frames, sizes[i]);
		frames__put_fde(frames, 0, 64, 16, nothing, 1);
		check_first_fde_only(frames);
	}
}

static void lengths_of_64_bits_are_read_and_checked(void **state)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_u32(frames, UINT32_MAX);
	frames__put_u64(frames, 8 + 16);
	frames__put_u64(frames, frames->sz); /* the CIE at 0 */
	frames__put_u64(frames, ELF_CODE_ADDRESS + 64);
	frames__put_u64(frames, 16);
	frames__put_u32(frames, UINT32_MAX);
	frames__put_u64(frames, UINT64_MAX - 4);
	frames__put_fde(frames, 0, 96, 16, nothing, 1);
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(find(&rows, 0), SP(8));
	assert_int_equal(find(&rows, 64), SP(8));
	assert_int_equal(find(&rows, 96), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void what_follows_the_terminator_is_not_read(void **state)
{
	struct frames *frames = frames__new();

	(void)state;
	frames__put_u32(frames, 0);
	frames__put_fde(frames, 0, 64, 16, nothing, 1);
	check_first_fde_only(frames);
}

/* Appends a CIE with that augmentation and these bytes behind it, and a FDE of it. */
static void put_augmented(
	struct frames *frames, const char *augmentation, const uint8_t *data, size_t data_sz)
{
	size_t cie = frames->sz, begun = frames__begin(frames);

	frames__put_u32(frames, 0);
	FRAMES_PUT(frames, 1);
	frames__put(frames, augmentation, strlen(augmentation) + 1);
	FRAMES_PUT(frames, 1, 0x78, 16);
	frames__put(frames, data, data_sz);
	frames__put(frames, cie_program, sizeof(cie_program));
	frames__end(frames, begun);
	frames__put_fde(frames, cie, 64, 16, nothing, 1);
}

static void a_cie_with_an_unknown_augmentation_is_left_out(void **state)
{
	static const uint8_t absolute[] = {1, 0}, none[] = {0, 0}, indirect[] = {1, 0x9b},
			     long_data[] = {100, 0};
	static const struct {
		const char *augmentation;
		const uint8_t *data;
	} cies[] = {{"zX", absolute}, {"eh", none}, {"R", none}, {"zR", indirect},
		{"zRR", absolute}, {"zR", long_data}, {"zPR", absolute}};

	(void)state;
	for (size_t i = 0; i < sizeof(cies) / sizeof(*cies); i++) {
		struct frames *frames = frames__new();

		put_augmented(frames, cies[i].augmentation, cies[i].data, 2);
		check_first_fde_only(frames);
	}
}

/* This makes elfutils 0.188 read beyond the section. */
static void an_augmentation_of_many_personalities_is_left_out(void **state)
{
	struct frames *frames = frames__new();
	char augmentation[65536] = "z";

	(void)state;
	memset(augmentation + 1, 'P', sizeof(augmentation) - 2);
	put_augmented(frames, augmentation, (const uint8_t[]){1, 0}, 2);
	check_first_fde_only(frames);
}

static void a_cie_of_another_kind_is_left_out(void **state)
{
	static const struct {
		uint8_t bytes[9];
		size_t sz;
	} cies[] = {
		{{2, 0, 1, 0x78, 16}, 5},		/* no such version */
		{{1, 0, 1, 0x78, 17}, 5},		/* return address in another column */
		{{4, 0, 4, 0, 1, 0x78, 16}, 7},		/* addresses of 4 bytes */
		{{4, 0, 8, 1, 1, 0x78, 16}, 7},		/* with a segment selector */
		{{1, 0, 1, 0x78, 16}, 5},		/* its program advances */
		{{1, 0, 1, 0x78, 16, 0x0b}, 6},		/* nothing to restore */
		{{1, 'z', 'R', 'L', 1, 1, 1, 1, 1}, 9}, /* a string without end */
		{{1, 0, 0x80, 0x80, 0x80, 0x80}, 6},	/* a number without end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cies) / sizeof(*cies); i++) {
		struct frames *frames = frames__new();
		size_t cie = frames->sz, begun = frames__begin(frames);

		frames__put_u32(frames, 0);
		frames__put(frames, cies[i].bytes, cies[i].sz);
		if (i < 6)
			frames__put(frames, cie_program, sizeof(cie_program));
		if (i == 4)
			FRAMES_PUT(frames, 0x41);
		frames__end(frames, begun);
		frames__put_fde(frames, cie, 64, 16, nothing, 1);
		check_first_fde_only(frames);
	}
}

static void a_fde_of_no_code_cuts_nothing(void **state)
{
	struct frames *frames = frames__new();

	(void)state;
	frames__put_fde(frames, 0, 8, 0, nothing, 1);
	check_first_fde_only(frames);
}

static void code_outside_of_the_segment_is_cut_off(void **state)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	frames__put_fde(frames, 0, ELF_CODE_SZ, 16, nothing, 1);
	frames__put_fde(frames, 0, -16, 16, nothing, 1);
	frames__put_fde(frames, 0, 64, 0, nothing, 1);
	frames__put_fde(frames, 0, 128, UINT64_MAX, nothing, 1);
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.cnt, 4);
	assert_int_equal(find(&rows, 64), UNWIND_NONE);
	assert_int_equal(find(&rows, 128), SP(8));
	assert_int_equal(find(&rows, ELF_CODE_SZ - 1), SP(8));
	assert_int_equal(find(&rows, ELF_CODE_SZ), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

/* ---- .debug_frame ---- */

/* In .debug_frame a CIE is named by its place in the section, and by ~0 itself. */
static struct frames *debug_frames__new(void)
{
	struct frames *frames = frames__new();
	uint32_t cie_id = UINT32_MAX, cie = 0;

	memcpy(frames->bytes + 4, &cie_id, sizeof(cie_id));
	memcpy(frames->bytes + 18 + 4, &cie, sizeof(cie));
	return frames;
}

static void debug_frame_names_its_cies_otherwise(void **state)
{
	struct frames *frames = debug_frames__new();
	struct unwind_rows rows = {0};

	(void)state;
	assert_int_equal(build_section(".debug_frame", frames, &rows), 0);
	assert_int_equal(rows.cnt, 2);
	assert_int_equal(find(&rows, 0), SP(8));
	assert_int_equal(find(&rows, 16), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

static void debug_frame_has_cies_of_64_bits(void **state)
{
	struct frames *frames = debug_frames__new();
	struct unwind_rows rows = {0};
	size_t cie = frames->sz;

	(void)state;
	frames__put_u32(frames, UINT32_MAX);
	frames__put_u64(frames, 8 + 5 + sizeof(cie_program));
	frames__put_u64(frames, UINT64_MAX);
	FRAMES_PUT(frames, 3, 0, 1, 0x78, 16);
	frames__put(frames, cie_program, sizeof(cie_program));
	frames__put_u32(frames, UINT32_MAX);
	frames__put_u64(frames, 8 + 16);
	frames__put_u64(frames, cie);
	frames__put_u64(frames, ELF_CODE_ADDRESS + 64);
	frames__put_u64(frames, 16);
	assert_int_equal(build_section(".debug_frame", frames, &rows), 0);
	assert_int_equal(find(&rows, 0), SP(8));
	assert_int_equal(find(&rows, 79), SP(8));
	assert_int_equal(find(&rows, 80), UNWIND_NONE);
	unwind_rows__destroy(&rows);
	free(frames);
}

/* There, functions that the linker dropped are left behind at address 0, which may be mapped. */
static void dropped_functions_of_debug_frame_are_left_out(void **state)
{
	(void)state;
	for (uint64_t address = 0; address <= 8; address += 8) {
		struct frames *frames = debug_frames__new();
		struct elf_frames file = elf_frames__describe(".debug_frame", frames->sz);
		struct unwind_rows rows = {0};

		memcpy(frames->bytes + 18 + 8, &address, sizeof(address));
		file.segment.p_vaddr = 0;
		assert_int_equal(build(&file, frames, &rows), 0);
		assert_int_equal(rows.cnt, address ? 2 : 0);
		unwind_rows__destroy(&rows);
		free(frames);
	}
}

/* ---- time ---- */

/* Thousands of FDEs of a CIE whose program has 128 KiB: seconds if each ran it. */
static void a_long_cie_is_run_once(void **state)
{
	struct frames *frames = calloc(1, sizeof(*frames));
	struct unwind_rows rows = {0};
	clock_t start = clock();
	size_t begun;

	(void)state;
	assert_non_null(frames);
	begun = frames__begin(frames);
	frames__put_u32(frames, 0);
	FRAMES_PUT(frames, 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1);
	frames->sz += 128 * 1024; /* DW_CFA_nop */
	frames__end(frames, begun);
	for (uint64_t at = 0; frames->sz + 32 < sizeof(frames->bytes); at++)
		frames__put_fde(frames, 0, at, 1, nothing, 0);
	assert_int_equal(build_section(".eh_frame", frames, &rows), 0);
	assert_int_equal(rows.cnt, 2);
	assert_true(clock() - start < CLOCKS_PER_SEC / 2);
	unwind_rows__destroy(&rows);
	free(frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_made_by_hand_is_read),
		cmocka_unit_test(fdes_may_come_in_any_order_and_gaps_have_no_rule),
		cmocka_unit_test(where_fdes_overlap_the_one_that_starts_later_counts),
		cmocka_unit_test(a_fde_that_names_no_cie_is_left_out),
		cmocka_unit_test(an_entry_longer_than_the_section_ends_it),
		cmocka_unit_test(lengths_of_64_bits_are_read_and_checked),
		cmocka_unit_test(what_follows_the_terminator_is_not_read),
		cmocka_unit_test(a_cie_with_an_unknown_augmentation_is_left_out),
		cmocka_unit_test(an_augmentation_of_many_personalities_is_left_out),
		cmocka_unit_test(a_cie_of_another_kind_is_left_out),
		cmocka_unit_test(code_outside_of_the_segment_is_cut_off),
		cmocka_unit_test(a_fde_of_no_code_cuts_nothing),
		cmocka_unit_test(debug_frame_names_its_cies_otherwise),
		cmocka_unit_test(debug_frame_has_cies_of_64_bits),
		cmocka_unit_test(dropped_functions_of_debug_frame_are_left_out),
		cmocka_unit_test(a_long_cie_is_run_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
