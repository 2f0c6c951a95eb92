/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A realloc from its begin to its return: the block is pending, kept under its thread.
 *
 * A realloc of a block that the books never had is pending too, as an unmatched free that may not
 * have happened.
 *
 * When a thread's next realloc begins and the last one is still pending, its end was lost: it is
 * taken for a success, as nearly all are, and the books are incomplete. What is pending when the
 * process ends, or forks, was never freed: it is put back, in the fork's child as well.
 */
#include "heap/process.h"

#include <stdlib.h>

#include "heap/sampling.h"

static struct block *process__take_pending(struct process *process, pid_t tid)
{
	return (struct block *)index__remove(&process->pending, (uint32_t)tid);
}

void process__realloc_begin(struct process *process, uint64_t addr, pid_t tid)
{
	struct block *stale = process__take_pending(process, tid), *kept;
	struct block block = {};

	if (stale)
		process->info.incomplete = true;
	free(stale);
	if (!addr)
		return;
	if (!process__take(process, addr, tid, &block)) {
		if (process->sampling_mean)
			return; /* it was not sampled */
		process->anomalies.unmatched_frees++;
	}
	if (process->arenas.used_cnt)
		process__lift_node(process, addr, tid);
	kept = malloc(sizeof(*kept));
	if (!kept || index__add(&process->pending, (uint32_t)tid, (uintptr_t)kept)) {
		process->info.incomplete = true;
		free(kept);
		return;
	}
	*kept = block;
}

void process__realloc_done(struct process *process, pid_t tid)
{
	free(process__take_pending(process, tid));
}

/* `tid`: the thread whose realloc had taken it out. */
static void process__put_back(struct process *process, const struct block *kept, pid_t tid)
{
	struct block old;
	uint64_t weight;

	if (!kept->addr) {
		process->anomalies.unmatched_frees--;
		return;
	}
	/* If another block stands there, then an event was lost: that one is younger. */
	if (blocks__find(&process->blocks, kept->addr) ||
		blocks__put(&process->blocks, kept, &old)) {
		process->info.incomplete = true;
		return;
	}
	process__is_no_freed_block(process, kept->addr);
	weight = process__weight(process, kept);
	process__site(process, kept)->frees -= weight;
	process->totals.frees -= weight;
	process->sampled.frees_variance -= sampling__variance(weight, 1);
	process__count_in(process, kept, weight);
	if (process->sections)
		sections__take_free_back(process->sections, kept, tid);
}

void process__realloc_failed(struct process *process, pid_t tid)
{
	struct block *kept = process__take_pending(process, tid);

	if (kept)
		process__put_back(process, kept, tid);
	if (kept && process->lifted.cnt)
		process__land_node(process, kept->addr, tid);
	free(kept);
}

void process__put_all_back(struct process *process)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&process->pending, &cursor))) {
		const struct block *kept = (const struct block *)entry->value;

		process__put_back(process, kept, entry->key);
		if (process->lifted.cnt)
			process__land_node(process, kept->addr, entry->key);
		free((struct block *)entry->value);
	}
	index__destroy(&process->pending);
}

void process__copy_pending(struct process *child, const struct process *parent)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&parent->pending, &cursor))) {
		const struct block *kept = (const struct block *)entry->value;
		uint32_t node = index__find(&parent->lifted, entry->key);

		if (kept->addr)
			process__put_back(child, kept, 0);
		if (node && kept->addr && arenas__land(&child->arenas, node, kept->addr))
			child->info.incomplete = true;
	}
}
