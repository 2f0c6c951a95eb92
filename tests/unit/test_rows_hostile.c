/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ELF files that lie, or are cut, or change meanwhile: what can be read is, the rest has no rows.
 * Run it under sanitizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "built_programs.h"
#include "rows_by_hand.h"

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
		cmocka_unit_test(what_is_no_elf_file_of_this_machine_is_refused),
		cmocka_unit_test(program_headers_that_lie_are_refused),
		cmocka_unit_test(many_segments_of_code_are_survived),
		cmocka_unit_test(code_beyond_4_gib_is_too_far),
		cmocka_unit_test(section_headers_that_lie_leave_no_rows),
		cmocka_unit_test(a_compressed_section_that_lies_is_not_read),
		cmocka_unit_test(a_section_without_a_readable_entry_is_malformed),
		cmocka_unit_test(a_truncated_file_is_survived),
		cmocka_unit_test(a_changed_file_is_survived),
		cmocka_unit_test(a_file_that_changes_meanwhile_is_survived),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
