// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The largest or oldest N of what can be ten million blocks (block_picking.h). Names are looked up
 * for the callers of those that are left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/block_picking.h"
#include "cli/contents.h"
#include "cli/summary_parts.h"
#include "report/kinds.h"

struct picking {
	struct block_picking best;
	uint64_t born_before_ns;	     /* those that are old enough */
	const struct summary_stack **stacks; /* of each site, by its number; NULL: of none shown */
};

static int pick(const struct heap_block *block, void *arg)
{
	struct picking *picking = arg;

	if (block->time_ns > picking->born_before_ns || !picking->stacks[block->site])
		return 0;
	return block_picking__add(&picking->best, block);
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
	struct block_picking *best = &picking->best;
	int err = 0;

	shown->blocks = calloc(best->cnt + 1, sizeof(*shown->blocks));
	if (!shown->blocks)
		return -ENOMEM;
	block_picking__sort(best);
	for (size_t i = 0; i < best->cnt && !err; i++)
		err = tell(draft, &best->blocks[i], picking->stacks[best->blocks[i].site], shown);
	return err;
}

static void add_contents(struct process *process, size_t max_sz, struct summary_process *shown)
{
	if (max_sz && shown->info.state == PROCESS_RUNNING)
		contents__read(shown, max_sz);
	else if (max_sz)
		exit_contents__tell(traced__of(process)->exit_contents, shown);
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
		.best = {.order = options->blocks.order,
			.max = options->blocks.max ? options->blocks.max : SIZE_MAX},
		.born_before_ns = draft->now_ns - draft->min_age_ns,
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
	if (!err)
		add_contents(process, options->blocks.contents_sz, shown);
	free(picking.best.blocks);
	free(picking.stacks);
	return err;
}

void draft__free_blocks(struct summary_process *shown)
{
	for (size_t i = 0; i < shown->block_cnt; i++)
		free((char *)shown->blocks[i].contents);
	free(shown->blocks);
}
