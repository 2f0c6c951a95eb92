/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See prologues.h. The whole-file pass reads each executable byte once, in large pieces. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/prologues.h"

#define PIECE_SZ (256 * 1024)
#define CODE_SZ_MAX (1u << 30) /* a sparse file has any size; chromium has 240 MB of code */
#define NEAR_BRANCH_SZ_MAX 6 /* 0f 8x and four bytes */
#define SHORT_REACH 128	     /* of an 8-bit displacement */
#define BEFORE_SZ (SHORT_REACH + 2 * INSTRUCTION_SZ_MAX)
#define AROUND_SZ (BEFORE_SZ + PROLOGUE_SZ + SHORT_REACH + INSTRUCTION_SZ_MAX)

static int compare_prologues(const void *a, const void *b)
{
	uint64_t x = ((const struct prologue *)a)->address;
	uint64_t y = ((const struct prologue *)b)->address;

	return x < y ? -1 : x > y;
}

void prologues__sort(struct prologues *prologues)
{
	qsort(prologues->prologues, prologues->cnt, sizeof(*prologues->prologues),
		compare_prologues);
}

/* The index of the first prologue that begins behind the address. */
static size_t prologues__upper_bound(const struct prologues *prologues, uint64_t address)
{
	size_t low = 0, high = prologues->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prologues->prologues[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct prologue *prologues__find(const struct prologues *prologues, uint64_t address)
{
	size_t i = prologues__upper_bound(prologues, address);

	if (i == 0 || prologues->prologues[i - 1].address != address)
		return NULL;
	return &prologues->prologues[i - 1];
}

void prologues__add_entrance(struct prologues *prologues, uint64_t address)
{
	size_t i = prologues__upper_bound(prologues, address);

	/* Prologues of short functions overlap: one address may lie in several. */
	for (; i > 0; i--) {
		struct prologue *prologue = &prologues->prologues[i - 1];

		if (address - prologue->address >= PROLOGUE_SZ)
			return;
		prologue->entrances |= UINT64_C(1) << (address - prologue->address);
	}
}

/* Where the displacement of a near branch that begins at p would stand; 0: there is none. */
static size_t near_displacement(const uint8_t *p)
{
	if ((p[0] & 0xfe) == 0xe8)
		return 1;
	if (p[0] == 0x0f && (p[1] & 0xf0) == 0x80)
		return 2;
	return 0;
}

void prologues__add_near_branches(
	struct prologues *prologues, const uint8_t *code, size_t code_sz, uint64_t address)
{
	uint64_t first, span;

	if (prologues->cnt == 0)
		return;
	first = prologues->prologues[0].address;
	span = prologues->prologues[prologues->cnt - 1].address - first + PROLOGUE_SZ;
	for (size_t i = 0; i + 1 < code_sz; i++) {
		size_t at = near_displacement(code + i);
		uint64_t target;
		int32_t displacement;

		if (at == 0 || code_sz - i < at + sizeof(displacement))
			continue;
		memcpy(&displacement, code + i + at, sizeof(displacement));
		target = address + i + at + sizeof(displacement) + displacement;
		if (target - first < span)
			prologues__add_entrance(prologues, target);
	}
}

static void decode_from(struct prologues *prologues, struct decoder *decoder, const uint8_t *code,
	size_t code_sz, uint64_t address, size_t start, bool *seen)
{
	for (size_t i = start; i < code_sz && !seen[i];) {
		const cs_insn *instruction =
			decoder__decode(decoder, code + i, code_sz - i, address + i);
		uint64_t target;

		seen[i] = true;
		if (instruction && instruction__target(instruction, &target))
			prologues__add_entrance(prologues, target);
		i += instruction ? instruction->size : 1;
	}
}

void prologues__add_decoded_branches(struct prologues *prologues, struct decoder *decoder,
	const uint8_t *code, size_t code_sz, uint64_t address)
{
	bool seen[AROUND_SZ] = {false};

	if (code_sz > AROUND_SZ)
		code_sz = AROUND_SZ;
	for (size_t start = 0; start < INSTRUCTION_SZ_MAX && start < code_sz; start++)
		decode_from(prologues, decoder, code, code_sz, address, start, seen);
}

/* As much of the code around a prologue as its segment has. */
static void add_branches_around(struct prologues *prologues, struct decoder *decoder,
	const struct elf_image *image, uint64_t address)
{
	const struct elf_segment *segment = elf_image__segment(image, address);
	uint8_t code[AROUND_SZ];
	uint64_t before = BEFORE_SZ;

	if (!segment)
		return;
	if (before > address - segment->address)
		before = address - segment->address;
	prologues__add_decoded_branches(prologues, decoder, code,
		elf_image__read(image, address - before, code, sizeof(code)), address - before);
}

static int add_branches_of_segment(struct prologues *prologues, const struct elf_image *image,
	const struct elf_segment *segment, uint8_t *piece)
{
	for (uint64_t into = 0; into < segment->file_sz; into += PIECE_SZ) {
		ssize_t got = pread(image->fd, piece, PIECE_SZ + NEAR_BRANCH_SZ_MAX - 1,
			segment->file_offset + into);

		if (got < 0)
			return -EIO;
		if ((uint64_t)got > segment->file_sz - into)
			got = segment->file_sz - into;
		prologues__add_near_branches(prologues, piece, got, segment->address + into);
	}
	return 0;
}

static uint64_t executable_sz(const struct elf_image *image)
{
	uint64_t sz = 0;

	for (size_t i = 0; i < image->segment_cnt; i++)
		if (image->segments[i].executable)
			sz += image->segments[i].file_sz;
	return sz;
}

int prologues__add_branches_of(
	struct prologues *prologues, struct decoder *decoder, const struct elf_image *image)
{
	uint8_t *piece;
	int err = 0;

	if (executable_sz(image) > image->file_sz || executable_sz(image) > CODE_SZ_MAX)
		return -EIO;
	piece = malloc(PIECE_SZ + NEAR_BRANCH_SZ_MAX);
	if (!piece)
		return -ENOMEM;
	for (size_t i = 0; i < image->segment_cnt && !err; i++)
		if (image->segments[i].executable)
			err = add_branches_of_segment(prologues, image, &image->segments[i], piece);
	for (size_t i = 0; i < prologues->cnt && !err; i++)
		add_branches_around(prologues, decoder, image, prologues->prologues[i].address);
	free(piece);
	return err;
}
