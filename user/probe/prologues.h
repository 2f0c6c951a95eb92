/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first bytes of the functions to be probed, and which of them are entered from elsewhere: by a
 * branch, under another symbol, or through a pointer.
 *
 * A site behind the entry is only sound if nothing reaches it but the entry, so anything that looks
 * like an entrance counts as one; being wrong there only costs speed. What is looked at:
 *
 *  - every byte of the executable segments that could begin a jump, branch or call with a 32-bit
 *    displacement (e8, e9, 0f 80-8f), also those that are really in the midst of an instruction.
 * Such a byte pattern hits a given prologue by chance once in 10^8;
 *  - branches with an 8-bit displacement near by. There chance would hit often, so only those count
 *    that stand at an instruction boundary. Boundaries before the function aren't known; decoding
 *    starts at each of 15 consecutive bytes, and one of these is a boundary whatever the code is;
 *  - symbols of functions, and pointers that the dynamic linker relocates (so a jump table of
 *    absolute addresses in a PIE or a library).
 *
 * Out of reach: jumps through tables of relative addresses, and computed ones. Their targets are
 * blocks of a function's body that the compiler made for a case label or a taken label; it would
 * have to be the function's first block, and the function would have to be a loop around it. The
 * blocks of a prologue that save registers have no other predecessor, and landing pads of
 * exceptions follow a call, which no site does.
 */
#ifndef HEAPTAP_PROBE_PROLOGUES_H
#define HEAPTAP_PROBE_PROLOGUES_H

#include <stddef.h>
#include <stdint.h>

#include "probe/decoder.h"
#include "probe/elf_image.h"

#define PROLOGUE_SZ 64 /* sites lie in a function's first bytes only */

struct prologue {
	uint64_t address;
	uint64_t entrances; /* bit n: address + n may be reached by other ways than falling through
			     */
};

/* The prologues of some functions, by address. */
struct prologues {
	struct prologue *prologues;
	size_t cnt;
};

/* Sorts them; nothing else is valid before. */
void prologues__sort(struct prologues *prologues);
struct prologue *prologues__find(const struct prologues *prologues, uint64_t address);
void prologues__add_entrance(struct prologues *prologues, uint64_t address);

/* Branches with 32-bit displacements in code at an address. */
void prologues__add_near_branches(
	struct prologues *prologues, const uint8_t *code, size_t code_sz, uint64_t address);

/* All direct branches that stand in code which begins 15 bytes or more before the first branch of
 * interest. */
void prologues__add_decoded_branches(struct prologues *prologues, struct decoder *decoder,
	const uint8_t *code, size_t code_sz, uint64_t address);

/* The code of a whole file. 0, -ENOMEM, or -EIO: unreadable, too much, or
 * segments overlap. */
int prologues__add_branches_of(
	struct prologues *prologues, struct decoder *decoder, const struct elf_image *image);

#endif
