/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The largest or oldest N of a process's blocks. */
#ifndef HEAPTAP_CLI_BLOCK_PICKING_H
#define HEAPTAP_CLI_BLOCK_PICKING_H

#include "cli/options.h"
#include "heap/heap.h"

struct block_picking {
	enum block_order order;
	size_t max;		   /* so many are kept; not 0 */
	struct heap_block *blocks; /* heap: no parent comes before its children; free() */
	size_t cnt, cap;
};

/* 0 or -ENOMEM. */
int block_picking__add(struct block_picking *picking, const struct heap_block *block);
/* Puts those that are kept in order; nothing can be added any more. */
void block_picking__sort(struct block_picking *picking);

#endif
