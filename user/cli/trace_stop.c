// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --stop-at, --stop-when: tells on stderr of each process that was stopped, with the stack, and how
 * to go on. Names can take seconds, so that is done between two looks into the ring.
 *
 * A stop was asked for, and heaptap does not take it back: a debugger may be looking at the process
 * when heaptap ends. But it says which are still stopped then.
 */
#include <stdlib.h>
#include <unistd.h>
#include "cli/outputs.h"
#include "cli/summary_build.h"
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "report/output.h"
#include "report/sections.h"
#include "util/log.h"
#include "util/proc.h"

#define STOP_LOOKS 200 /* a millisecond between them */

bool trace__await_stop(pid_t tgid)
{
	for (int i = 0; i < STOP_LOOKS; i++) {
		char state = proc__state(tgid);

		if (state == 'T' || state == 't')
			return true;
		if (!state || state == 'Z' || state == 'X')
			return false;
		usleep(1000);
	}
	return false;
}

void trace__add_stop(struct trace *trace, const struct stop *stop)
{
	if (trace->stop_cnt < STOPS_MAX)
		trace->stops[trace->stop_cnt++] = *stop;
}

void trace__note_stop(struct trace *trace, const struct point_event *record)
{
	struct stop stop = {
		.tgid = record->event.tgid,
		.tid = record->event.tid,
		.image = record->event.image,
		.number = record->number,
		.stack_hash = record->stack,
	};

	if (record->point == POINT_STOP)
		trace__add_stop(trace, &stop);
	else
		trace__put_off(trace, &stop);
}

/*
 * From Linux 6.11 on a probed return goes by a system call and some instructions behind it, which a
 * debugger cannot unwind: two pops and a return are still to be done before it is in the caller
 * (arch/x86/kernel/uprobes.c, uretprobe_trampoline_entry).
 */
static bool is_on_its_way(const struct stop *stop)
{
	uint64_t pc = proc__pc(stop->tgid, stop->tid), begin, end;

	return pc && !proc__find_mapping(stop->tgid, "[uprobes]", &begin, &end) && pc >= begin &&
	       pc < end;
}

static void put_stop(struct page *page, const struct trace *trace, const struct stop *stop,
	const struct summary_stack *stack)
{
	struct render_options rendering = {.verbosity = trace->options->verbosity};
	int pid = stop->tgid;

	page__put(page, STYLE_TITLE,
		"==== heaptap: process %d is stopped %s its allocation %llu ====", pid,
		stop->late_number ? "after" : "in", (unsigned long long)stop->number);
	page__end_line(page);
	if (stop->late_number) {
		page__put(page, STYLE_PLAIN,
			"  too late   names took so long that it has come to allocation %llu",
			(unsigned long long)stop->late_number);
		page__end_line(page);
	}
	page__put(page, STYLE_PLAIN, "  thread     %d", stop->tid);
	page__end_line(page);
	section__frames(page, &rendering, stack);
	page__put(page, STYLE_PLAIN, "  debug it   gdb -p %d%s", pid,
		is_on_its_way(stop) ? " -ex 'handle SIGSTOP nostop noprint nopass' -ex 'stepi 3'"
				    : "");
	page__end_line(page);
	page__put(page, STYLE_PLAIN, "  go on      kill -CONT %d", pid);
	page__end_line(page);
}

/* In one piece: the command may be writing to the same terminal. */
static void tell_stop(
	const struct trace *trace, const struct stop *stop, const struct summary_stack *stack)
{
	size_t sz = 0;
	char *text = NULL;
	struct page page = {.out.file = open_memstream(&text, &sz),
		.colour = outputs__is_coloured(trace->options->colour, stderr)};

	if (!page.out.file) {
		log_error("no memory to tell where process %d is stopped", (int)stop->tgid);
		return;
	}
	put_stop(&page, trace, stop, stack);
	if (!fclose(page.out.file))
		fwrite(text, 1, sz, stderr);
	free(text);
}

void trace__tell_stops(struct trace *trace)
{
	for (; trace->told_stop_cnt < trace->stop_cnt; trace->told_stop_cnt++) {
		const struct stop *stop = &trace->stops[trace->told_stop_cnt];
		struct process *process = heap__find(trace->heap, stop->tgid, stop->image);
		struct summary_stack stack = {0};

		collector__pause(trace->collector);
		trace__await_stop(stop->tgid); /* how to debug it depends on where */
		if (process)
			summary_stack__make(
				trace, process__info(process), stop->stack_hash, &stack);
		tell_stop(trace, stop, &stack);
		free(stack.frames);
		collector__resume(trace->collector);
	}
}

void trace__tell_still_stopped(const struct trace *trace)
{
	for (size_t i = 0; i < trace->stop_cnt; i++) {
		const struct stop *stop = &trace->stops[i];

		if (proc__state(stop->tgid) == 'T')
			log_warn("process %d is still stopped, %s its allocation %llu: kill -CONT "
				 "%d lets it go on",
				stop->tgid, stop->late_number ? "after" : "in",
				(unsigned long long)stop->number, stop->tgid);
	}
}
