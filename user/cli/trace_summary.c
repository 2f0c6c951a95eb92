// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* When summaries are written, and what follows from one: growth is counted anew, the ended are
 * forgotten. */
#include <errno.h>
#include <string.h>
#include "cli/summary_build.h"
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "report/kinds.h"
#include "util/log.h"

/* Blocks outstanding, without those of kinds that are left out, and what was before an exec. */
static uint64_t held_blocks(const struct summary *summary, unsigned int left_out)
{
	uint64_t held = 0;

	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];
		uint64_t blocks = process->totals.outstanding_blocks;
		uint64_t unheld = kinds__blocks(process, left_out);

		/* estimates do not add up to the unit */
		if (process->info.state != PROCESS_REPLACED && unheld < blocks)
			held += blocks - unheld;
	}
	return held;
}

static bool has_findings(const struct summary *summary)
{
	for (size_t i = 0; i < summary->process_cnt; i++)
		if (summary->processes[i].finding_cnt || summary->processes[i].findings_left_out)
			return true;
	return false;
}

static void summarize(struct trace *trace, enum summary_kind kind, struct process *only)
{
	const struct summary *summary;
	struct summary_draft *draft;

	if (trace->exit_code == EXIT_OUTPUT || !trace->outputs)
		return;
	draft = summary_draft__new(trace, kind, only);
	if (!draft) {
		log_error("no memory for a summary");
		trace->exit_code = EXIT_TRACING;
		return;
	}
	summary = summary_draft__summary(draft);
	trace->anything_amiss =
		held_blocks(summary, options__left_out(trace->options)) || has_findings(summary);
	if (outputs__write(trace->outputs, summary)) {
		trace->exit_code = EXIT_OUTPUT;
		trace->done = true;
	}
	summary_draft__free(draft);
}

/* Names can take seconds: meanwhile the ring must not fill. The books are as they were until then.
 */
static void summarize_while_tracing(
	struct trace *trace, enum summary_kind kind, struct process *only)
{
	collector__pause(trace->collector);
	summarize(trace, kind, only);
}

static void forget(struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);

	trace__forget_counters(trace, info->tgid, info->image);
	ingest__forget(&trace->ingest, process);
}

/* From here growth is counted anew, and the ended have been told of (run tells all at its end). */
static void turn_page(struct trace *trace, enum summary_kind kind)
{
	struct process *process = heap__next(trace->heap, NULL), *next;

	for (; process; process = next) {
		struct traced *traced = traced__of(process);
		const struct heap_totals *totals = process__totals(process);

		next = heap__next(trace->heap, process);
		traced->shown_bytes = totals->outstanding_bytes;
		traced->shown_blocks = totals->outstanding_blocks;
		traced->shown_mapped_bytes = process__mapped(process)->outstanding_bytes;
		process__mark(process);
		if (kind == SUMMARY_CHECKPOINT)
			process__checkpoint(process);
		if (process__info(process)->state != PROCESS_RUNNING && !trace->hooks.keeps_ended)
			forget(trace, process);
	}
}

void trace__summarize(struct trace *trace, enum summary_kind kind)
{
	if (kind != SUMMARY_CHECKPOINT) /* which stands where it was taken: no more records go in */
		trace__find_lost_turns(trace);
	if (kind == SUMMARY_FINAL) {
		summarize(trace, kind, NULL);
		return;
	}
	summarize_while_tracing(trace, kind, NULL);
	turn_page(trace, kind);
	collector__resume(trace->collector);
}

void trace__summarize_ended(struct trace *trace, struct process *process)
{
	summarize_while_tracing(trace, SUMMARY_EXIT, process);
	forget(trace, process);
	collector__resume(trace->collector);
}
