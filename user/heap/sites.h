/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process's allocation sites: one for each stack that it was seen with, and what was allocated
 * there. A site keeps its number as long as the process is known. Its stack is held, so a stack
 * that was announced for the process but never allocated is a site with no allocations.
 */
#ifndef HEAPTAP_HEAP_SITES_H
#define HEAPTAP_HEAP_SITES_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/index.h"
#include "heap/stacks.h"

struct site {
	struct stack *stack;
	uint64_t outstanding_bytes, outstanding_blocks;
	uint64_t allocs, frees, bytes_allocated;
	uint64_t marked_bytes; /* outstanding at the last mark */
	bool frameless;	       /* the stack has no frames: here, as every allocation asks */
	uint8_t families;      /* enum alloc_family of the function at the stack's top; 0: unknown */
};

struct sites {
	struct stacks *stacks;
	struct site *sites;
	uint32_t cnt, cap;
	struct index by_hash; /* number of the site + 1 */
};

void sites__init(struct sites *sites, struct stacks *stacks, uint64_t seed);
void sites__destroy(struct sites *sites);
/* copy: not initialised. 0 or -ENOMEM. */
int sites__copy(const struct sites *sites, struct sites *copy);

/* Totals begin anew, with what is outstanding as allocated. */
void sites__restart(struct sites *sites);

/* The site of a stack, or NULL. Good until the next one is added. */
struct site *sites__find(const struct sites *sites, uint64_t stack_hash);
/* The same; one that is not there is added. NULL without memory. */
struct site *sites__get(struct sites *sites, uint64_t stack_hash);
static inline uint32_t sites__number(const struct sites *sites, const struct site *site)
{
	return site - sites->sites;
}
/* Bytes of memory that the sites take, without the struct itself and the stacks. */
size_t sites__memory(const struct sites *sites);

#endif
