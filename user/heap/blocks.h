/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of a process's outstanding blocks, by address. Compact, and never stops for long. */
#ifndef HEAPTAP_HEAP_BLOCKS_H
#define HEAPTAP_HEAP_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
	uint64_t addr; /* 0: no block */
	uint64_t size;
	uint64_t number : 42; /* 4.4e12 allocations */
	uint64_t tid : 22;    /* Linux's PID_MAX_LIMIT is 2^22 */
	uint32_t site;	      /* index into the process's sites */
	uint32_t time;	      /* in the process's units */
};
_Static_assert(sizeof(struct block) == 32, "a block takes 32 bytes");

struct blocks {
	struct block *slots;
	size_t slot_cnt;
	size_t cnt;	     /* blocks in the table */
	uint64_t multiplier; /* of the hash */
	size_t low_cap;	     /* capacity by which hashes below the split are placed, */
	size_t high_cap; /* and those from the split on: not less; the same unless it is resized */
	uint64_t split;
	uint32_t op_cnt; /* since the last step of a resize */
	bool is_shrinking;
};

/* seed: random, and nobody else's. Takes no memory before the first block. */
void blocks__init(struct blocks *blocks, uint64_t seed);
void blocks__destroy(struct blocks *blocks);
/* copy: not initialised. 0 or -ENOMEM. */
int blocks__copy(const struct blocks *blocks, struct blocks *copy);

/* Puts a block, whose address is not 0. 0; 1 if it took the place of another at its address, which
 * is then in *ret_old; -ENOMEM. */
int blocks__put(struct blocks *blocks, const struct block *block, struct block *ret_old);
/* Takes the block at addr out; false if there is none. */
bool blocks__take(struct blocks *blocks, uint64_t addr, struct block *ret_block);
/* The block at addr, or NULL. Good until the table is next changed. */
const struct block *blocks__find(const struct blocks *blocks, uint64_t addr);
/* Brings the memory near that the next operation on addr will look at. */
void blocks__prefetch(const struct blocks *blocks, uint64_t addr);
/* Each block once, in no order: *cursor is 0 at first. NULL after the last. */
const struct block *blocks__next(const struct blocks *blocks, size_t *cursor);
/* Bytes of memory that the table takes, without the struct itself. */
size_t blocks__memory(const struct blocks *blocks);

#endif
