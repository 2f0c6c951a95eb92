/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From ELF files to probe sites: files of other machines, that are no programs, and that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include "scan_fixture.h"

/* A file in memory. */
static int memory_file(const void *bytes, size_t sz)
{
	int fd = memfd_create("scan", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, sz), sz);
	return fd;
}

static int scan_bytes(const void *bytes, size_t sz, struct probe_sites *ret_sites)
{
	int fd = memory_file(bytes, sz);
	int err = probe_sites__scan(fd, "", false, ret_sites);

	close(fd);
	return err;
}

static void assert_not_traced(uint8_t class, uint16_t machine, const char *reason)
{
	union {
		Elf64_Ehdr ehdr64;
		Elf32_Ehdr ehdr32;
	} header = {0};
	struct probe_sites sites = {0};

	memcpy(header.ehdr64.e_ident, ELFMAG, SELFMAG);
	header.ehdr64.e_ident[EI_CLASS] = class;
	header.ehdr64.e_ident[EI_DATA] = ELFDATA2LSB;
	header.ehdr64.e_ident[EI_VERSION] = EV_CURRENT;
	header.ehdr64.e_type = ET_DYN;
	header.ehdr64.e_machine = machine;
	header.ehdr64.e_version = EV_CURRENT;
	assert_int_equal(scan_bytes(&header, sizeof(header), &sites), -ENOTSUP);
	assert_string_equal(sites.reason, reason);
	assert_int_equal(sites.cnt, 0);
	probe_sites__destroy(&sites);
}

static void other_machines_are_refused_by_name(void **state)
{
	(void)state;
	assert_not_traced(ELFCLASS32, EM_386, "32-bit x86 program: not traced");
	assert_not_traced(ELFCLASS32, EM_X86_64, "x32 program: not traced");
	assert_not_traced(ELFCLASS64, EM_AARCH64, "aarch64 program: not traced");
	assert_not_traced(ELFCLASS64, 4711, "program of ELF machine 4711: not traced");
}

static void files_that_are_no_programs(void **state)
{
	struct probe_sites sites = {0};
	int fd = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(scan_bytes("", 0, &sites), -ENOEXEC);
	assert_int_equal(scan_bytes("#!/bin/sh\n", 10, &sites), -ENOEXEC);
	assert_int_equal(scan_bytes("\177ELF", 4, &sites), -ENOEXEC);
	assert_int_equal(probe_sites__scan(fd, "", false, &sites), -ENOEXEC);
	close(fd);
	assert_int_equal(probe_sites__scan(-1, "", false, &sites), -EBADF);
}

/* A small library with some of everything, and its bytes. */
static uint8_t *make_library(size_t *ret_sz)
{
	struct probe_sites sites;
	struct stat stat;
	uint8_t *bytes;
	int fd;

	scan_assembly(CATCHING("0x1b, table", "pad: pop %rbx\nret\n")
			      FUNCTION("_Znam", "jmp malloc@plt\n") SIMPLE("calloc") LSDA_HEADER(
				      ".byte 0xff", "1") ".uleb128 calls - entry, "
							 "called - calls, pad - entry, 1\nlast:\n",
		"", &sites);
	probe_sites__destroy(&sites);
	fd = open(in_directory("case.so"), O_RDONLY);
	assert_int_equal(fstat(fd, &stat), 0);
	bytes = malloc(stat.st_size);
	assert_int_equal(read(fd, bytes, stat.st_size), stat.st_size);
	close(fd);
	*ret_sz = stat.st_size;
	return bytes;
}

static void cut_files_neither_crash_nor_hang(void **state)
{
	struct probe_sites sites = {0};
	uint8_t *bytes;
	size_t sz;

	(void)state;
	bytes = make_library(&sz);
	for (size_t cut = 0; cut < sz; cut += cut < 512 ? 8 : 61) {
		if (scan_bytes(bytes, cut, &sites) == 0)
			probe_sites__destroy(&sites);
	}
	assert_int_equal(scan_bytes(bytes, sz, &sites), 0);
	assert_string_equal(names(&sites), "malloc calloc free _Znwm ");
	probe_sites__destroy(&sites);
	free(bytes);
}

/* Each 8-byte word of the headers and tables, by itself, as all ones and as a big number. */
static void lying_words_neither_crash_nor_hang(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, 0x7ffffffffffffff0, 0xffffffff, 0x1000};
	struct probe_sites sites = {0};
	uint8_t *bytes;
	size_t sz;

	(void)state;
	bytes = make_library(&sz);
	for (size_t at = 16; at + 8 <= sz; at += 8) {
		uint64_t saved, lie = lies[at / 8 % 4];

		memcpy(&saved, bytes + at, 8);
		if (saved == 0 && at > 1024)
			continue;
		memcpy(bytes + at, &lie, 8);
		if (scan_bytes(bytes, sz, &sites) == 0)
			probe_sites__destroy(&sites);
		memcpy(bytes + at, &saved, 8);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_machines_are_refused_by_name),
		cmocka_unit_test(files_that_are_no_programs),
		cmocka_unit_test(cut_files_neither_crash_nor_hang),
		cmocka_unit_test(lying_words_neither_crash_nor_hang),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
