// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A full ring can lose the turns of a process, too: its fork and its exit. Then the books would say
 * that it runs for good, or nothing of it at all. The losses are known, and so are the processes
 * that there are: whenever more was lost, both are held against the books.
 *
 *   in the books as running, but there is none any more     it has vanished
 *   something of it was lost, but it is in no books         it is told of, with its losses
 */
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "collect/counters.h"
#include "util/proc.h"

/* Who is gone before the ring is emptied, and seems to run after it, has ended unseen. */
static void see_gone(struct trace *trace)
{
	struct process *process = NULL;

	while ((process = heap__next(trace->heap, process))) {
		const struct process_info *info = process__info(process);

		traced__of(process)->is_gone = info->state == PROCESS_RUNNING &&
					       !proc__is_same(info->tgid, info->start_ns);
	}
}

static void end_gone(struct trace *trace)
{
	struct process *process = NULL;

	while ((process = heap__next(trace->heap, process)))
		if (traced__of(process)->is_gone &&
			process__info(process)->state == PROCESS_RUNNING)
			ingest__vanish(&trace->ingest, process, monotonic_ns());
}

static bool runs_as_another(struct trace *trace, pid_t tgid)
{
	struct process *process = NULL;

	while ((process = heap__next(trace->heap, process)))
		if (process__info(process)->tgid == tgid &&
			process__info(process)->state == PROCESS_RUNNING)
			return true;
	return false;
}

/* What /proc says is of the pid's present image: of this one, if no other is known. */
static void tell_unseen(pid_t tgid, uint32_t image, const struct counters *counters, void *arg)
{
	struct trace *trace = arg;
	bool runs = proc__exists(tgid) && !runs_as_another(trace, tgid);
	struct process *process;

	if (!counters__lost(counters) || heap__find(trace->heap, tgid, image))
		return;
	process = runs ? ingest__begin(&trace->ingest, tgid, image)
		       : ingest__begin_unseen(&trace->ingest, tgid, image);
	if (process && !runs)
		ingest__vanish(&trace->ingest, process, monotonic_ns());
}

void trace__find_lost_turns(struct trace *trace)
{
	struct counters counters = trace__all_counters(trace);
	uint64_t lost = counters__lost(&counters);

	if (lost == trace->turns_lost)
		return;
	see_gone(trace);
	if (!trace__drain(trace))
		return; /* the next time */
	end_gone(trace);
	tracer__each_counters(trace->tracer, tell_unseen, trace);
	trace->turns_lost = lost;
}
