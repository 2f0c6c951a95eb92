// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --stop-when: the names of a stack that is new, and whether they match. The thread waits for the
 * verdict in its probe (bpf/stop.bpf.h) and is stopped there, in its allocation. If names took
 * longer than it waits, the process is stopped from here, wherever it is by then; the kernel's map,
 * in which each stack gets one verdict for good, tells the two cases apart.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cli/summary_build.h"
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "report/kinds.h"
#include "util/array.h"
#include "util/log.h"

void trace__put_off(struct trace *trace, const struct stop *stop)
{
	struct stop *unjudged = array__with_room(trace->unjudged, trace->unjudged_cnt, 1,
		&trace->unjudged_cap, sizeof(*unjudged));

	if (!unjudged) {
		trace->ingest.no_memory++;
		return;
	}
	trace->unjudged = unjudged;
	trace->unjudged[trace->unjudged_cnt++] = *stop;
}

static bool matches(struct trace *trace, const struct process_info *info, uint64_t stack_hash)
{
	struct summary_stack stack;
	bool found = !summary_stack__make(trace, info, stack_hash, &stack) &&
		     stack__matches(&stack, trace->options->stop_when);

	free(stack.frames);
	return found;
}

/* By a pidfd: the process that is meant is not reaped and replaced in between, as it is looked at
 * after that was opened. */
static int stop_process(const struct process_info *info)
{
	int fd = syscall(SYS_pidfd_open, info->tgid, 0), err = fd < 0 ? -errno : 0;

	if (!err && info->state != PROCESS_RUNNING)
		err = -ESRCH;
	if (!err && syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

static void judge(struct trace *trace, struct stop *stop)
{
	struct process *process = heap__find(trace->heap, stop->tgid, stop->image);
	const struct process_info *info = process ? process__info(process) : NULL;
	enum answer verdict = ANSWER_GO_ON;

	if (info && matches(trace, info, stop->stack_hash))
		verdict = ANSWER_STOP;
	if (!tracer__answer(trace->tracer, stop->stack_hash, verdict) || verdict != ANSWER_STOP ||
		!tracer__claim_stop(trace->tracer))
		return;
	if (stop_process(info) || !trace__await_stop(info->tgid)) {
		log_warn("process %d has ended before it was known that the stack of its "
			 "allocation %llu matches",
			info->tgid, (unsigned long long)stop->number);
		return;
	}
	stop->late_number = tracer__alloc_number(trace->tracer, info->tgid, info->image);
	trace__add_stop(trace, stop);
}

void trace__judge_stacks(struct trace *trace)
{
	if (!trace->unjudged_cnt)
		return;
	collector__pause(trace->collector);
	for (size_t i = 0; i < trace->unjudged_cnt; i++)
		judge(trace, &trace->unjudged[i]);
	trace->unjudged_cnt = 0;
	collector__resume(trace->collector);
}
