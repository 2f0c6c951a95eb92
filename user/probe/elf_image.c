/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libelf reads the headers and tables; bytes at addresses are read with pread(2). Nothing is
 * mapped: a file that somebody truncates meanwhile gives short reads, never SIGBUS.
 *
 * Bounds: as many program headers as the kernel would take, sizes cut to the file's, and sections
 * of SECTION_SZ_MAX, as a sparse file has any size; relocations no more than fit into the file, and
 * into one section, once (sections of a hostile file may overlap).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/elf_image.h"
#include "util/elf_counts.h"

/* fs/binfmt_elf.c, load_elf_phdrs(): the table may take 64 KiB. */
#define PROGRAM_HEADERS_MAX (65536 / sizeof(Elf64_Phdr))

/* Bytes of one table: libelf reads it as a whole. Chromium's relocations take 26 MB. */
#define SECTION_SZ_MAX (256u << 20)

static void elf_image__add_segment(struct elf_image *image, const GElf_Phdr *header)
{
	uint64_t left;

	if (header->p_type != PT_LOAD || header->p_offset >= image->file_sz)
		return;
	left = image->file_sz - header->p_offset;
	image->segments[image->segment_cnt++] = (struct elf_segment){
		.address = header->p_vaddr,
		.file_offset = header->p_offset,
		.file_sz = header->p_filesz < left ? header->p_filesz : left,
		.executable = header->p_flags & PF_X,
	};
}

static int elf_image__read_segments(struct elf_image *image)
{
	size_t header_cnt;
	GElf_Phdr header;

	if (elf_getphdrnum(image->elf, &header_cnt) != 0 || header_cnt > PROGRAM_HEADERS_MAX)
		return -EIO;
	image->segments = calloc(header_cnt + 1, sizeof(*image->segments));
	if (!image->segments)
		return -ENOMEM;
	for (size_t i = 0; i < header_cnt; i++) {
		if (!gelf_getphdr(image->elf, i, &header))
			return -EIO;
		elf_image__add_segment(image, &header);
	}
	return 0;
}

static int elf_image__read_header(struct elf_image *image)
{
	struct stat stat;

	if (fstat(image->fd, &stat) != 0)
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -ENOEXEC;
	image->file_sz = stat.st_size;
	if (!elf_counts__are_plain(image->fd))
		return -EIO;
	elf_version(EV_CURRENT);
	image->elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!image->elf)
		return -EIO;
	if (elf_kind(image->elf) != ELF_K_ELF || !gelf_getehdr(image->elf, &image->header))
		return -ENOEXEC;
	return image->header.e_type == ET_EXEC || image->header.e_type == ET_DYN ? 0 : -ENOEXEC;
}

int elf_image__open(int fd, struct elf_image *ret_image)
{
	struct elf_image image = {.fd = fd};
	int err;

	err = elf_image__read_header(&image);
	if (!err)
		err = elf_image__read_segments(&image);
	if (err) {
		elf_image__close(&image);
		return err;
	}
	*ret_image = image;
	return 0;
}

void elf_image__close(struct elf_image *image)
{
	if (!image)
		return;
	free(image->segments);
	elf_end(image->elf);
	*image = (struct elf_image){.fd = -1};
}

bool elf_image__is_x86_64(const struct elf_image *image)
{
	const unsigned char *ident = image->header.e_ident;

	return image->header.e_machine == EM_X86_64 && ident[EI_CLASS] == ELFCLASS64 &&
	       ident[EI_DATA] == ELFDATA2LSB;
}

const struct elf_segment *elf_image__segment(const struct elf_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_cnt; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (address - segment->address < segment->file_sz && address >= segment->address)
			return segment;
	}
	return NULL;
}

size_t elf_image__read(const struct elf_image *image, uint64_t address, void *buf, size_t sz)
{
	const struct elf_segment *segment = elf_image__segment(image, address);
	uint64_t into;
	ssize_t got;

	if (!segment)
		return 0;
	into = address - segment->address;
	if (sz > segment->file_sz - into)
		sz = segment->file_sz - into;
	got = pread(image->fd, buf, sz, segment->file_offset + into);
	return got > 0 ? got : 0;
}

/* NULL: it cannot be read, or is too large. */
static Elf_Data *read_table(Elf_Scn *scn, const GElf_Shdr *header)
{
	Elf_Data *data = header->sh_size <= SECTION_SZ_MAX ? elf_getdata(scn, NULL) : NULL;

	return data && data->d_buf ? data : NULL;
}

static Elf_Data *elf_image__names(const struct elf_image *image, uint32_t section)
{
	Elf_Scn *scn = elf_getscn(image->elf, section);
	GElf_Shdr header;

	if (!scn || !gelf_getshdr(scn, &header) || header.sh_type != SHT_STRTAB)
		return NULL;
	return read_table(scn, &header);
}

void elf_image__symbols(
	const struct elf_image *image, uint32_t section_type, struct elf_symbols *ret_symbols)
{
	Elf_Data *symbols, *names;
	GElf_Shdr header;
	Elf_Scn *scn = NULL;

	*ret_symbols = (struct elf_symbols){0};
	do {
		scn = elf_nextscn(image->elf, scn);
		if (!scn || !gelf_getshdr(scn, &header))
			return;
	} while (header.sh_type != section_type);
	symbols = read_table(scn, &header);
	names = elf_image__names(image, header.sh_link);
	if (!symbols || !names)
		return;
	*ret_symbols = (struct elf_symbols){
		.symbols = symbols,
		.names = names->d_buf,
		.names_sz = names->d_size,
		.cnt = symbols->d_size / sizeof(Elf64_Sym),
	};
}

bool elf_symbols__get(const struct elf_symbols *symbols, size_t i, GElf_Sym *ret_symbol,
	const char **ret_name, size_t *ret_name_cap)
{
	if (i >= symbols->cnt || !gelf_getsym(symbols->symbols, i, ret_symbol))
		return false;
	*ret_name = symbols->names;
	*ret_name_cap = 0;
	if (ret_symbol->st_name < symbols->names_sz) {
		*ret_name = symbols->names + ret_symbol->st_name;
		*ret_name_cap = symbols->names_sz - ret_symbol->st_name;
	}
	return true;
}

/* Returns how many relocations of the budget are left. */
static size_t visit_section(Elf_Scn *scn, const GElf_Shdr *header, size_t budget,
	elf_relocation_visitor *visit, void *context)
{
	Elf_Data *data = read_table(scn, header);
	size_t cnt = data ? data->d_size / sizeof(Elf64_Rela) : 0;
	GElf_Rela relocation;

	for (size_t i = 0; i < cnt && budget > 0; i++, budget--)
		if (gelf_getrela(data, i, &relocation) && !visit(context, &relocation))
			return 0;
	return budget;
}

static bool links_to_dynsym(const struct elf_image *image, const GElf_Shdr *header)
{
	Elf_Scn *linked = elf_getscn(image->elf, header->sh_link);
	GElf_Shdr linked_header;

	return linked && gelf_getshdr(linked, &linked_header) &&
	       linked_header.sh_type == SHT_DYNSYM;
}

void elf_image__relocations(
	const struct elf_image *image, elf_relocation_visitor *visit, void *context)
{
	size_t budget = (image->file_sz < SECTION_SZ_MAX ? image->file_sz : SECTION_SZ_MAX) /
			sizeof(Elf64_Rela);
	Elf_Scn *scn = NULL;
	GElf_Shdr header;

	while ((scn = elf_nextscn(image->elf, scn)) && budget > 0)
		if (gelf_getshdr(scn, &header) && header.sh_type == SHT_RELA &&
			links_to_dynsym(image, &header))
			budget = visit_section(scn, &header, budget, visit, context);
}
