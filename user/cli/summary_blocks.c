// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The largest or oldest N of what can be ten million blocks: one pass, that keeps the N best in a
 * heap with the worst of them on top, so that most blocks cost one comparison. Names are looked up
 * for the callers of those that are left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/contents.h"
#include "cli/summary_parts.h"
#include "report/kinds.h"
#include "util/array.h"

struct picking {
	const struct block_listing *listing;
	uint64_t born_before_ns;	     /* those that are old enough */
	const struct summary_stack **stacks; /* of each site, by its number; NULL: of none shown */
	struct heap_block *blocks;	     /* heap: no parent comes before its children */
	size_t cnt, cap;
	size_t max;
};

/* ---- order */

/* Whether a is listed before b. The order is total: no two have one number. */
static bool comes_before(
	const struct block_listing *listing, const struct heap_block *a, const struct heap_block *b)
{
	if (listing->order == BLOCKS_BY_SIZE && a->size != b->size)
		return a->size > b->size;
	return a->number < b->number;
}

static void swap(struct heap_block *a, struct heap_block *b)
{
	struct heap_block block = *a;

	*a = *b;
	*b = block;
}

static void sift_up(struct picking *picking, size_t at)
{
	struct heap_block *blocks = picking->blocks;

	for (; at && comes_before(picking->listing, &blocks[(at - 1) / 2], &blocks[at]);
		at = (at - 1) / 2)
		swap(&blocks[at], &blocks[(at - 1) / 2]);
}

/* Of the first cnt. */
static void sift_down(struct picking *picking, size_t cnt)
{
	struct heap_block *blocks = picking->blocks;
	size_t at = 0, last;

	while ((last = 2 * at + 1) < cnt) {
		if (last + 1 < cnt &&
			comes_before(picking->listing, &blocks[last], &blocks[last + 1]))
			last++;
		if (comes_before(picking->listing, &blocks[last], &blocks[at]))
			return;
		swap(&blocks[at], &blocks[last]);
		at = last;
	}
}

/* The heap becomes the list. */
static void sort(struct picking *picking)
{
	for (size_t cnt = picking->cnt; cnt > 1; cnt--) {
		swap(&picking->blocks[0], &picking->blocks[cnt - 1]);
		sift_down(picking, cnt - 1);
	}
}

/* ---- picking */

static int grow(struct picking *picking)
{
	struct heap_block *blocks =
		array__with_room(picking->blocks, picking->cnt, 1, &picking->cap, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	picking->blocks = blocks;
	return 0;
}

static int pick(const struct heap_block *block, void *arg)
{
	struct picking *picking = arg;

	if (block->time_ns > picking->born_before_ns || !picking->stacks[block->site])
		return 0;
	if (picking->cnt == picking->max) {
		if (comes_before(picking->listing, block, &picking->blocks[0])) {
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

/* ---- telling */

/* The stack without its frames, which are the stack's own; strings are the symbolizer's. */
static int find_caller(struct summary_draft *draft, const struct summary_process *shown,
	const struct summary_stack *stack, struct summary_frame *ret_caller)
{
	struct summary_stack copy = {.id = stack->id};
	const struct summary_frame *caller;
	int err = draft__add_frames(draft, &shown->info, &copy);

	caller = err ? NULL : stack__caller(&copy);
	if (caller)
		*ret_caller = *caller;
	free(copy.frames);
	return err;
}

static int tell(struct summary_draft *draft, const struct heap_block *block,
	const struct summary_stack *stack, struct summary_process *shown)
{
	struct summary_block *told = &shown->blocks[shown->block_cnt++];

	*told = (struct summary_block){
		.number = block->number,
		.addr = block->addr,
		.size = block->size,
		.tid = block->tid,
		.age_s = draft__age_s(draft, &shown->info, block->time_ns),
		.stack = stack->id,
		.kind = stack->kind,
		.tag = stack->tag,
	};
	return find_caller(draft, shown, stack, &told->caller);
}

static int tell_all(
	struct summary_draft *draft, struct picking *picking, struct summary_process *shown)
{
	int err = 0;

	shown->blocks = calloc(picking->cnt + 1, sizeof(*shown->blocks));
	if (!shown->blocks)
		return -ENOMEM;
	sort(picking);
	for (size_t i = 0; i < picking->cnt && !err; i++)
		err = tell(draft, &picking->blocks[i], picking->stacks[picking->blocks[i].site],
			shown);
	if (!err && picking->listing->contents_sz)
		contents__read(shown, picking->listing->contents_sz);
	return err;
}

/* ---- the list */

/* Of the sites whose blocks are told. NULL without memory. */
static const struct summary_stack **stacks_by_site(const struct options *options,
	const struct snapshot *snapshot, const struct summary_process *shown)
{
	unsigned int left_out = options__left_out(options);
	const struct summary_stack **stacks;
	uint32_t last = 0;

	for (size_t i = 0; i < snapshot->site_cnt; i++)
		last = snapshot->sites[i].number > last ? snapshot->sites[i].number : last;
	stacks = calloc((size_t)last + 1, sizeof(*stacks));
	for (size_t i = 0; stacks && i < snapshot->site_cnt; i++)
		if (!(left_out & KIND_BIT(shown->stacks[i].kind)))
			stacks[snapshot->sites[i].number] = &shown->stacks[i];
	return stacks;
}

int draft__add_blocks(struct summary_draft *draft, struct process *process,
	const struct snapshot *snapshot, struct summary_process *shown)
{
	const struct options *options = draft->trace->options;
	struct picking picking = {
		.listing = &options->blocks,
		.born_before_ns = draft->now_ns - draft->min_age_ns,
		.max = options->blocks.max ? options->blocks.max : SIZE_MAX,
	};
	int err = 0;

	if (!options->blocks.is_asked_for || draft->min_age_ns > draft->now_ns)
		return 0;
	if (!draft->min_age_ns)
		picking.born_before_ns = UINT64_MAX;
	picking.stacks = stacks_by_site(options, snapshot, shown);
	if (!picking.stacks)
		return -ENOMEM;
	err = process__each_block(process, pick, &picking);
	if (!err)
		err = tell_all(draft, &picking, shown);
	free(picking.blocks);
	free(picking.stacks);
	return err;
}

void draft__free_blocks(struct summary_process *shown)
{
	for (size_t i = 0; i < shown->block_cnt; i++)
		free((char *)shown->blocks[i].contents);
	free(shown->blocks);
}
