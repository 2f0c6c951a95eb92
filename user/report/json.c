/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The JSON renderer: one summary, one line (JSON Lines). Its contract is JSON_SCHEMA.md; a field is
 * added there, here and in the golden files together.
 *
 * A summary can hold a hundred thousand stacks of a hundred frames, and an object of json-c costs
 * hundreds of bytes: so the line is never held as one tree. An object that contains a long array is
 * written in three parts: what comes before the array without its closing brace, the array's
 * elements one by one, what comes after it without its opening brace. Memory is that of one stack.
 *
 *   {head  ,"processes":[  {head  ,"arenas":[ … ],"stacks":[ {…},{…} ]}  ,…  ]  ,tail}
 */
#include "report/summary.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "report/json_blocks.h"
#include "report/json_fields.h"
#include "report/json_frames.h"
#include "report/json_sections.h"
#include "report/labels.h"
#include "report/output.h"

#define SCHEMA "heaptap/1"

static const char *const kind_names[] = {
	[SUMMARY_PERIODIC] = "periodic",
	[SUMMARY_EXIT] = "exit",
	[SUMMARY_FINAL] = "final",
	[SUMMARY_CHECKPOINT] = "checkpoint",
};

static const char *const finding_names[FINDING_KIND_CNT] = {
	[FINDING_DOUBLE_FREE] = "double_free",
	[FINDING_INVALID_FREE] = "invalid_free",
	[FINDING_MISMATCHED_FREE] = "mismatched_free",
};

static const char *const finding_roles[FINDING_STACK_CNT] = {
	[FINDING_STACK_FREE] = "free",
	[FINDING_STACK_FIRST_FREE] = "first_free",
	[FINDING_STACK_ALLOCATION] = "allocation",
};

static const char *const state_names[] = {
	[PROCESS_RUNNING] = "running",
	[PROCESS_EXITED] = "exited",
	[PROCESS_KILLED] = "killed",
	[PROCESS_REPLACED] = "replaced",
	[PROCESS_VANISHED] = "vanished",
};

static void add_counters(
	struct fields *fields, const char *key, const struct counters *counters, bool losses)
{
	struct fields inner;

	fields__begin(&inner);
	for (size_t i = 0; i < COUNTER_CNT; i++)
		if (counter_rows[i].is_loss == losses)
			fields__add_count(&inner, counter_rows[i].name, counters->count[i]);
	if (losses)
		fields__add_count(&inner, "total", counters__lost(counters));
	fields__add_object(fields, key, &inner);
}

/* How many stacks end where they should, and how many for each reason not to. */
static void add_stack_ends(struct fields *fields, const struct summary_process *process)
{
	struct fields truncated;

	fields__add_count(fields, "stacks_complete", process->stack_ends[STACK_END_ROOT]);
	fields__begin(&truncated);
	for (size_t i = 0; i < STACK_END_CNT; i++)
		if (i != STACK_END_ROOT)
			fields__add_count(
				&truncated, stack_end_rows[i].key, process->stack_ends[i]);
	fields__add_count(&truncated, "lost", process->stacks_lost);
	fields__add_object(fields, "stacks_truncated", &truncated);
}

/* ---- estimates ---- */

static void add_estimate(struct fields *fields, bool known, const struct summary_estimate *estimate,
	const char *const keys[3])
{
	fields__add_known(fields, keys[0], known, estimate->sampled);
	fields__add_known(fields, keys[1], known, estimate->blocks_error);
	fields__add_known(fields, keys[2], known, estimate->bytes_error);
}

static const char *const allocs_keys[] = {"allocs", "allocs_error", "bytes_allocated_error"};
static const char *const outstanding_keys[] = {
	"outstanding_blocks", "outstanding_blocks_error", "outstanding_bytes_error"};
static const char *const filtered_keys[] = {
	"filtered_blocks", "filtered_blocks_error", "filtered_bytes_error"};

static void add_process_sampled(
	struct fields *fields, const struct summary *summary, const struct summary_process *process)
{
	struct fields inner;

	if (!summary->sample_bytes) {
		fields__add_null(fields, "sampled");
		return;
	}
	fields__begin(&inner);
	add_estimate(&inner, true, &process->allocs_estimate, allocs_keys);
	fields__add_count(&inner, "frees_error", process->frees_error);
	add_estimate(&inner, true, &process->outstanding_estimate, outstanding_keys);
	add_estimate(&inner, summary->min_age_s > 0, &process->filtered_estimate, filtered_keys);
	fields__add_object(fields, "sampled", &inner);
}

/* ---- stacks ---- */

static void add_stack_sampled(
	struct fields *fields, const struct summary_stack *stack, const struct summary *summary)
{
	struct fields inner;

	if (!summary->sample_bytes) {
		fields__add_null(fields, "sampled");
		return;
	}
	fields__begin(&inner);
	add_estimate(&inner, true, &stack->estimate, outstanding_keys);
	fields__add_object(fields, "sampled", &inner);
}

static void add_block_counts(
	struct fields *fields, const struct summary_stack *stack, const struct summary *summary)
{
	bool is_since = summary->previous_checkpoint;

	fields__add_text(fields, "kind", block_kind_rows[stack->kind].key);
	fields__add_text(fields, "tag", stack->tag);
	fields__add_count(fields, "outstanding_blocks", stack->outstanding_blocks);
	fields__add_count(fields, "blocks_in_doubt", stack->blocks_in_doubt);
	fields__add_count(fields, "allocs", stack->allocs);
	fields__add_count(fields, "frees", stack->frees);
	fields__add_count(fields, "bytes_allocated", stack->bytes_allocated);
	fields__add_known(fields, "since_bytes", is_since, stack->since_bytes);
	fields__add_known(fields, "since_blocks", is_since, stack->since_blocks);
	add_stack_sampled(fields, stack, summary);
}

static void add_range_counts(
	struct fields *fields, const struct summary_stack *stack, const struct summary *summary)
{
	fields__add_count(fields, "outstanding_ranges", stack->outstanding_blocks);
	fields__add_count(fields, "maps", stack->allocs);
	fields__add_count(fields, "bytes_mapped", stack->bytes_allocated);
}

typedef void add_counts(
	struct fields *fields, const struct summary_stack *stack, const struct summary *summary);

static void put_stack(struct output *out, const struct summary_stack *stack,
	const struct summary *summary, add_counts *add_its_counts)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "outstanding_bytes", stack->outstanding_bytes);
	add_its_counts(&fields, stack, summary);
	fields__add_signed(&fields, "growth_bytes", stack->growth_bytes);
	fields__add_seconds(&fields, "oldest_age_s", stack->oldest_age_s);
	fields__add_seconds(&fields, "newest_age_s", stack->newest_age_s);
	json_frames__add_path(&fields, stack);
	fields__put(out, &fields, PART_WHOLE);
}

/* ---- findings ---- */

static void add_finding_stack(struct json_object *stacks, const char *role,
	const struct summary_stack *stack, struct fields *finding)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "role", role);
	json_frames__add_path(&fields, stack);
	if (fields.failed || !stacks || json_object_array_add(stacks, fields.object)) {
		finding->failed = true;
		fields__end(&fields);
	}
}

static void put_finding(struct output *out, const struct summary_finding *finding)
{
	bool has_block = finding->has_stack[FINDING_STACK_ALLOCATION];
	struct json_object *stacks = json_object_new_array();
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "kind", finding_names[finding->kind]);
	fields__add_count(&fields, "count", finding->count);
	fields__add_hex(&fields, "address", true, finding->address);
	fields__add_known(&fields, "size", has_block, finding->size);
	fields__add_known(&fields, "offset", has_block && finding->kind == FINDING_INVALID_FREE,
		finding->offset);
	for (size_t i = 0; i < FINDING_STACK_CNT; i++)
		if (finding->has_stack[i])
			add_finding_stack(stacks, finding_roles[i], &finding->stacks[i], &fields);
	fields__add(&fields, "stacks", stacks);
	fields__put(out, &fields, PART_WHOLE);
}

static void put_findings(struct output *out, const struct summary_process *process)
{
	output__puts(out, ",\"findings\":[");
	for (size_t i = 0; !out->err && i < process->finding_cnt; i++) {
		if (i)
			output__puts(out, ",");
		put_finding(out, &process->findings[i]);
	}
	output__puts(out, "]");
}

/* ,"stacks":[…] of the object that was begun */
static void put_stacks(struct output *out, const struct summary_stack *stacks, size_t cnt,
	const struct summary *summary, add_counts *add_their_counts)
{
	output__puts(out, ",\"stacks\":[");
	for (size_t i = 0; !out->err && i < cnt; i++) {
		if (i)
			output__puts(out, ",");
		put_stack(out, &stacks[i], summary, add_their_counts);
	}
	output__puts(out, "]");
}

/* ---- mapped memory ---- */

static void add_mapped_totals(struct fields *fields, const struct mapped_totals *totals)
{
	struct fields inner, kinds;

	fields__begin(&inner);
	fields__add_count(&inner, "maps", totals->maps);
	fields__add_count(&inner, "unmaps", totals->unmaps);
	fields__add_count(&inner, "bytes_mapped", totals->bytes_mapped);
	fields__add_count(&inner, "outstanding_ranges", totals->outstanding_ranges);
	fields__add_count(&inner, "outstanding_bytes", totals->outstanding_bytes);
	fields__add_count(&inner, "peak_outstanding_bytes", totals->peak_outstanding_bytes);
	fields__add_count(&inner, "unseen_unmaps", totals->unseen_unmaps);
	fields__begin(&kinds);
	for (size_t i = 0; i < RANGE_KIND_CNT; i++)
		fields__add_count(&kinds, range_kind_rows[i].key, totals->kind_bytes[i]);
	fields__add_object(&inner, "outstanding_bytes_of", &kinds);
	fields__add_object(fields, "totals", &inner);
}

static void put_mapped(
	struct output *out, const struct summary_mapped *mapped, const struct summary *summary)
{
	bool filtered = summary->min_age_s > 0;
	struct fields fields;

	if (!mapped->is_told) {
		output__puts(out, "null");
		return;
	}
	fields__begin(&fields);
	add_mapped_totals(&fields, &mapped->totals);
	fields__add_signed(&fields, "growth_bytes", mapped->growth_bytes);
	fields__add_known(&fields, "filtered_bytes", filtered, mapped->filtered_bytes);
	fields__add_known(&fields, "filtered_ranges", filtered, mapped->filtered_ranges);
	fields__add_count(&fields, "stacks_total", mapped->stacks_total);
	fields__put(out, &fields, PART_HEAD);
	put_stacks(out, mapped->stacks, mapped->stack_cnt, summary, add_range_counts);
	output__puts(out, "}");
}

/* ---- arenas ---- */

static void put_arenas_of_stack(struct output *out, const struct summary_stack *stack)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "arenas", stack->allocs);
	fields__add_count(&fields, "blocks", stack->outstanding_blocks);
	fields__add_count(&fields, "bytes", stack->outstanding_bytes);
	fields__add_text(&fields, "owner", summary_stack__owner(stack));
	json_frames__add_path(&fields, stack);
	fields__put(out, &fields, PART_WHOLE);
}

/* ,"arenas":[…] of the object that was begun */
static void put_arenas(struct output *out, const struct summary_arenas *arenas)
{
	output__puts(out, ",\"arenas\":[");
	for (size_t i = 0; !out->err && i < arenas->stack_cnt; i++) {
		if (i)
			output__puts(out, ",");
		put_arenas_of_stack(out, &arenas->stacks[i]);
	}
	output__puts(out, "]");
}

/* ---- processes ---- */

static void add_totals(struct fields *fields, const struct heap_totals *totals)
{
	struct fields inner;

	fields__begin(&inner);
	fields__add_count(&inner, "allocs", totals->allocs);
	fields__add_count(&inner, "frees", totals->frees);
	fields__add_count(&inner, "bytes_allocated", totals->bytes_allocated);
	fields__add_count(&inner, "outstanding_blocks", totals->outstanding_blocks);
	fields__add_count(&inner, "outstanding_bytes", totals->outstanding_bytes);
	fields__add_count(&inner, "peak_outstanding_bytes", totals->peak_outstanding_bytes);
	fields__add_count(&inner, "failed_allocs", totals->failed_allocs);
	fields__add_object(fields, "totals", &inner);
}

static void add_events(struct fields *fields, const struct summary_process *process)
{
	const struct heap_anomalies *anomalies = &process->anomalies;
	struct fields inner;

	fields__begin(&inner);
	fields__add_count(&inner, "received", process->events_received);
	fields__add_count(&inner, "lost", counters__lost(&process->counters));
	fields__add_count(&inner, "unmatched_frees", anomalies->unmatched_frees);
	fields__add_count(&inner, "thread_cache_frees", anomalies->thread_cache_frees);
	fields__add_count(&inner, "nested_frees", anomalies->nested_frees);
	fields__add_count(&inner, "replaced_blocks", anomalies->replaced_blocks);
	fields__add_count(&inner, "unknown_stacks", anomalies->unknown_stacks);
	fields__add_object(fields, "events", &inner);
}

static void add_since(
	struct fields *fields, const struct summary_process *process, const struct summary *summary)
{
	const struct summary_since *since = &process->since;
	struct fields inner;

	if (!summary->previous_checkpoint) {
		fields__add_null(fields, "since_checkpoint");
		return;
	}
	fields__begin(&inner);
	fields__add_signed(&inner, "growth_bytes", since->growth_bytes);
	fields__add_signed(&inner, "growth_blocks", since->growth_blocks);
	fields__add_count(&inner, "outstanding_bytes", since->bytes);
	fields__add_count(&inner, "outstanding_blocks", since->blocks);
	fields__add_object(fields, "since_checkpoint", &inner);
}

/* The age is of `now`, so the wall clock's changes since the start do not matter. */
static void add_start_time(struct fields *fields, double age_s, struct timespec now)
{
	double whole_s = floor(age_s);
	long ns;

	if (!(age_s >= 0) || age_s > 1e12) {
		fields__add_null(fields, "start_time");
		return;
	}
	ns = now.tv_nsec - (long)((age_s - whole_s) * 1e9);
	now.tv_sec -= (time_t)whole_s + (ns < 0);
	now.tv_nsec = ns < 0 ? ns + 1000000000 : ns;
	fields__add_time(fields, "start_time", now);
}

/* Who it is and how it ended. */
static void add_identity(
	struct fields *fields, const struct process_info *info, double age_s, struct timespec now)
{
	char comm[COMM_SIZE];

	fields__add_count(fields, "pid", info->tgid);
	add_start_time(fields, age_s, now);
	fields__add_count(fields, "exec", info->exec);
	fields__add_count(fields, "image", info->image);
	fields__add_text(fields, "comm", process__comm(info, comm));
	fields__add_text(fields, "exe", info->exe);
	fields__add_text(fields, "state", state_names[info->state]);
	fields__add_known(
		fields, "exit_code", info->state == PROCESS_EXITED, (unsigned int)info->exit_code);
	fields__add_known(
		fields, "signal", info->state == PROCESS_KILLED, (unsigned int)info->signal);
	fields__add_bool(fields, "from_birth", info->from_birth);
}

static void put_process_head(
	struct output *out, const struct summary_process *process, const struct summary *summary)
{
	bool filtered = summary->min_age_s > 0;
	struct fields fields;

	fields__begin(&fields);
	add_identity(&fields, &process->info, process->age_s, summary->time);
	fields__add_bool(&fields, "complete", process->complete);
	fields__add_text(&fields, "note", process->note);
	add_totals(&fields, &process->totals);
	fields__add_count(&fields, "blocks_in_doubt", process->blocks_in_doubt);
	fields__add_signed(&fields, "growth_bytes", process->growth_bytes);
	fields__add_signed(&fields, "growth_blocks", process->growth_blocks);
	fields__add_known(&fields, "filtered_bytes", filtered, process->filtered_bytes);
	fields__add_known(&fields, "filtered_blocks", filtered, process->filtered_blocks);
	add_process_sampled(&fields, summary, process);
	json_kinds__add(&fields, process);
	add_since(&fields, process, summary);
	add_events(&fields, process);
	add_counters(&fields, "loss", &process->counters, true);
	add_counters(&fields, "counters", &process->counters, false);
	add_stack_ends(&fields, process);
	fields__add_count(&fields, "arenas_alive", process->arenas.alive);
	fields__add_count(&fields, "arena_blocks", process->arenas.blocks);
	fields__add_count(&fields, "arena_bytes", process->arenas.bytes);
	fields__add_count(&fields, "arenas_total", process->arenas.stacks_total);
	fields__add_count(&fields, "findings_left_out", process->findings_left_out);
	fields__add_count(&fields, "stacks_total", process->stacks_total);
	fields__put(out, &fields, PART_HEAD);
}

static void put_process(
	struct output *out, const struct summary_process *process, const struct summary *summary)
{
	put_process_head(out, process, summary);
	put_arenas(out, &process->arenas);
	put_findings(out, process);
	json_sections__put(out, process);
	put_stacks(out, process->stacks, process->stack_cnt, summary, add_block_counts);
	output__puts(out, ",\"blocks\":[");
	json_blocks__put(out, process);
	output__puts(out, "],\"mapped\":");
	put_mapped(out, &process->mapped, summary);
	output__puts(out, "}");
}

/* ---- the summary ---- */

static void put_summary_head(struct output *out, const struct summary *summary)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "schema", SCHEMA);
	fields__add_text(&fields, "kind", kind_names[summary->kind]);
	fields__add_text(&fields, "checkpoint", summary->checkpoint);
	fields__add_text(&fields, "previous_checkpoint", summary->previous_checkpoint);
	fields__add_time(&fields, "time", summary->time);
	fields__add_seconds(&fields, "uptime_s", summary->uptime_s);
	fields__add_text(&fields, "host", summary->host);
	fields__add_text(&fields, "kernel", summary->kernel);
	fields__add_text(&fields, "link", summary->link);
	fields__add_seconds(&fields, "min_age_s", summary->min_age_s > 0 ? summary->min_age_s : -1);
	fields__add_known(&fields, "sample_bytes", summary->sample_bytes, summary->sample_bytes);
	fields__add_bool(&fields, "checked", summary->checked);
	fields__put(out, &fields, PART_HEAD);
}

static void put_summary_tail(struct output *out, const struct summary *summary)
{
	struct fields fields, cost, events;

	fields__begin(&fields);
	fields__begin(&events);
	fields__add_count(&events, "received", summary->events_received);
	fields__add_count(&events, "lost", counters__lost(&summary->counters));
	fields__add_object(&fields, "events", &events);
	add_counters(&fields, "loss", &summary->counters, true);
	add_counters(&fields, "counters", &summary->counters, false);
	fields__begin(&cost);
	fields__add_seconds(&cost, "cpu_s", summary->cpu_s);
	fields__add_count(&cost, "rss_bytes", summary->rss_bytes);
	fields__add_count(&cost, "unwind_files", summary->unwind_files);
	fields__add_count(&cost, "unwind_rows", summary->unwind_rows);
	fields__add_count(&cost, "unwind_bytes", summary->unwind_bytes);
	fields__add_seconds(&cost, "unwind_load_s", summary->unwind_load_s);
	fields__add_object(&fields, "cost", &cost);
	output__puts(out, ",");
	fields__put(out, &fields, PART_TAIL);
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct output out = {.file = file};

	put_summary_head(&out, summary);
	output__puts(&out, ",\"processes\":[");
	for (size_t i = 0; !out.err && i < summary->process_cnt; i++) {
		if (i)
			output__puts(&out, ",");
		put_process(&out, &summary->processes[i], summary);
	}
	output__puts(&out, "]");
	put_summary_tail(&out, summary);
	/* a line that was begun is ended, also after a failure: the next summary's is whole then */
	fputc('\n', file);
	return output__finish(&out);
}

const struct renderer json_renderer = {.name = "json", .render = render};
