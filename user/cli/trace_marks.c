// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What probing has found out about an image is often known before its first record is. */
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "heap/check.h"
#include "util/proc.h"

static void set(struct process *process, enum trace_mark mark)
{
	struct traced *traced = traced__of(process);

	if (mark == MARK_UNPROBED)
		traced->unprobed = true;
	if (mark != MARK_LATE)
		return;
	traced->late_probes = true;
	process__info(process)->from_birth = false;
	process__settle_checks(process, monotonic_ns());
}

static bool is_of(const struct process_info *info, pid_t tgid, uint32_t image)
{
	return info->tgid == tgid &&
	       (image ? info->image == image : info->state == PROCESS_RUNNING);
}

static struct process *find(struct trace *trace, pid_t tgid, uint32_t image)
{
	struct process *process = NULL;

	if (image)
		return heap__find(trace->heap, tgid, image);
	do
		process = heap__next(trace->heap, process);
	while (process && !is_of(process__info(process), tgid, image));
	return process;
}

static uint64_t now_ns(void)
{
	return (uint64_t)(monotonic_s() * 1e9);
}

static void put_aside(struct trace *trace, pid_t tgid, uint32_t image, enum trace_mark mark)
{
	trace->marks[trace->mark_cnt++ % MARKS_PENDING] =
		(struct pending_mark){tgid, image, mark, now_ns()};
}

void trace__mark(struct trace *trace, pid_t tgid, uint32_t image, enum trace_mark mark)
{
	struct process *process = find(trace, tgid, image);

	if (process)
		set(process, mark);
	else
		put_aside(trace, tgid, image, mark);
}

void trace__mark_module(struct trace *trace, pid_t tgid, uint32_t image, int ret)
{
	if (ret > 0)
		trace__mark(trace, tgid, image, MARK_LATE);
	if (targets__is_failure(ret))
		trace__mark(trace, tgid, image, MARK_UNPROBED);
}

static void mark_both(struct trace *trace, const struct process_info *info, enum trace_mark mark)
{
	trace__mark(trace, info->tgid, info->image, mark);
	put_aside(trace, info->tgid, 0, mark);
}

void trace__mark_process(
	struct trace *trace, const struct process_info *info, const struct process_probes *probes)
{
	if (probes->failed_cnt)
		mark_both(trace, info, MARK_UNPROBED);
	if (probes->late_cnt)
		mark_both(trace, info, MARK_LATE);
}

void trace__mark_late(void *arg, const struct module *module)
{
	struct trace *trace = arg;
	struct process *process = NULL;

	while ((process = heap__next(trace->heap, process))) {
		const struct process_info *info = process__info(process);

		if (info->state == PROCESS_RUNNING &&
			proc__executes(info->tgid, module->inode))
			set(process, MARK_LATE);
	}
}

void trace__take_marks(struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);

	for (size_t i = 0; i < MARKS_PENDING; i++) {
		struct pending_mark *pending = &trace->marks[i];
		bool is_earlier = traced__of(process)->began_ns <= pending->given_ns;

		if (!pending->tgid || !is_of(info, pending->tgid, pending->image))
			continue;
		if (pending->image || is_earlier)
			set(process, pending->mark);
		pending->tgid = 0;
	}
}
