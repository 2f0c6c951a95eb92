/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ELF files and call frame information that lie: what can be read is, the rest has no rules. Run it
 * under sanitizers. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "built_programs.h"
#include "elf_frames.h"
#include "unwind/rows.h"

#define SP(offset) UNWIND_RULE(UNWIND_RSP, offset, 0, 0)

static const uint8_t nothing[] = {0};
/* What a CIE says here: CFA = sp + 8, return address at CFA - 8. */
static const uint8_t cie_program[] = {0x0c, 7, 8, 0x90, 1};
static const uint8_t sp_16[] = {0x0e, 16}; /* def_cfa_offset */
static const uint8_t sp_24[] = {0x0e, 24};

static int build(
	const struct elf_frames *file, const struct frames *frames, struct unwind_rows *rows)
{
	int fd = elf_frames__open(file, frames);
	int err = unwind_rows__build(fd, rows);

	close(fd);
	return err;
}

static int build_section(const char *name, const struct frames *frames, struct unwind_rows *rows)
{
	struct elf_frames file = elf_frames__describe(name, frames->sz);

	return build(&file, frames, rows);
}

static uint32_t find(const struct unwind_rows *rows, uint64_t at)
{
	return unwind_rows__find(rows, ELF_CODE_OFFSET + at);
}

/* A section with a CIE and one FDE for [0, 16). */
static struct frames *frames__new(void)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	assert_non_null(frames);
	frames__put_cie(frames);
	frames__put_fde(frames, 0, 0, 16, nothing, 1);
	return frames;
}

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

/* ---- programs that lie ---- */

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

/* ---- files that lie ---- */

static void check_error(const struct elf_frames *file, int expected)
{
	struct frames *frames = frames__new();
	struct unwind_rows rows = {.cnt = 77};

	assert_int_equal(build(file, frames, &rows), expected);
	if (expected)
		assert_int_equal(rows.cnt, 77);
	else
		assert_int_equal(rows.cnt, 0);
	free(frames);
}

static void what_is_no_elf_file_of_this_machine_is_refused(void **state)
{
	struct elf_frames file = elf_frames__describe(".eh_frame", 50);
	int fd;

	(void)state;
	file.header.e_ident[EI_CLASS] = ELFCLASS32;
	check_error(&file, -ENOTSUP);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2MSB;
	check_error(&file, -ENOTSUP);
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_machine = EM_AARCH64;
	check_error(&file, -ENOTSUP);
	file.header.e_ident[EI_MAG0] = 'M';
	check_error(&file, -ENOEXEC);
	fd = memfd_create("empty", MFD_CLOEXEC);
	assert_int_equal(unwind_rows__build(fd, &(struct unwind_rows){0}), -ENOEXEC);
	close(fd);
	assert_int_equal(unwind_rows__build(-1, &(struct unwind_rows){0}), -EBADF);
}

static void program_headers_that_lie_are_refused(void **state)
{
	struct elf_frames file = elf_frames__describe(".eh_frame", 50);
	struct elf_frames good = file;

	(void)state;
	file.header.e_phentsize = 32;
	check_error(&file, -EIO);
	file = good;
	file.header.e_phnum = 65535;
	check_error(&file, -EIO);
	file = good;
	file.header.e_phoff = 1ull << 40;
	check_error(&file, -EIO);
	file.header.e_phoff = UINT64_MAX - 8;
	check_error(&file, -EIO);
	file = good;
	file.header.e_phnum = 0;
	check_error(&file, 0);
	file = good;
	file.segment.p_flags = PF_R;
	check_error(&file, 0);
}

/* Linkers make one range of code, seldom two; here are 100. */
static void many_segments_of_code_are_survived(void **state)
{
	struct frames *frames = calloc(1, sizeof(*frames));
	struct elf_frames file = elf_frames__describe(".eh_frame", 0);
	struct unwind_rows rows = {0};

	(void)state;
	assert_non_null(frames);
	file.sections[1].sh_offset += 100 * sizeof(file.segment);
	file.header.e_phoff = sizeof(file);
	file.header.e_phnum = 100;
	for (int i = 0; i < 100; i++)
		frames__put(frames, &file.segment, sizeof(file.segment));
	frames__put_cie(frames);
	file.sections[1].sh_size = frames->sz - 100 * sizeof(file.segment);
	assert_int_equal(build(&file, frames, &rows), 0);
	free(frames);
}

static void code_beyond_4_gib_is_too_far(void **state)
{
	struct elf_frames file = elf_frames__describe(".eh_frame", 50);

	(void)state;
	file.segment.p_offset = UINT32_MAX - ELF_CODE_SZ + 1;
	check_error(&file, -EFBIG);
	file.segment.p_offset = 1ull << 32;
	check_error(&file, -EFBIG);
	file.segment.p_offset = ELF_CODE_OFFSET;
	file.segment.p_filesz = UINT64_MAX;
	check_error(&file, -EFBIG);
}

static void section_headers_that_lie_leave_no_rows(void **state)
{
	struct elf_frames file = elf_frames__describe(".eh_frame", 50);
	struct elf_frames good = file;

	(void)state;
	file.header.e_shoff = UINT64_MAX - 100;
	check_error(&file, 0);
	file = good;
	file.header.e_shnum = 65535;
	check_error(&file, 0);
	file = good;
	file.header.e_shstrndx = 3;
	check_error(&file, 0);
	file = good;
	file.sections[2].sh_size = UINT64_MAX;
	check_error(&file, 0);
	file = good;
	file.sections[1].sh_name = UINT32_MAX;
	check_error(&file, 0);
	file = good;
	file.sections[1].sh_offset = UINT64_MAX;
	check_error(&file, 0);
	file = good;
	file.sections[1].sh_size = 32 << 20;
	check_error(&file, 0);
	file = good;
	file.sections[1].sh_size = 1ull << 40;
	check_error(&file, -EFBIG);
	file = good;
	file.sections[1].sh_type = SHT_NOBITS;
	check_error(&file, 0);
	file = good;
	file.sections[1].sh_flags = SHF_COMPRESSED;
	check_error(&file, 0);
}

static void a_compressed_section_that_lies_is_not_read(void **state)
{
	struct frames *frames = calloc(1, sizeof(*frames));
	Elf64_Chdr header = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = 100};
	struct elf_frames file = elf_frames__describe(".debug_frame", sizeof(header) + 4);
	struct unwind_rows rows = {0};

	(void)state;
	assert_non_null(frames);
	file.sections[1].sh_flags = SHF_COMPRESSED;
	frames__put(frames, &header, sizeof(header));
	frames__put_u32(frames, 0x12345678);
	assert_int_equal(build(&file, frames, &rows), 0);
	assert_int_equal(rows.cnt, 0);
	header.ch_size = 1ull << 40;
	memcpy(frames->bytes, &header, sizeof(header));
	assert_int_equal(build(&file, frames, &rows), -EFBIG);
	free(frames);
}

static void a_section_without_a_readable_entry_is_malformed(void **state)
{
	struct frames *frames = frames__new();
	struct elf_frames file = elf_frames__describe(".eh_frame", frames->sz);
	struct unwind_rows rows = {0};

	(void)state;
	frames->bytes[8] = 77; /* the CIE's version */
	assert_int_equal(build(&file, frames, &rows), -EIO);
	memset(frames->bytes, 0xee, frames->sz);
	assert_int_equal(build(&file, frames, &rows), -EIO);
	free(frames);
}

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

/* ---- time and memory ---- */

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

/* ---- real files, cut and changed ---- */

static void check_rows(const struct unwind_rows *rows)
{
	for (size_t i = 1; i < rows->cnt; i++) {
		assert_true(rows->rows[i].file_offset > rows->rows[i - 1].file_offset);
		assert_true(rows->rows[i].rule != rows->rows[i - 1].rule);
	}
}

static void check_bytes(const uint8_t *bytes, size_t sz)
{
	struct unwind_rows rows = {0};
	int fd = memfd_create("bytes", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, sz), sz);
	if (unwind_rows__build(fd, &rows) == 0)
		check_rows(&rows);
	unwind_rows__destroy(&rows);
	close(fd);
}

static uint8_t *read_program(size_t *ret_sz)
{
	built__run("cp /usr/bin/true program");
	return built__read("program", ret_sz);
}

static void a_truncated_file_is_survived(void **state)
{
	size_t sz;
	uint8_t *bytes = read_program(&sz);

	(void)state;
	for (size_t cut = 0; cut < sz; cut += 61)
		check_bytes(bytes, cut);
	free(bytes);
}

static void a_changed_file_is_survived(void **state)
{
	uint64_t seed = 88172645463325252ull;
	size_t sz;
	uint8_t *bytes = read_program(&sz);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		size_t at = built__random(&seed) % sz;
		uint8_t before = bytes[at];

		bytes[at] = built__random(&seed);
		check_bytes(bytes, sz);
		if (i % 50)
			bytes[at] = before;
	}
	free(bytes);
}

/* A process that makes the file shorter and longer again, until it is killed. */
static pid_t start_truncating(int fd, const uint8_t *bytes, size_t sz)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	while (pid == 0) {
		if (ftruncate(fd, 100) != 0 || pwrite(fd, bytes, sz, 0) != (ssize_t)sz)
			_exit(1);
	}
	return pid;
}

static void a_file_that_changes_meanwhile_is_survived(void **state)
{
	int fd = memfd_create("changing", 0);
	size_t sz;
	uint8_t *bytes = read_program(&sz);
	pid_t pid;

	(void)state;
	assert_int_equal(pwrite(fd, bytes, sz, 0), sz);
	pid = start_truncating(fd, bytes, sz);
	for (int i = 0; i < 2000; i++) {
		struct unwind_rows rows = {0};

		if (unwind_rows__build(fd, &rows) == 0)
			check_rows(&rows);
		unwind_rows__destroy(&rows);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
	free(bytes);
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
		cmocka_unit_test(a_program_that_is_cut_off_holds_up_to_there),
		cmocka_unit_test(states_without_end_are_not_remembered),
		cmocka_unit_test(rows_of_no_code_are_none),
		cmocka_unit_test(half_a_cfa_is_none),
		cmocka_unit_test(advances_beyond_the_code_end_it),
		cmocka_unit_test(a_fde_of_no_code_cuts_nothing),
		cmocka_unit_test(a_code_factor_that_overflows_is_the_end_of_the_code),
		cmocka_unit_test(a_data_factor_that_overflows_has_no_rule),
		cmocka_unit_test(what_is_no_elf_file_of_this_machine_is_refused),
		cmocka_unit_test(program_headers_that_lie_are_refused),
		cmocka_unit_test(many_segments_of_code_are_survived),
		cmocka_unit_test(code_beyond_4_gib_is_too_far),
		cmocka_unit_test(section_headers_that_lie_leave_no_rows),
		cmocka_unit_test(a_compressed_section_that_lies_is_not_read),
		cmocka_unit_test(a_section_without_a_readable_entry_is_malformed),
		cmocka_unit_test(debug_frame_names_its_cies_otherwise),
		cmocka_unit_test(debug_frame_has_cies_of_64_bits),
		cmocka_unit_test(dropped_functions_of_debug_frame_are_left_out),
		cmocka_unit_test(a_long_cie_is_run_once),
		cmocka_unit_test(a_truncated_file_is_survived),
		cmocka_unit_test(a_changed_file_is_survived),
		cmocka_unit_test(a_file_that_changes_meanwhile_is_survived),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
