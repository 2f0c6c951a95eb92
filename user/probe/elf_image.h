/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An ELF file as the program loader sees it: segments, the bytes at an address, symbol tables.
 * Every number in the file is hostile; what is handed out lies within the file.
 */
#ifndef HEAPTAP_PROBE_ELF_IMAGE_H
#define HEAPTAP_PROBE_ELF_IMAGE_H

#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_segment {
	uint64_t address;
	uint64_t file_offset;
	uint64_t file_sz; /* bytes that the file really has */
	bool executable;
};

struct elf_image {
	int fd; /* the caller's */
	uint64_t file_sz;
	Elf *elf;
	GElf_Ehdr header;
	struct elf_segment *segments; /* PT_LOAD */
	size_t segment_cnt;
};

/* 0, -ENOEXEC (no ELF program or library), -EIO (malformed or unreadable), -ENOMEM. The machine is
 * for the caller to check. */
int elf_image__open(int fd, struct elf_image *ret_image);
void elf_image__close(struct elf_image *image);

/* An x86-64 program or library (not x32). */
bool elf_image__is_x86_64(const struct elf_image *image);

/* The segment that has the address in the file, or NULL. */
const struct elf_segment *elf_image__segment(const struct elf_image *image, uint64_t address);

/* Copies the bytes at an address: up to sz, less where the segment or the file ends. */
size_t elf_image__read(const struct elf_image *image, uint64_t address, void *buf, size_t sz);

struct elf_symbols {
	Elf_Data *symbols; /* NULL: there is no such table */
	const char *names;
	size_t names_sz;
	size_t cnt;
};

/* The first table of a type (SHT_DYNSYM, SHT_SYMTAB); an empty one when there is none. It lives as
 * long as the image. */
void elf_image__symbols(
	const struct elf_image *image, uint32_t section_type, struct elf_symbols *ret_symbols);

/* One symbol; *ret_name may be read for *ret_name_cap bytes (0: it has no name). False: no such. */
bool elf_symbols__get(const struct elf_symbols *symbols, size_t i, GElf_Sym *ret_symbol,
	const char **ret_name, size_t *ret_name_cap);

/* A visitor's false ends the visit. */
typedef bool elf_relocation_visitor(void *context, const GElf_Rela *relocation);

/* Visits the relocations with addends of all sections that refer to .dynsym. */
void elf_image__relocations(
	const struct elf_image *image, elf_relocation_visitor *visit, void *context);

#endif
