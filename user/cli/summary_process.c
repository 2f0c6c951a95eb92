// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A process in a summary: its totals, its stacks, and what else its books tell. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/summary_estimate.h"
#include "cli/summary_parts.h"
#include "cli/trace_parts.h"
#include "collect/counters.h"
#include "util/array.h"

static double process_age_s(const struct process_info *info)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!info->start_ns)
		return -1;
	return now.tv_sec + now.tv_nsec / 1e9 - info->start_ns / 1e9;
}

static const char *process_note(const struct traced *traced)
{
	if (traced->unprobed)
		return "an allocator that this process may have could not be probed (-v says which "
		       "and "
		       "why): what it allocates from that is not known";
	if (traced->late_probes)
		return "an allocator of this process was found only after it had started: what it "
		       "allocated before is not known";
	return NULL;
}

static void fill_sums(struct summary_process *shown, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->site_cnt; i++) {
		const struct snapshot_site *site = &snapshot->sites[i];

		shown->filtered_bytes += site->outstanding_bytes;
		shown->filtered_blocks += site->outstanding_blocks;
		if (site->stack->frame_cnt)
			shown->stack_ends[site->stack->end]++;
		else
			shown->stacks_lost++;
	}
}

static void fill_process(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	struct traced *traced = traced__of(process);

	shown->info = *process__info(process);
	shown->age_s = process_age_s(&shown->info);
	shown->totals = *process__totals(process);
	shown->anomalies = *process__anomalies(process);
	shown->growth_bytes = shown->totals.outstanding_bytes - traced->shown_bytes;
	shown->growth_blocks = shown->totals.outstanding_blocks - traced->shown_blocks;
	shown->events_received = traced->received;
	shown->note = process_note(traced);
	shown->counters = trace__counters_of(draft->trace, process);
	if (counters__lost(&shown->counters)) {
		process__mark_incomplete(process);
		process__set_doubt(process, counters__doubt(&shown->counters));
	}
	shown->complete = !process__info(process)->incomplete;
}

/* The difference to the previous checkpoint, if there is one. */
static void fill_since(struct summary_draft *draft, const struct process *process,
	const struct snapshot *snapshot, struct summary_process *shown)
{
	const struct heap_checkpoint *checkpoint = process__last_checkpoint(process);
	struct summary_since *since = &shown->since;

	if (!draft->summary.previous_checkpoint)
		return;
	since->growth_bytes = shown->totals.outstanding_bytes - checkpoint->outstanding_bytes;
	since->growth_blocks = shown->totals.outstanding_blocks - checkpoint->outstanding_blocks;
	for (size_t i = 0; i < snapshot->site_cnt; i++) {
		since->bytes += snapshot->sites[i].since_bytes;
		since->blocks += snapshot->sites[i].since_blocks;
	}
}

static int fill_blocks(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	struct snapshot snapshot;
	int err = process__snapshot(process, draft->now_ns, draft->min_age_ns, &snapshot);

	if (err)
		return err;
	shown->blocks_in_doubt = snapshot.blocks_in_doubt;
	fill_sums(shown, &snapshot);
	if (draft->trace->options->sample_bytes)
		summary_process__estimate(shown, process__sampled(process), &snapshot);
	fill_since(draft, process, &snapshot, shown);
	shown->stacks = draft__make_stacks(draft, &shown->info, &snapshot);
	shown->stack_cnt = shown->stacks_total = shown->stacks ? snapshot.site_cnt : 0;
	err = shown->stacks ? draft__set_kinds(draft, shown) : -ENOMEM;
	if (!err)
		err = draft__add_blocks(draft, process, &snapshot, shown);
	snapshot__destroy(&snapshot);
	return err;
}

static int fill_mapped(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	struct summary_mapped *mapped = &shown->mapped;
	struct snapshot snapshot;
	int err = process__snapshot_mapped(process, draft->now_ns, draft->min_age_ns, &snapshot);

	if (err)
		return err;
	mapped->is_told = true;
	mapped->totals = *process__mapped(process);
	mapped->growth_bytes =
		mapped->totals.outstanding_bytes - traced__of(process)->shown_mapped_bytes;
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		mapped->filtered_bytes += snapshot.sites[i].outstanding_bytes;
		mapped->filtered_ranges += snapshot.sites[i].outstanding_blocks;
	}
	mapped->stacks = draft__make_stacks(draft, &shown->info, &snapshot);
	mapped->stack_cnt = mapped->stacks_total = mapped->stacks ? snapshot.site_cnt : 0;
	snapshot__destroy(&snapshot);
	return mapped->stacks ? 0 : -ENOMEM;
}

static int fill_arenas(
	struct summary_draft *draft, const struct process *process, struct summary_process *shown)
{
	struct summary_arenas *arenas = &shown->arenas;
	struct snapshot snapshot;
	int err = process__snapshot_arenas(process, &snapshot);

	if (err)
		return err;
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		arenas->alive += snapshot.sites[i].allocs;
		arenas->blocks += snapshot.sites[i].outstanding_blocks;
		arenas->bytes += snapshot.sites[i].outstanding_bytes;
	}
	arenas->stacks = draft__make_stacks(draft, &shown->info, &snapshot);
	arenas->stack_cnt = arenas->stacks_total = arenas->stacks ? snapshot.site_cnt : 0;
	snapshot__destroy(&snapshot);
	return arenas->stacks ? 0 : -ENOMEM;
}

static int fill_stacks(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	struct summary_mapped *mapped = &shown->mapped;
	struct summary_arenas *arenas = &shown->arenas;
	int err = fill_blocks(draft, process, shown);
	size_t stacks_all, mapped_all, arenas_all;

	if (!err && draft->trace->options->mmap)
		err = fill_mapped(draft, process, shown);
	if (!err)
		err = fill_arenas(draft, process, shown);
	if (!err)
		err = draft__add_findings(draft, process, shown);
	if (!err)
		err = draft__add_sections(draft, process, shown);
	if (err)
		return err;
	stacks_all = shown->stack_cnt;
	mapped_all = mapped->stack_cnt;
	arenas_all = arenas->stack_cnt;
	selection__apply(&draft->selection, shown);
	err = draft__finish_stacks(
		draft, &shown->info, &shown->stacks, shown->stack_cnt, stacks_all);
	if (!err && mapped->is_told)
		err = draft__finish_stacks(
			draft, &shown->info, &mapped->stacks, mapped->stack_cnt, mapped_all);
	if (!err)
		err = draft__finish_stacks(
			draft, &shown->info, &arenas->stacks, arenas->stack_cnt, arenas_all);
	return err;
}

static struct summary_process *push_process(struct summary_draft *draft)
{
	struct summary *summary = &draft->summary;
	struct summary_process *processes = array__with_room(summary->processes,
		summary->process_cnt, 1, &draft->process_cap, sizeof(*processes));

	if (!processes)
		return NULL;
	summary->processes = processes;
	return memset(
		&summary->processes[summary->process_cnt++], 0, sizeof(struct summary_process));
}

int draft__add_process(struct summary_draft *draft, struct process *process)
{
	struct summary_process *shown = push_process(draft);

	if (!shown)
		return -ENOMEM;
	fill_process(draft, process, shown);
	return fill_stacks(draft, process, shown);
}
