/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What unwinding needs of an ELF file: where its code lies, and the sections with call frame
 * information.
 *
 * Read with pread(2) into memory of our own: a file that somebody truncates or rewrites meanwhile
 * gives short reads or nonsense, never SIGBUS. No number of the file decides how much memory is
 * taken, but for the bounds below.
 */
#ifndef HEAPTAP_UNWIND_ELF_PARTS_H
#define HEAPTAP_UNWIND_ELF_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libLLVM's .eh_frame has 5 MB. With what is made of it (rows.c) this bounds all memory. */
#define CFI_SECTION_SZ_MAX (64u << 20)
#define CODE_RANGES_MAX 16 /* linkers make one */

struct code_range {
	uint64_t address, sz;
	uint64_t file_offset; /* all of the range lies below 4 GiB in the file */
};

struct cfi_section {	/* all zeros: there is none */
	uint8_t *bytes; /* own */
	size_t sz;
	uint64_t address;
	bool is_eh; /* .eh_frame, else .debug_frame: they differ in how a CIE is named */
};

struct elf_parts {
	struct code_range code[CODE_RANGES_MAX];
	size_t code_cnt;
	struct cfi_section eh_frame, debug_frame;
};

/* 0, -ENOEXEC (no ELF file), -ENOTSUP (not x86-64), -EIO (no usable program headers), -EFBIG (code
 * beyond 4 GiB, or a section of more than CFI_SECTION_SZ_MAX), -ENOMEM. */
int elf_parts__read(int fd, struct elf_parts *ret_parts);
void elf_parts__destroy(struct elf_parts *parts);

/* The range of code that an address lies in, or NULL. */
const struct code_range *elf_parts__code(const struct elf_parts *parts, uint64_t address);

#endif
