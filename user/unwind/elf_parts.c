/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections are found by their names. Where the file has no section headers (stripped of them, or
 * they lie), .eh_frame is found as the C++ runtime does it, by PT_GNU_EH_FRAME; how long it is
 * isn't said there: until its terminator. .debug_frame may be compressed (gABI, "Section
 * Compression"), by zlib.
 */
#include <dwarf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "unwind/bytes.h"
#include "unwind/elf_parts.h"

/* fs/binfmt_elf.c, load_elf_phdrs(): the table may take 64 KiB. */
#define PROGRAM_HEADERS_MAX (65536 / sizeof(Elf64_Phdr))
#define SECTION_NAMES_SZ_MAX (1u << 20)

struct elf_file {
	int fd;
	Elf64_Ehdr header;
	Elf64_Phdr *segments; /* own */
	Elf64_Shdr *sections; /* own; NULL: none that could be read */
	char *names;	      /* own; of the sections, ends with NUL */
	size_t names_sz;
};

static void elf_file__destroy(struct elf_file *file)
{
	free(file->segments);
	free(file->sections);
	free(file->names);
}

/* Exactly `sz` bytes into new memory, with a NUL behind them. */
static int read_new(int fd, uint64_t offset, size_t sz, void **ret_bytes)
{
	char *bytes = malloc(sz + 1);
	size_t got = 0;
	ssize_t more = 1;

	if (!bytes)
		return -ENOMEM;
	while (got < sz) {
		more = pread(fd, bytes + got, sz - got, offset + got);
		if (more < 0 && errno == EINTR)
			continue;
		if (more <= 0)
			break;
		got += more;
	}
	if (got < sz) {
		free(bytes);
		return -EIO;
	}
	bytes[sz] = '\0';
	*ret_bytes = bytes;
	return 0;
}

static int read_header(struct elf_file *file)
{
	Elf64_Ehdr *header = &file->header;
	ssize_t got = pread(file->fd, header, sizeof(*header), 0);

	if (got < 0)
		return -errno;
	if (got < EI_NIDENT || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOTSUP;
	if (got < (ssize_t)sizeof(*header))
		return -ENOEXEC;
	return header->e_machine == EM_X86_64 ? 0 : -ENOTSUP;
}

static int read_segments(struct elf_file *file)
{
	const Elf64_Ehdr *header = &file->header;

	if (header->e_phnum > PROGRAM_HEADERS_MAX ||
		(header->e_phnum > 0 && header->e_phentsize != sizeof(Elf64_Phdr)))
		return -EIO;
	return read_new(file->fd, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr),
		(void **)&file->segments);
}

/* -EIO: there are none, or none that are of use. */
static int read_sections(struct elf_file *file)
{
	const Elf64_Ehdr *header = &file->header;
	const Elf64_Shdr *names;
	int err;

	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shstrndx >= header->e_shnum)
		return -EIO;
	err = read_new(file->fd, header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr),
		(void **)&file->sections);
	if (err)
		return err;
	names = &file->sections[header->e_shstrndx];
	if (names->sh_size > SECTION_NAMES_SZ_MAX)
		return -EIO;
	file->names_sz = names->sh_size;
	return read_new(file->fd, names->sh_offset, names->sh_size, (void **)&file->names);
}

static int elf_file__read(int fd, struct elf_file *ret_file)
{
	struct elf_file file = {.fd = fd};
	int err;

	err = read_header(&file);
	if (!err)
		err = read_segments(&file);
	if (!err) {
		err = read_sections(&file);
		if (err == -EIO) /* the program headers will do */
			err = 0;
	}
	if (err) {
		elf_file__destroy(&file);
		return err;
	}
	*ret_file = file;
	return 0;
}

/* ---- code ---- */

static int find_code(const struct elf_file *file, struct elf_parts *parts)
{
	for (size_t i = 0; i < file->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &file->segments[i];

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) ||
			parts->code_cnt == CODE_RANGES_MAX)
			continue;
		if (segment->p_offset > UINT32_MAX ||
			segment->p_filesz > UINT32_MAX - segment->p_offset)
			return -EFBIG;
		parts->code[parts->code_cnt++] = (struct code_range){
			.address = segment->p_vaddr,
			.sz = segment->p_filesz,
			.file_offset = segment->p_offset,
		};
	}
	return 0;
}

const struct code_range *elf_parts__code(const struct elf_parts *parts, uint64_t address)
{
	for (size_t i = 0; i < parts->code_cnt; i++)
		if (address - parts->code[i].address < parts->code[i].sz)
			return &parts->code[i];
	return NULL;
}

/* ---- call frame information ---- */

static const Elf64_Shdr *find_section(const struct elf_file *file, const char *name)
{
	for (size_t i = 0; file->names && i < file->header.e_shnum; i++) {
		const Elf64_Shdr *section = &file->sections[i];

		if (section->sh_name < file->names_sz && section->sh_type != SHT_NOBITS &&
			strcmp(file->names + section->sh_name, name) == 0)
			return section;
	}
	return NULL;
}

/* Replaces a compressed section's bytes. -EIO: it cannot be read. */
static int decompress(struct cfi_section *section)
{
	const Elf64_Chdr *header = (const Elf64_Chdr *)section->bytes;
	uLongf sz;
	uint8_t *bytes;

	if (section->sz < sizeof(*header) || header->ch_type != ELFCOMPRESS_ZLIB)
		return -EIO;
	if (header->ch_size > CFI_SECTION_SZ_MAX)
		return -EFBIG;
	sz = header->ch_size;
	bytes = malloc(sz + 1);
	if (!bytes)
		return -ENOMEM;
	if (uncompress(bytes, &sz, section->bytes + sizeof(*header),
		    section->sz - sizeof(*header)) != Z_OK) {
		free(bytes);
		return -EIO;
	}
	free(section->bytes);
	section->bytes = bytes;
	section->sz = sz;
	return 0;
}

static int read_section(
	const struct elf_file *file, const Elf64_Shdr *header, struct cfi_section *ret_section)
{
	struct cfi_section section = {.sz = header->sh_size, .address = header->sh_addr};
	int err;

	if (header->sh_size > CFI_SECTION_SZ_MAX)
		return -EFBIG;
	err = read_new(file->fd, header->sh_offset, header->sh_size, (void **)&section.bytes);
	if (!err && header->sh_flags & SHF_COMPRESSED)
		err = decompress(&section);
	if (err) {
		free(section.bytes);
		return err;
	}
	*ret_section = section;
	return 0;
}

static const Elf64_Phdr *find_segment(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 0; i < file->header.e_phnum; i++)
		if (file->segments[i].p_type == type)
			return &file->segments[i];
	return NULL;
}

/* .eh_frame's address by .eh_frame_hdr (LSB Core Generic, "The .eh_frame_hdr section"): version,
 * three encodings, the pointer. */
static int find_eh_frame(const struct elf_file *file, uint64_t *ret_address)
{
	const Elf64_Phdr *segment = find_segment(file, PT_GNU_EH_FRAME);
	struct bytes bytes;
	void *header;
	int err;

	if (!segment)
		return -EIO;
	err = read_new(file->fd, segment->p_offset, 12, &header);
	if (err)
		return err;
	bytes = (struct bytes){.at = (uint8_t *)header + 4, .end = (uint8_t *)header + 12};
	*ret_address = bytes__pointer(&bytes, ((uint8_t *)header)[1], header, segment->p_vaddr);
	free(header);
	return bytes.failed ? -EIO : 0;
}

static int read_eh_frame_by_segment(const struct elf_file *file, struct cfi_section *ret_section)
{
	Elf64_Shdr section = {0};
	int err = find_eh_frame(file, &section.sh_addr);

	if (err)
		return err;
	for (size_t i = 0; i < file->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &file->segments[i];
		uint64_t into = section.sh_addr - segment->p_vaddr;

		if (segment->p_type != PT_LOAD || into >= segment->p_filesz)
			continue;
		section.sh_offset = segment->p_offset + into;
		section.sh_size = segment->p_filesz - into;
		if (section.sh_size > CFI_SECTION_SZ_MAX)
			section.sh_size = CFI_SECTION_SZ_MAX;
		return read_section(file, &section, ret_section);
	}
	return -EIO;
}

/* Sections that are not there or cannot be read are no error: -EIO ends here. */
static int read_frames(const struct elf_file *file, struct elf_parts *parts)
{
	const Elf64_Shdr *section = find_section(file, ".eh_frame");
	int err = section ? read_section(file, section, &parts->eh_frame) : -EIO;

	if (err == -EIO)
		err = read_eh_frame_by_segment(file, &parts->eh_frame);
	if (err && err != -EIO)
		return err;
	parts->eh_frame.is_eh = true;
	section = find_section(file, ".debug_frame");
	err = section ? read_section(file, section, &parts->debug_frame) : 0;
	return err == -EIO ? 0 : err;
}

int elf_parts__read(int fd, struct elf_parts *ret_parts)
{
	struct elf_parts parts = {0};
	struct elf_file file;
	int err;

	err = elf_file__read(fd, &file);
	if (err)
		return err;
	err = find_code(&file, &parts);
	if (!err && parts.code_cnt > 0)
		err = read_frames(&file, &parts);
	elf_file__destroy(&file);
	if (err) {
		elf_parts__destroy(&parts);
		return err;
	}
	*ret_parts = parts;
	return 0;
}

void elf_parts__destroy(struct elf_parts *parts)
{
	if (!parts)
		return;
	free(parts->eh_frame.bytes);
	free(parts->debug_frame.bytes);
	*parts = (struct elf_parts){0};
}
