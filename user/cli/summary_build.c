// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Strings are borrowed: of symbols from the symbolizer, of files from the modules, of processes
 * from the books; a summary is written before any of these change. Only arrays are the draft's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "cli/summary_build.h"
#include "cli/summary_parts.h"
#include "cli/trace_parts.h"
#include "report/output.h"
#include "util/log.h"

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
	summary->counters = trace__all_counters(trace);
	summary->counters.count[COUNTER_not_booked] += trace->ingest.no_memory;
	summary->counters.count[COUNTER_malformed] += trace->ingest.malformed;
	summary->checked = trace->options->check;
	summary->link = link_kind__name(tracer__link_kind(trace->tracer));
}

/* Of which nothing was seen, and nothing lost. */
static bool is_silent(struct trace *trace, struct process *process)
{
	struct counters counters;

	if (traced__of(process)->received)
		return false;
	counters = trace__counters_of(trace, process);
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
	draft->selection = outputs__selection(trace->outputs);
	fill_head(draft, kind);
	for (; process && !err; process = only ? NULL : heap__next(trace->heap, process)) {
		if (!trace->hooks.hides_silent || !is_silent(trace, process))
			err = draft__add_process(draft, process);
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

void summary_draft__free(struct summary_draft *draft)
{
	if (!draft)
		return;
	for (size_t i = 0; i < draft->summary.process_cnt; i++) {
		struct summary_process *shown = &draft->summary.processes[i];

		draft__free_blocks(shown);
		draft__free_stacks(shown->stacks, shown->stack_cnt);
		draft__free_stacks(shown->mapped.stacks, shown->mapped.stack_cnt);
		draft__free_stacks(shown->arenas.stacks, shown->arenas.stack_cnt);
		draft__free_findings(shown);
		draft__free_sections(shown);
	}
	free(draft->summary.processes);
	free(draft);
}
