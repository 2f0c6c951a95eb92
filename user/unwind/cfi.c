/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A section is a list of entries (LSB Core Generic, "The .eh_frame section"; DWARF 5, 6.4.1):
 *
 *   length │ 0 or ~0: a CIE           │ version, augmentation, factors, …, initial instructions
 *          │ else: where its CIE lies │ code's start and size, …, instructions
 *
 * Two passes, so that each CIE's instructions are run once, however many FDEs name it, and a FDE
 * may stand before its CIE. All work is linear in the section's size, but for a sort.
 *
 * libdw's dwarf_next_cfi reads the same, but trusts a CIE's augmentation string: one of 64 KiB of
 * 'P' makes it read beyond the section and crash (elfutils 0.188). And its table of rows costs
 * 3 µs per row in large files.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/cfi.h"
#include "util/array.h"

/* One per object file in .debug_frame; each takes 100 bytes. The ones beyond are left out. */
#define CIES_MAX (256u << 10)
/* x86-64 psABI: the return address's column. */
#define RETURN_ADDRESS_COLUMN 16

struct entry {
	uint32_t section_offset;
	bool is_cie;
	uint64_t cie; /* of a FDE: its CIE's section_offset */
	struct bytes rest;
};

/* Moves on to the next entry. False: there is none, or it can't be told where it ends. */
static bool next_entry(
	const struct cfi_section *section, struct bytes *bytes, struct entry *ret_entry)
{
	struct entry entry = {.section_offset = bytes->at - section->bytes};
	uint64_t sz = bytes__uint(bytes, 4), cie_at, cie;
	bool is_64_bits = sz == UINT32_MAX;
	size_t id_sz = is_64_bits ? 8 : 4;

	if (is_64_bits)
		sz = bytes__uint(bytes, 8);
	if (sz == 0)
		return false;
	entry.rest.at = bytes__take(bytes, sz);
	if (!entry.rest.at)
		return false;
	entry.rest.end = entry.rest.at + sz;
	cie_at = entry.rest.at - section->bytes;
	cie = bytes__uint(&entry.rest, id_sz);
	if (section->is_eh) {
		entry.is_cie = cie == 0;
		entry.cie = cie_at - cie;
	} else {
		entry.is_cie = cie == (is_64_bits ? UINT64_MAX : UINT32_MAX);
		entry.cie = cie;
	}
	*ret_entry = entry;
	return true;
}

/* ---- CIEs ---- */

/* 'z' has been seen. What follows in `data` is said by the characters (LSB Core Generic, "CIE
 * Augmentation String Format"). */
static bool read_augmentation(
	const char *augmentation, struct bytes *data, const uint8_t *base, struct cie *cie)
{
	for (; *augmentation; augmentation++) {
		switch (*augmentation) {
		case 'L':
			cie->lsda_encoding = bytes__uint(data, 1);
			break;
		case 'P': /* what it points to doesn't matter, nor relative to what */
			bytes__pointer(data, bytes__uint(data, 1) & 0x0f, base, 0);
			break;
		case 'R':
			cie->encoding = bytes__uint(data, 1);
			break;
		case 'S':
			cie->is_signal_frame = true;
			break;
		default:
			return false;
		}
	}
	return !data->failed;
}

/* A string that ends within the bytes, or NULL. */
static const char *read_string(struct bytes *bytes)
{
	const uint8_t *end = memchr(bytes->at, '\0', bytes->end - bytes->at);

	return end ? (const char *)bytes__take(bytes, end + 1 - bytes->at) : NULL;
}

/* Versions: 1 (.eh_frame and DWARF 2), 3 (DWARF 3), 4 (since DWARF 4). */
static bool read_cie_header(struct bytes *bytes, struct cie *cie)
{
	uint8_t version = bytes__uint(bytes, 1);
	const char *augmentation = read_string(bytes);
	struct bytes data;
	uint64_t column;

	if (!augmentation || (version != 1 && version != 3 && version != 4))
		return false;
	if (version == 4 && bytes__uint(bytes, 2) != sizeof(uint64_t)) /* no segment selector */
		return false;
	cie->factors.code = bytes__uleb(bytes);
	cie->factors.data = bytes__sleb(bytes);
	column = version == 1 ? bytes__uint(bytes, 1) : bytes__uleb(bytes);
	cie->has_augmentation = *augmentation == 'z';
	if (column != RETURN_ADDRESS_COLUMN || (*augmentation && !cie->has_augmentation))
		return false;
	if (!cie->has_augmentation)
		return !bytes->failed;
	data.end = bytes->at;
	data = (struct bytes){.at = bytes__take(bytes, bytes__uleb(bytes)), .end = bytes->at};
	return data.at && read_augmentation(augmentation + 1, &data, data.at, cie);
}

/* Runs the initial instructions. False: they are not of a kind that can be. */
static bool run_cie(const struct bytes *instructions, struct cie *cie)
{
	struct cfa_program program;
	uint64_t sz;

	cfa_program__init(&program, *instructions, cie->factors, NULL);
	if (cfa_program__run(&program, &sz) != CFA_END)
		return false;
	cie->initial = program.state;
	return true;
}

static int add_cie(struct cfi *cfi, const struct cie *cie)
{
	struct cie *cies =
		array__with_room(cfi->cies, cfi->cie_cnt, 1, &cfi->cie_cap, sizeof(*cies));

	if (!cies)
		return -ENOMEM;
	cfi->cies = cies;
	cfi->cies[cfi->cie_cnt++] = *cie;
	return 0;
}

static int read_cie(const struct elf_parts *parts, struct cfi *cfi, struct entry *entry)
{
	struct cie cie = {
		.section_offset = entry->section_offset,
		.encoding = DW_EH_PE_absptr,
		.lsda_encoding = DW_EH_PE_omit,
	};

	(void)parts;
	if (!entry->is_cie || cfi->cie_cnt == CIES_MAX)
		return 0;
	if (!read_cie_header(&entry->rest, &cie) || !run_cie(&entry->rest, &cie))
		return 0;
	return add_cie(cfi, &cie);
}

static int compare_cie(const void *key, const void *element)
{
	uint64_t section_offset = *(const uint64_t *)key;
	const struct cie *cie = element;

	return (section_offset > cie->section_offset) - (section_offset < cie->section_offset);
}

static const struct cie *find_cie(const struct cfi *cfi, uint64_t section_offset)
{
	return bsearch(&section_offset, cfi->cies, cfi->cie_cnt, sizeof(*cfi->cies), compare_cie);
}

/* ---- FDEs ---- */

static int add_fde(struct cfi *cfi, const struct fde *fde)
{
	struct fde *fdes =
		array__with_room(cfi->fdes, cfi->fde_cnt, 1, &cfi->fde_cap, sizeof(*fdes));

	if (!fdes)
		return -ENOMEM;
	cfi->fdes = fdes;
	cfi->fdes[cfi->fde_cnt++] = *fde;
	return 0;
}

/* Where the FDE's code lies. False: not in the file, or nowhere. In .debug_frame, functions that
 * the linker dropped are left behind at address 0. */
static bool read_range(const struct elf_parts *parts, const struct cfi_section *section,
	uint8_t encoding, struct bytes *bytes, struct fde *fde)
{
	uint64_t address = bytes__pointer(bytes, encoding, section->bytes, section->address);
	uint64_t sz = bytes__pointer(bytes, encoding & 0x0f, section->bytes, 0);
	const struct code_range *code = elf_parts__code(parts, address);
	uint64_t into;

	if (bytes->failed || !code || sz == 0 || (address == 0 && !section->is_eh))
		return false;
	into = address - code->address;
	if (sz > code->sz - into)
		sz = code->sz - into;
	fde->start = code->file_offset + into;
	fde->end = fde->start + sz;
	return true;
}

/* A FDE's augmentation data is its language-specific data area's address, or nothing. An address
 * that is relative to its own place is 0 before that is added if there is none. */
static uint64_t read_lsda(
	const struct cfi_section *section, const struct cie *cie, const uint8_t *at, uint64_t sz)
{
	struct bytes bytes = {.at = at, .end = at + sz};
	uint64_t own = section->address + (at - section->bytes), lsda;

	if (cie->lsda_encoding == DW_EH_PE_omit)
		return 0;
	lsda = bytes__pointer(&bytes, cie->lsda_encoding, section->bytes, section->address);
	if (bytes.failed)
		return LSDA_UNREADABLE;
	return (cie->lsda_encoding & 0xf0) == DW_EH_PE_pcrel && lsda == own ? 0 : lsda;
}

/* True, too, if there is no augmentation. */
static bool read_fde_augmentation(const struct cfi_section *section, const struct cie *cie,
	struct bytes *bytes, uint64_t *ret_lsda)
{
	const uint8_t *at;
	uint64_t sz;

	*ret_lsda = 0;
	if (!cie->has_augmentation)
		return true;
	sz = bytes__uleb(bytes);
	at = bytes__take(bytes, sz);
	if (at)
		*ret_lsda = read_lsda(section, cie, at, sz);
	return at != NULL;
}

static int read_fde(const struct elf_parts *parts, struct cfi *cfi, struct entry *entry)
{
	const struct cie *cie = entry->is_cie ? NULL : find_cie(cfi, entry->cie);
	struct bytes *bytes = &entry->rest;
	struct fde fde;

	if (!cie || !read_range(parts, cfi->section, cie->encoding, bytes, &fde) ||
		!read_fde_augmentation(cfi->section, cie, bytes, &fde.lsda))
		return 0;
	fde.cie = cie - cfi->cies;
	fde.program_at = bytes->at - cfi->section->bytes;
	fde.program_sz = bytes->end - bytes->at;
	return add_fde(cfi, &fde);
}

/* ---- the section ---- */

typedef int entry_reader(const struct elf_parts *parts, struct cfi *cfi, struct entry *entry);

static int read_entries(const struct elf_parts *parts, struct cfi *cfi, entry_reader *read)
{
	struct bytes bytes = {
		.at = cfi->section->bytes, .end = cfi->section->bytes + cfi->section->sz};
	struct entry entry;
	int err = 0;

	while (!err && next_entry(cfi->section, &bytes, &entry))
		err = read(parts, cfi, &entry);
	return err;
}

static int compare_fdes(const void *a, const void *b)
{
	const struct fde *fde = a, *other = b;

	if (fde->start != other->start)
		return fde->start > other->start ? 1 : -1;
	return (fde->program_at > other->program_at) - (fde->program_at < other->program_at);
}

static bool is_empty(const struct cfi_section *section)
{
	struct bytes bytes = {.at = section->bytes, .end = section->bytes + section->sz};

	return bytes__uint(&bytes, 4) == 0; /* its terminator, or nothing at all */
}

int cfi__read(const struct elf_parts *parts, const struct cfi_section *section, struct cfi *ret_cfi)
{
	struct cfi cfi = {.section = section};
	int err;

	err = read_entries(parts, &cfi, read_cie);
	if (!err && cfi.cie_cnt > 0)
		err = read_entries(parts, &cfi, read_fde);
	if (!err && cfi.cie_cnt == 0 && !is_empty(section))
		err = -EIO;
	if (err) {
		cfi__destroy(&cfi);
		return err;
	}
	if (cfi.fde_cnt > 0)
		qsort(cfi.fdes, cfi.fde_cnt, sizeof(*cfi.fdes), compare_fdes);
	*ret_cfi = cfi;
	return 0;
}

void cfi__destroy(struct cfi *cfi)
{
	if (!cfi)
		return;
	free(cfi->cies);
	free(cfi->fdes);
	*cfi = (struct cfi){0};
}
