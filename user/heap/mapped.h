/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of a process's books that is about mapped memory, from inside. */
#ifndef HEAPTAP_HEAP_MAPPED_H
#define HEAPTAP_HEAP_MAPPED_H

#include "heap/heap.h"
#include "heap/index.h"
#include "heap/ranges.h"
#include "heap/sites.h"

struct mapped {
	struct mapped_totals totals;
	struct ranges ranges;
	struct sites sites;   /* of ranges: outstanding_blocks is ranges, allocs is maps */
	struct index pending; /* tid → root of what an unmap under way has taken out */
	uint64_t last_number; /* of a range */
};

/* seed: the next random numbers come from it (process.h). */
void mapped__init(struct mapped *mapped, struct stacks *stacks, uint64_t *seed);
void mapped__destroy(struct mapped *mapped);
/* For a fork's child: what is outstanding, as mapped by itself, and what unmaps under way have
 * taken out. copy: initialised and empty; to be destroyed whatever comes. 0 or -ENOMEM. */
int mapped__copy(const struct mapped *mapped, struct mapped *copy);
/* The process ends: unmaps under way will not. */
void mapped__end(struct mapped *mapped);
/* Bytes of memory that it takes, without the struct itself and the stacks. */
size_t mapped__memory(const struct mapped *mapped);

#endif
