/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Snapshots: what a report needs to know about each site. Totals are kept by the site itself, ages
 * are not: they come from one pass over all blocks, which is a memory-speed walk (0.1 s for ten
 * million) for a report that comes once in seconds.
 *
 * A block's time is known to 4.2 ms, rounded down, and so is its age, rounded up.
 *
 * Blocks in doubt are those that were there when a free was lost, of each site and of all together
 * no more than frees were lost. (Rounding down the time takes some in that came just after.)
 */
#include <errno.h>
#include <stdlib.h>

#include "heap/process.h"
#include "heap/sampling.h"

static void snapshot_site__init(
	struct snapshot_site *shown, const struct site *site, uint32_t number)
{
	*shown = (struct snapshot_site){
		.stack = &site->stack->stack,
		.number = number,
		.allocs = site->allocs,
		.frees = site->frees,
		.bytes_allocated = site->bytes_allocated,
		.growth_bytes = (int64_t)(site->outstanding_bytes - site->marked_bytes),
	};
}

static void snapshot_site__add(
	struct snapshot_site *shown, uint64_t size, uint64_t weight, uint64_t time_ns)
{
	if (!shown->outstanding_blocks || time_ns < shown->oldest_ns)
		shown->oldest_ns = time_ns;
	if (time_ns > shown->newest_ns)
		shown->newest_ns = time_ns;
	shown->outstanding_blocks += weight;
	shown->outstanding_bytes += weight * size;
}

static void snapshot_sampled__add(
	struct snapshot_sampled *sampled, const struct block *block, uint64_t weight)
{
	sampled->blocks++;
	sampled->blocks_variance += sampling__variance(weight, 1);
	sampled->bytes_variance += sampling__variance(weight, block->size);
}

/* limit_ns: of blocks that are old enough; each was allocated then, or before. */
static void process__add_blocks(
	const struct process *process, struct snapshot *snapshot, uint64_t limit_ns)
{
	uint64_t doubt_ns = process__doubt(process).last_ns;
	const struct block *block;
	size_t cursor = 0;

	while ((block = blocks__next(&process->blocks, &cursor))) {
		uint64_t time_ns = process__block_ns(process, block);
		uint64_t weight = process__weight(process, block);
		struct snapshot_site *site = &snapshot->sites[block->site];

		snapshot_sampled__add(&snapshot->sampled, block, weight);
		if (block->number > process->checkpoint.number) {
			site->since_bytes += weight * block->size;
			site->since_blocks += weight;
		}
		if (time_ns > limit_ns)
			continue;
		snapshot_site__add(site, block->size, weight, time_ns);
		snapshot_sampled__add(&site->sampled, block, weight);
		if (time_ns <= doubt_ns)
			site->blocks_in_doubt += weight;
	}
}

static void process__add_ranges(
	const struct process *process, struct snapshot *snapshot, uint64_t limit_ns)
{
	const struct ranges *ranges = &process->mapped.ranges;
	const struct range *range;

	for (range = ranges__beyond(ranges, 0); range; range = ranges__beyond(ranges, range->end))
		if (range->time_ns <= limit_ns)
			snapshot_site__add(&snapshot->sites[range->site], range->end - range->addr,
				1, range->time_ns);
}

/* Takes out the sites that never allocated: they are only there to hold a stack. */
static size_t snapshot__compact(struct snapshot_site *sites, size_t site_cnt)
{
	size_t cnt = 0;

	for (size_t i = 0; i < site_cnt; i++) {
		if (sites[i].allocs)
			sites[cnt++] = sites[i];
	}
	return cnt;
}

/* Adds what passes the filter to its site. */
typedef void add_outstanding(
	const struct process *process, struct snapshot *snapshot, uint64_t limit_ns);

static int snapshot__take(const struct process *process, const struct sites *sites,
	add_outstanding *add, uint64_t limit_ns, struct snapshot *ret_snapshot)
{
	struct snapshot snapshot = {.sites = malloc((sites->cnt + 1) * sizeof(*snapshot.sites))};

	if (!snapshot.sites)
		return -ENOMEM;
	for (size_t i = 0; i < sites->cnt; i++)
		snapshot_site__init(&snapshot.sites[i], &sites->sites[i], i);
	add(process, &snapshot, limit_ns);
	snapshot.site_cnt = snapshot__compact(snapshot.sites, sites->cnt);
	*ret_snapshot = snapshot;
	return 0;
}

/* The last time at which a block can have been made that is this old. Without a least age all are:
 * their times are read when the records are made, which `now` may be a moment before. */
static uint64_t limit_of(uint64_t now_ns, uint64_t min_age_ns)
{
	if (!min_age_ns)
		return UINT64_MAX;
	return min_age_ns <= now_ns ? now_ns - min_age_ns : 0;
}

static uint64_t at_most(uint64_t cnt, uint64_t most)
{
	return cnt < most ? cnt : most;
}

/* A sampled block stands for others, so a lost free does. */
static uint64_t process__blocks_in_doubt_max(const struct process *process)
{
	uint64_t lost = process__doubt(process).free_cnt;

	return lost && process->sampling_mean ? UINT64_MAX : lost;
}

static void snapshot__limit_doubt(struct snapshot *snapshot, uint64_t most)
{
	snapshot->blocks_in_doubt = 0;
	for (size_t i = 0; i < snapshot->site_cnt; i++) {
		struct snapshot_site *site = &snapshot->sites[i];

		snapshot->blocks_in_doubt += site->blocks_in_doubt;
		site->blocks_in_doubt = at_most(site->blocks_in_doubt, most);
	}
	snapshot->blocks_in_doubt = at_most(snapshot->blocks_in_doubt, most);
}

int process__snapshot(const struct process *process, uint64_t now_ns, uint64_t min_age_ns,
	struct snapshot *ret_snapshot)
{
	int err = snapshot__take(process, &process->sites, process__add_blocks,
		limit_of(now_ns, min_age_ns), ret_snapshot);

	if (!err)
		snapshot__limit_doubt(ret_snapshot, process__blocks_in_doubt_max(process));
	return err;
}

int process__snapshot_mapped(const struct process *process, uint64_t now_ns, uint64_t min_age_ns,
	struct snapshot *ret_snapshot)
{
	return snapshot__take(process, &process->mapped.sites, process__add_ranges,
		limit_of(now_ns, min_age_ns), ret_snapshot);
}

void snapshot__destroy(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->sites);
	*snapshot = (struct snapshot){};
}

static void sites__mark(struct sites *sites)
{
	for (uint32_t i = 0; i < sites->cnt; i++)
		sites->sites[i].marked_bytes = sites->sites[i].outstanding_bytes;
}

void process__mark(struct process *process)
{
	sites__mark(&process->sites);
	sites__mark(&process->mapped.sites);
}

void process__checkpoint(struct process *process)
{
	process->checkpoint = (struct heap_checkpoint){
		.number = process->last_number,
		.outstanding_bytes = process->totals.outstanding_bytes,
		.outstanding_blocks = process->totals.outstanding_blocks,
	};
}

const struct heap_checkpoint *process__last_checkpoint(const struct process *process)
{
	return &process->checkpoint;
}

int process__each_block(const struct process *process,
	int (*visit)(const struct heap_block *block, void *arg), void *arg)
{
	const struct block *block;
	size_t cursor = 0;
	int err = 0;

	while (!err && (block = blocks__next(&process->blocks, &cursor))) {
		struct heap_block shown = {
			.addr = block->addr,
			.size = block->size,
			.number = block->number,
			.time_ns = process__block_ns(process, block),
			.site = block->site,
			.tid = block->tid,
		};

		err = visit(&shown, arg);
	}
	return err;
}
