// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Strings are borrowed: of symbols from the symbolizer, of files from the modules, of processes
 * from the books; a summary is written before any of these change. Only arrays are the draft's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "cli/summary_build.h"
#include "cli/summary_estimate.h"
#include "cli/summary_parts.h"
#include "report/output.h"
#include "util/log.h"

/* ---- frames ---- */

static int resolve(struct trace *trace, const struct process_info *info,
	const struct heap_frame *frame, bool is_return, struct module *module, uint64_t address,
	const struct symbol **ret_symbols)
{
	if (module)
		return symbolizer__resolve(
			trace->symbolizer, module, address, is_return, ret_symbols);
	return symbolizer__resolve_jit(
		trace->symbolizer, info->tgid, info->start_ns, frame->address, ret_symbols);
}

static struct summary_frame *push_frames(struct summary_stack *stack, int cnt)
{
	struct summary_frame *frames =
		realloc(stack->frames, (stack->frame_cnt + cnt) * sizeof(*frames));

	if (!frames)
		return NULL;
	stack->frames = frames;
	frames += stack->frame_cnt;
	stack->frame_cnt += cnt;
	return memset(frames, 0, cnt * sizeof(*frames));
}

/* One frame of the stack: as many of the summary as functions were inlined there, and one. */
static int add_frame(struct trace *trace, const struct process_info *info,
	const struct heap_frame *frame, bool is_return, struct summary_stack *stack)
{
	struct module *module = files__get(trace->files, frame->file);
	const struct symbol *symbols = NULL;
	struct summary_frame *frames;
	uint64_t address = 0;
	int cnt;

	if (module && !module__address(module, frame->file_offset, &address))
		address = frame->file_offset;
	cnt = resolve(trace, info, frame, is_return, module, address, &symbols);
	if (cnt < 0)
		return cnt;
	frames = push_frames(stack, cnt);
	if (!frames)
		return -ENOMEM;
	for (int i = 0; i < cnt; i++)
		frames[i] = (struct summary_frame){
			.address = frame->address,
			.function = symbols[i].function,
			.offset = symbols[i].offset,
			.file = symbols[i].file,
			.line = symbols[i].line,
			.column = symbols[i].column,
			.module = module		? module->path
				  : symbols[i].function ? "[jit]"
							: NULL,
			.build_id = module && *module->build_id ? module->build_id : NULL,
			.module_offset = address,
			.inlined = symbols[i].inlined,
		};
	return 0;
}

/* ---- stacks ---- */

double draft__age_s(
	const struct summary_draft *draft, const struct process_info *info, uint64_t then_ns)
{
	uint64_t now_ns = info->state == PROCESS_RUNNING ? draft->now_ns : info->end_ns;

	if (!then_ns)
		return -1;
	return now_ns > then_ns ? (now_ns - then_ns) / 1e9 : 0;
}

static bool is_complete(const struct heap_stack *stack)
{
	return stack->frame_cnt && stack->end == STACK_END_ROOT;
}

static const char *end_words(const struct heap_stack *stack)
{
	return stack->frame_cnt ? stack_end_rows[stack->end].text : "the call stack was lost";
}

static void fill_stack(struct summary_draft *draft, const struct process_info *info,
	const struct snapshot_site *site, struct summary_stack *stack)
{
	bool is_since = draft->summary.previous_checkpoint;

	*stack = (struct summary_stack){
		.outstanding_bytes = site->outstanding_bytes,
		.outstanding_blocks = site->outstanding_blocks,
		.blocks_in_doubt = site->blocks_in_doubt,
		.allocs = site->allocs,
		.frees = site->frees,
		.bytes_allocated = site->bytes_allocated,
		.growth_bytes = site->growth_bytes,
		.oldest_age_s = draft__age_s(draft, info, site->oldest_ns),
		.newest_age_s = draft__age_s(draft, info, site->newest_ns),
		.complete = is_complete(site->stack),
		.end = end_words(site->stack),
		.id = site->stack->hash,
		.since_bytes = is_since ? site->since_bytes : 0,
		.since_blocks = is_since ? site->since_blocks : 0,
	};
	if (draft->trace->options->sample_bytes)
		stack->estimate = summary_estimate__of(&site->sampled);
}

static int add_frames(struct trace *trace, const struct process_info *info,
	const struct heap_stack *known, struct summary_stack *stack)
{
	for (uint32_t i = 0; known && i < known->frame_cnt; i++) {
		int err = add_frame(trace, info, &known->frames[i], i > 0, stack);

		if (err)
			return err;
	}
	return 0;
}

int draft__add_frames(
	struct summary_draft *draft, const struct process_info *info, struct summary_stack *stack)
{
	struct trace *trace = draft->trace;

	return stack->frames
		       ? 0
		       : add_frames(trace, info, heap__stack(trace->heap, stack->id), stack);
}

int summary_stack__make(struct trace *trace, const struct process_info *info, uint64_t id,
	struct summary_stack *ret_stack)
{
	const struct heap_stack *known = heap__stack(trace->heap, id);

	*ret_stack = (struct summary_stack){.id = id};
	if (known && known->frame_cnt) {
		ret_stack->complete = known->end == STACK_END_ROOT;
		ret_stack->end = stack_end_rows[known->end].text;
	}
	return add_frames(trace, info, known, ret_stack);
}

/* Numbers only: frames are for those that will be shown. NULL without memory. */
static struct summary_stack *make_stacks(struct summary_draft *draft,
	const struct process_info *info, const struct snapshot *snapshot)
{
	struct summary_stack *stacks = calloc(snapshot->site_cnt + 1, sizeof(*stacks));

	for (size_t i = 0; stacks && i < snapshot->site_cnt; i++)
		fill_stack(draft, info, &snapshot->sites[i], &stacks[i]);
	return stacks;
}

/* Of a hundred thousand stacks ten may be shown: these get their frames. all: those that the array
 * has. */
static int finish_stacks(struct summary_draft *draft, const struct process_info *info,
	struct summary_stack **stacks, size_t cnt, size_t all)
{
	struct summary_stack *shrunk;
	int err = 0;

	for (size_t i = cnt; i < all; i++)
		free((*stacks)[i].frames);
	shrunk = reallocarray(*stacks, cnt + 1, sizeof(*shrunk));
	if (shrunk)
		*stacks = shrunk;
	for (size_t i = 0; i < cnt && !err; i++)
		err = draft__add_frames(draft, info, &(*stacks)[i]);
	return err;
}

/* ---- findings ---- */

static int fill_finding_stack(struct summary_draft *draft, const struct process_info *info,
	const struct heap_stack *known, struct summary_stack *stack)
{
	stack->complete = is_complete(known);
	stack->end = end_words(known);
	return add_frames(draft->trace, info, known, stack);
}

static int fill_finding(struct summary_draft *draft, const struct process_info *info,
	const struct finding *finding, struct summary_finding *shown)
{
	int err = 0;

	*shown = (struct summary_finding){
		.kind = finding->kind,
		.count = finding->count,
		.address = finding->addr,
		.size = finding->size,
		.offset = finding->offset,
	};
	for (size_t i = 0; i < FINDING_STACK_CNT && !err; i++) {
		shown->has_stack[i] = finding->stacks[i];
		if (finding->stacks[i])
			err = fill_finding_stack(
				draft, info, finding->stacks[i], &shown->stacks[i]);
	}
	return err;
}

static int fill_findings(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	size_t cnt = process__finding_cnt(process);
	int err = 0;

	shown->findings_left_out = process__findings_left_out(process);
	shown->findings = cnt ? calloc(cnt, sizeof(*shown->findings)) : NULL;
	if (cnt && !shown->findings)
		return -ENOMEM;
	while (shown->finding_cnt < cnt && !err) {
		struct finding finding = process__finding(process, shown->finding_cnt);

		err = fill_finding(
			draft, &shown->info, &finding, &shown->findings[shown->finding_cnt++]);
	}
	return err;
}

static void free_findings(struct summary_process *shown)
{
	for (size_t i = 0; i < shown->finding_cnt; i++)
		for (size_t stack = 0; stack < FINDING_STACK_CNT; stack++)
			free(shown->findings[i].stacks[stack].frames);
	free(shown->findings);
}

/* ---- processes ---- */

static void add_counters(struct counters *sum, const struct counters *counters)
{
	for (int i = 0; i < COUNTER_CNT; i++)
		sum->count[i] += counters->count[i];
}

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
	tracer__counters(
		draft->trace->tracer, shown->info.tgid, shown->info.image, &shown->counters);
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
	shown->stacks = make_stacks(draft, &shown->info, &snapshot);
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
	mapped->stacks = make_stacks(draft, &shown->info, &snapshot);
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
	arenas->stacks = make_stacks(draft, &shown->info, &snapshot);
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
		err = fill_findings(draft, process, shown);
	if (err)
		return err;
	stacks_all = shown->stack_cnt;
	mapped_all = mapped->stack_cnt;
	arenas_all = arenas->stack_cnt;
	selection__apply(&draft->selection, shown);
	err = finish_stacks(draft, &shown->info, &shown->stacks, shown->stack_cnt, stacks_all);
	if (!err && mapped->is_told)
		err = finish_stacks(
			draft, &shown->info, &mapped->stacks, mapped->stack_cnt, mapped_all);
	if (!err)
		err = finish_stacks(
			draft, &shown->info, &arenas->stacks, arenas->stack_cnt, arenas_all);
	return err;
}

static struct summary_process *push_process(struct summary_draft *draft)
{
	struct summary *summary = &draft->summary;

	if (summary->process_cnt == draft->process_cap) {
		size_t cap = draft->process_cap ? draft->process_cap * 2 : 16;
		struct summary_process *processes =
			reallocarray(summary->processes, cap, sizeof(*processes));

		if (!processes)
			return NULL;
		summary->processes = processes;
		draft->process_cap = cap;
	}
	return memset(
		&summary->processes[summary->process_cnt++], 0, sizeof(struct summary_process));
}

static int add_process(struct summary_draft *draft, struct process *process)
{
	struct summary_process *shown = push_process(draft);

	if (!shown)
		return -ENOMEM;
	fill_process(draft, process, shown);
	return fill_stacks(draft, process, shown);
}

/* ---- the whole ---- */

/* Resident and not shared: the event buffer, which is the kernel's, is mapped twice and would count
 * as often. */
static uint64_t own_rss(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long resident = 0, shared = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%*u %lu %lu", &resident, &shared) != 2)
		resident = shared = 0;
	fclose(file);
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double own_cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void fill_cost(struct summary_draft *draft)
{
	struct unwinding_cost unwinding = unwinding__cost(draft->trace->unwinding);
	struct summary *summary = &draft->summary;

	summary->cpu_s = own_cpu_s();
	summary->rss_bytes = own_rss();
	summary->unwind_files = unwinding.file_cnt;
	summary->unwind_rows = unwinding.row_cnt;
	summary->unwind_bytes = unwinding.bytes;
	summary->unwind_load_s = unwinding.seconds;
}

static void fill_head(struct summary_draft *draft, enum summary_kind kind)
{
	struct summary *summary = &draft->summary;
	struct trace *trace = draft->trace;

	draft->now_ns = monotonic_ns();
	draft->min_age_ns = trace->options->min_age_s * 1e9;
	clock_gettime(CLOCK_REALTIME, &summary->time);
	uname(&draft->system);
	summary->kind = kind;
	summary->checkpoint = kind == SUMMARY_CHECKPOINT ? trace->checkpoint : NULL;
	summary->previous_checkpoint =
		*trace->previous_checkpoint ? trace->previous_checkpoint : NULL;
	summary->uptime_s = monotonic_s() - trace->began_s;
	summary->min_age_s = trace->options->min_age_s;
	summary->sample_bytes = trace->options->sample_bytes;
	summary->host = draft->system.nodename;
	summary->kernel = draft->system.release;
	summary->events_received = trace->ingest.received;
	summary->counters = tracer__all_counters(trace->tracer);
	add_counters(&summary->counters, &trace->forgotten);
	summary->counters.count[COUNTER_not_booked] += trace->ingest.no_memory;
	summary->counters.count[COUNTER_malformed] += trace->ingest.malformed;
	summary->checked = trace->options->check;
	summary->link = link_kind__name(tracer__link_kind(trace->tracer));
}

/* Of which nothing was seen, and nothing lost. */
static bool is_silent(struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);
	struct counters counters;

	if (traced__of(process)->received)
		return false;
	tracer__counters(trace->tracer, info->tgid, info->image, &counters);
	return !counters__lost(&counters);
}

struct summary_draft *summary_draft__new(
	struct trace *trace, enum summary_kind kind, struct process *only)
{
	struct summary_draft *draft = calloc(1, sizeof(*draft));
	struct process *process = only ? only : heap__next(trace->heap, NULL);
	int err = 0;

	if (!draft)
		return NULL;
	draft->trace = trace;
	if (!outputs__keep_all(trace->outputs))
		draft->selection = options__selection(trace->options);
	fill_head(draft, kind);
	for (; process && !err; process = only ? NULL : heap__next(trace->heap, process)) {
		if (!trace->hooks.hides_silent || !is_silent(trace, process))
			err = add_process(draft, process);
	}
	fill_cost(draft);
	if (!err)
		return draft;
	summary_draft__free(draft);
	return NULL;
}

const struct summary *summary_draft__summary(const struct summary_draft *draft)
{
	return &draft->summary;
}

static void free_stacks(struct summary_stack *stacks, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		free(stacks[i].frames);
	free(stacks);
}

void summary_draft__free(struct summary_draft *draft)
{
	if (!draft)
		return;
	for (size_t i = 0; i < draft->summary.process_cnt; i++) {
		struct summary_process *shown = &draft->summary.processes[i];

		draft__free_blocks(shown);
		free_stacks(shown->stacks, shown->stack_cnt);
		free_stacks(shown->mapped.stacks, shown->mapped.stack_cnt);
		free_stacks(shown->arenas.stacks, shown->arenas.stack_cnt);
		free_findings(shown);
	}
	free(draft->summary.processes);
	free(draft);
}
