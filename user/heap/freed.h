/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The blocks that were freed last and whose addresses were not given out again: as many as fit. */
#ifndef HEAPTAP_HEAP_FREED_H
#define HEAPTAP_HEAP_FREED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/index.h"

#define FREED_BLOCKS_MAX (1u << 16)

struct freed_block {
	uint64_t addr; /* 0: none */
	uint64_t size;
	uint32_t alloc_site, free_site; /* numbers of the process's sites */
};

struct freed_blocks {
	struct freed_block *slots; /* a circle */
	uint32_t next;		   /* the slot of the next one: the oldest, once all were used */
	uint32_t used;		   /* slots that were ever used */
	struct index by_addr;	   /* number of the slot + 1 */
};

/* seed: random. Takes no memory before the first block. */
void freed_blocks__init(struct freed_blocks *freed, uint64_t seed);
void freed_blocks__destroy(struct freed_blocks *freed);
/* copy: not initialised. 0 or -ENOMEM. */
int freed_blocks__copy(const struct freed_blocks *freed, struct freed_blocks *copy);

/* Remembers a block whose address is not 0 and is not there; the oldest is forgotten for it. Without
 * memory nothing is remembered. */
void freed_blocks__put(struct freed_blocks *freed, const struct freed_block *block);
/* The block at addr, or NULL. Good until the next one is put. */
const struct freed_block *freed_blocks__find(const struct freed_blocks *freed, uint64_t addr);
/* The address was given out again. */
void freed_blocks__remove(struct freed_blocks *freed, uint64_t addr);
/* Bytes of memory that the blocks take, without the struct itself. */
size_t freed_blocks__memory(const struct freed_blocks *freed);

#endif
