// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What probing has found out about an image is often known before its first record is. */
#include "cli/trace.h"
#include "cli/trace_parts.h"

static void set(struct process *process, enum trace_mark mark)
{
	struct traced *traced = traced__of(process);

	if (mark == MARK_UNPROBED)
		traced->unprobed = true;
	if (mark != MARK_LATE)
		return;
	traced->late_probes = true;
	process__info(process)->from_birth = false;
}

static bool is_of(const struct process_info *info, pid_t tgid, uint32_t image)
{
	return info->tgid == tgid && (image ? info->image == image : info->state == PROCESS_RUNNING);
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

void trace__mark(struct trace *trace, pid_t tgid, uint32_t image, enum trace_mark mark)
{
	struct process *process = find(trace, tgid, image);

	if (process)
		set(process, mark);
	else
		trace->marks[trace->mark_cnt++ % MARKS_PENDING] =
			(struct pending_mark){tgid, image, mark};
}

void trace__mark_probes(
	struct trace *trace, pid_t tgid, uint32_t image, const struct process_probes *probes)
{
	if (probes->failed_cnt)
		trace__mark(trace, tgid, image, MARK_UNPROBED);
	if (probes->site_cnt)
		trace__mark(trace, tgid, image, MARK_LATE);
}

void trace__mark_module(struct trace *trace, pid_t tgid, uint32_t image, int ret)
{
	const struct process_probes probes = {
		.site_cnt = ret > 0 ? ret : 0, .failed_cnt = targets__is_failure(ret)};

	trace__mark_probes(trace, tgid, image, &probes);
}

void trace__take_marks(struct trace *trace, struct process *process)
{
	for (size_t i = 0; i < MARKS_PENDING; i++) {
		struct pending_mark *pending = &trace->marks[i];

		if (!pending->tgid ||
			!is_of(process__info(process), pending->tgid, pending->image))
			continue;
		set(process, pending->mark);
		pending->tgid = 0;
	}
}
