// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The kernel's table of sampled blocks is kept in step with the books at a process's end. */
#include "cli/trace.h"
#include "cli/trace_parts.h"

struct ended {
	struct tracer *tracer;
	const struct traced *traced;
};

static int forget_block(const struct heap_block *block, void *arg)
{
	const struct ended *ended = arg;

	tracer__forget_block(ended->tracer, ended->traced->memory_tgid, ended->traced->memory_image,
		block->addr);
	return 0;
}

void trace__forget_samples(struct trace *trace, struct process *process)
{
	struct ended ended = {trace->tracer, traced__of(process)};

	if (!ended.traced->has_heir)
		process__each_block(process, forget_block, &ended);
}
