/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What belongs to what: arenas, the blocks in them and the arenas below them, each known by its
 * address.
 *
 *   arena ─┬─ block              every node may own others (in talloc each block may be a parent);
 *          ├─ block ── block     a node that owns none and belongs to none is there only if it was
 *          └─ arena ── block     made as an arena
 *
 * Which nodes are blocks, and of what size, the process's blocks know; here are only the bonds.
 * Numbers of nodes stay what they are; a node without address is one that a realloc has taken up.
 */
#ifndef HEAPTAP_HEAP_ARENAS_H
#define HEAPTAP_HEAP_ARENAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap/index.h"

struct arena_node {
	uint64_t addr;			    /* 0: not at any now */
	uint32_t parent, child, prev, next; /* numbers; 0: none. child: the first */
	uint32_t site;			    /* where the arena was made, or its first block */
	bool is_made;			    /* as an arena: it is there though it owns nothing */
};

struct arenas {
	struct arena_node *nodes; /* [0] is none */
	uint32_t cnt, cap;	  /* slots that were ever used, and that there are */
	uint32_t spare;		  /* the first free slot, linked by `next` */
	uint32_t used_cnt;
	struct index by_addr;
};

/* seed: random. Takes no memory before the first node. */
void arenas__init(struct arenas *arenas, uint64_t seed);
void arenas__destroy(struct arenas *arenas);
/* copy: not initialised. 0 or -ENOMEM. */
int arenas__copy(const struct arenas *arenas, struct arenas *copy);

/* The node at an address; 0: none. */
uint32_t arenas__find(const struct arenas *arenas, uint64_t addr);
/* The same; one that is not there is added, with this site. 0 without memory. */
uint32_t arenas__get(struct arenas *arenas, uint64_t addr, uint32_t site);
struct arena_node *arenas__node(const struct arenas *arenas, uint32_t number);

/* From now on it belongs to `parent` (0: to none). False: it would belong to itself, or the parents
 * are too many to be sure; then it belongs to none. */
bool arenas__own(struct arenas *arenas, uint32_t number, uint32_t parent);
/* The node's block is gone, and so is the node, unless it owns something or was made as an arena.
 */
void arenas__release(struct arenas *arenas, uint32_t number);
/* The node goes, whatever it was. What it owned belongs to none. */
void arenas__remove(struct arenas *arenas, uint32_t number);
/* Takes one node after the other from below this one, those that own nothing first: its address, 0
 * after the last. *cursor is `number` at first. */
uint64_t arenas__take_below(struct arenas *arenas, uint32_t number, uint32_t *cursor);
/* When it owns nothing and belongs to none, the node is of no use unless it was made as an arena.
 */
void arenas__tidy(struct arenas *arenas, uint32_t number);

/* For a realloc: the node loses its address, and gets another one. A node that stands there is
 * removed. -ENOMEM: it is removed itself. */
void arenas__lift(struct arenas *arenas, uint32_t number);
int arenas__land(struct arenas *arenas, uint32_t number, uint64_t addr);

/* Bytes of memory, without the struct itself. */
size_t arenas__memory(const struct arenas *arenas);

#endif
