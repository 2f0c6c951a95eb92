// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One pass over what can be ten million blocks, that keeps the N best in a heap with the worst of
 * them on top, so that most blocks cost one comparison.
 */
#include "cli/block_picking.h"

#include <errno.h>
#include <stdlib.h>
#include "util/array.h"

/* Whether a is listed before b. The order is total: no two have one number. */
static bool comes_before(
	const struct block_picking *picking, const struct heap_block *a, const struct heap_block *b)
{
	if (picking->order == BLOCKS_BY_SIZE && a->size != b->size)
		return a->size > b->size;
	return a->number < b->number;
}

static void swap(struct heap_block *a, struct heap_block *b)
{
	struct heap_block block = *a;

	*a = *b;
	*b = block;
}

static void sift_up(struct block_picking *picking, size_t at)
{
	struct heap_block *blocks = picking->blocks;

	for (; at && comes_before(picking, &blocks[(at - 1) / 2], &blocks[at]); at = (at - 1) / 2)
		swap(&blocks[at], &blocks[(at - 1) / 2]);
}

/* Of the first cnt. */
static void sift_down(struct block_picking *picking, size_t cnt)
{
	struct heap_block *blocks = picking->blocks;
	size_t at = 0, last;

	while ((last = 2 * at + 1) < cnt) {
		if (last + 1 < cnt && comes_before(picking, &blocks[last], &blocks[last + 1]))
			last++;
		if (comes_before(picking, &blocks[last], &blocks[at]))
			return;
		swap(&blocks[at], &blocks[last]);
		at = last;
	}
}

static int grow(struct block_picking *picking)
{
	struct heap_block *blocks =
		array__with_room(picking->blocks, picking->cnt, 1, &picking->cap, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	picking->blocks = blocks;
	return 0;
}

int block_picking__add(struct block_picking *picking, const struct heap_block *block)
{
	if (picking->cnt == picking->max) {
		if (comes_before(picking, block, &picking->blocks[0])) {
			picking->blocks[0] = *block;
			sift_down(picking, picking->cnt);
		}
		return 0;
	}
	if (grow(picking))
		return -ENOMEM;
	picking->blocks[picking->cnt] = *block;
	sift_up(picking, picking->cnt++);
	return 0;
}

/* The heap becomes the list. */
void block_picking__sort(struct block_picking *picking)
{
	for (size_t cnt = picking->cnt; cnt > 1; cnt--) {
		swap(&picking->blocks[0], &picking->blocks[cnt - 1]);
		sift_down(picking, cnt - 1);
	}
}
