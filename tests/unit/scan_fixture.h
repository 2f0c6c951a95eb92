/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Scans of files for what to probe, and what was found. */
#ifndef HEAPTAP_TESTS_SCAN_FIXTURE_H
#define HEAPTAP_TESTS_SCAN_FIXTURE_H

#include <elf.h>

#include "libraries.h"
#include "probe/scan.h"

static inline int scan_for(const char *path, bool with_mapping, struct probe_sites *ret_sites)
{
	int fd = open(path, O_RDONLY);
	int err;

	assert_true(fd >= 0);
	err = probe_sites__scan(fd, "", with_mapping, ret_sites);
	close(fd);
	return err;
}

static inline int scan(const char *path, struct probe_sites *ret_sites)
{
	return scan_for(path, false, ret_sites);
}

/* Links an assembler text as a library, and scans it. */
static inline void scan_assembly(const char *text, const char *flags, struct probe_sites *ret_sites)
{
	link_assembly(text, flags);
	assert_int_equal(scan(in_directory("case.so"), ret_sites), 0);
}

static inline const struct probe_site *find_site(const struct probe_sites *sites, const char *name)
{
	for (size_t i = 0; i < sites->cnt; i++)
		if (strcmp(sites->sites[i].name, name) == 0)
			return &sites->sites[i];
	return NULL;
}

/* The names of the functions that are probed, in order, each with a blank behind it. */
static inline const char *names(const struct probe_sites *sites)
{
	static char text[4096];

	text[0] = '\0';
	for (size_t i = 0; i < sites->cnt; i++) {
		if (sites->sites[i].kind == SITE_RETURN)
			continue;
		strcat(text, sites->sites[i].name);
		strcat(text, " ");
	}
	return text;
}

static inline void assert_names(const char *text, const char *expected)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	assert_string_equal(names(&sites), expected);
	probe_sites__destroy(&sites);
}

/* The address of what lies at an offset in a file. */
static inline uint64_t address_at(const char *path, uint64_t offset)
{
	int fd = open(path, O_RDONLY);
	uint64_t address = 0;
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	assert_int_equal(read(fd, &header, sizeof(header)), sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		assert_int_equal(
			pread(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)),
			sizeof(segment));
		if (segment.p_type == PT_LOAD && segment.p_flags & PF_X &&
			offset - segment.p_offset < segment.p_filesz)
			address = segment.p_vaddr + (offset - segment.p_offset);
	}
	close(fd);
	return address;
}

#define MALLOC_AND_FREE SIMPLE("malloc") SIMPLE("free")

/* An operator that calls something else. */
#define NEW_AROUND(call)                                                                           \
	MALLOC_AND_FREE FUNCTION("_Znwm", "push %rbx\nmov %rdi,%rbx\n" call "pop %rbx\nret\n")

/* Functions that may throw, and what they jump to; exits e1 to e9. */
#define EXIT(name, ret) ".globl " name "\n" name ": " ret "\n"
#define NEW(body) MALLOC_AND_FREE FUNCTION("_Znwm", body)
#define LOCAL(name, body) ".type " name ", @function\n" name ":\n" body ".balign 64, 0xcc\n"

/* A call, and the landing pad of an exception from it, which no jump leads to. */
#define CATCHING(lsda, pad)                                                                        \
	NEW(".cfi_startproc\n.cfi_lsda " lsda                                                      \
	    "\nentry: push %rbx\ncalls: call abort@plt\ncalled:\n"                                 \
	    "pop %rbx\n" EXIT("e1", "ret") pad ".cfi_endproc\n")
#define LSDA_HEADER(base, encoding)                                                                \
	".section .gcc_except_table,\"a\"\ntable: " base "\n.byte 0xff, " encoding "\n"            \
	".uleb128 last - first\nfirst: "

#endif
