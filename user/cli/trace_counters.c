// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the kernel side counted, and kept sums of it for those that are told of and forgotten. */
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "collect/counters.h"

static void add(pid_t tgid, uint32_t image, const struct counters *counters, void *sum)
{
	counters__add(sum, counters);
}

struct counters trace__all_counters(const struct trace *trace)
{
	struct counters sum = trace->forgotten;

	counters__add(&sum, tracer__stray_counters(trace->tracer));
	tracer__each_counters(trace->tracer, add, &sum);
	return sum;
}

struct counters trace__counters_of(const struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);
	struct counters counters;

	tracer__counters(trace->tracer, info->tgid, info->image, &counters);
	counters__add(&counters, &traced__of(process)->guests);
	return counters;
}

void trace__forget_counters(struct trace *trace, pid_t tgid, uint32_t image)
{
	struct counters counters;

	tracer__counters(trace->tracer, tgid, image, &counters);
	counters__add(&trace->forgotten, &counters);
	tracer__forget_image(trace->tracer, tgid, image);
}

void trace__forget_guest(struct trace *trace, struct process *owner, pid_t tgid, uint32_t image)
{
	struct counters counters;

	tracer__counters(trace->tracer, tgid, image, &counters);
	counters__add(&traced__of(owner)->guests, &counters);
	trace__forget_counters(trace, tgid, image);
}
