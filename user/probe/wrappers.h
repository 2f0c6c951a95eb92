/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which functions only hand on to another allocator function of the same file, and must not be
 * probed because their inner call will be counted: libstdc++'s operator new around malloc, delete
 * around free, jemalloc's `operator new[]: jmp operator new`.
 *
 * The rule: a C++ operator, or any function that frees, is a wrapper if every way through it comes
 * to a call of (or jump to) another function that is probed here: one that frees for those that
 * free, one that allocates for the others. Ways are followed through its direct jumps and branches,
 * also out of its body (cold parts, tail calls), and through the procedure linkage table or the
 * global offset table, where the file's own definition stands for whatever the dynamic linker will
 * take. A check for NULL at the start of a free is passed over: there is nothing to count on that
 * way.
 *
 * One way past the inner call makes it no wrapper: the operators of jemalloc, tcmalloc and mimalloc
 * have a fast path of their own, and call what is shared with malloc only if that fails. So what
 * can't be proved is probed. Then an allocation inside another is recognized at run time (the
 * outermost call counts), and a free inside another is marked EVENT_F_NESTED_HINT.
 *
 * The other functions that allocate (reallocarray around realloc) are always probed: the outermost
 * call counts and bears the name that the program used.
 */
#ifndef HEAPTAP_PROBE_WRAPPERS_H
#define HEAPTAP_PROBE_WRAPPERS_H

#include "probe/decoder.h"
#include "probe/elf_image.h"
#include "probe/functions.h"

#define NO_FUNCTION UINT16_MAX

/* A pointer that the dynamic linker fills with the address of a function. */
struct slot {
	uint64_t address;
	uint64_t target;   /* what this file defines for it; 0: nothing */
	uint16_t function; /* the allocator function that it is named for, or NO_FUNCTION */
};

struct call_map {
	const struct elf_image *image;
	struct decoder *decoder;
	const struct definition *definitions; /* what may be probed in this file */
	size_t definition_cnt;
	const struct slot *slots; /* by address: slots__sort() */
	size_t slot_cnt;
};

void slots__sort(struct slot *slots, size_t slot_cnt);

/* The slot at an address, or NULL. */
const struct slot *call_map__slot(const struct call_map *map, uint64_t address);

/* The instruction there, or NULL; until the next one is decoded. */
const cs_insn *call_map__decode(const struct call_map *map, uint64_t address);

bool call_map__is_wrapper(const struct call_map *map, const struct definition *definition);

#endif
