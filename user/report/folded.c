/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: a line for each stack that
 * holds memory, the process first, then the frames from the root to the allocator, and the
 * outstanding bytes (https://github.com/brendangregg/FlameGraph, "stackcollapse"):
 *
 *   redis-server-1234;_start;main;zmalloc_usable;malloc 33030144
 *
 * Functions that were inlined are frames of their own. Stacks that differ in addresses only have
 * lines of their own with the same names; the readers add them up.
 */
#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "report/labels.h"
#include "report/output.h"

#define SEPARATORS ";"

/* Takes the label. */
static void put_label(struct output *out, char *label)
{
	if (label)
		output__puts(out, label);
	else if (!out->err)
		out->err = -ENOMEM;
	free(label);
}

static void put_stack(struct output *out, const struct summary_process *process,
	const struct summary_stack *stack)
{
	char bytes[32];

	put_label(out, process__label(process, SEPARATORS));
	if (!stack->frame_cnt)
		output__puts(out, ";" LABEL_NO_FRAMES);
	else if (!stack->complete)
		output__puts(out, ";" LABEL_INCOMPLETE);
	for (size_t i = stack->frame_cnt; i > 0; i--) {
		output__puts(out, SEPARATORS);
		put_label(out, frame__label(&stack->frames[i - 1], SEPARATORS));
	}
	snprintf(bytes, sizeof(bytes), " %" PRIu64 "\n", stack->outstanding_bytes);
	output__puts(out, bytes);
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct output out = {.file = file};

	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		for (size_t at = 0; !out.err && at < process->stack_cnt; at++)
			if (process->stacks[at].outstanding_bytes)
				put_stack(&out, process, &process->stacks[at]);
	}
	return output__finish(&out);
}

const struct renderer folded_renderer = {.name = "folded", .render = render, .kind = RENDER_LAST};
