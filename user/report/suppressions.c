/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Suppressions of what is shown, for --suppressions and for LeakSanitizer: the caller's function of
 * each stack, or its module. The format cannot say more than one frame, nor escape anything: a
 * character that means something in it becomes "*", and so does what is not ASCII, as a terminal
 * may obey it. The stacks stand beside it as comments, so that a person sees what else of that
 * function would go.
 */
#include "report/summary.h"

#include <stdlib.h>
#include <string.h>
#include "report/kinds.h"
#include "report/labels.h"
#include "report/output.h"
#include "report/pattern.h"
#include "util/text.h"

/* Of the C library's functions the sanitizers have their own: "__interceptor_strdup" for strdup. */
static const char *front_of(const struct summary_frame *caller)
{
	return pattern__matches("/libc.so.", caller->module) ? "" : "^";
}

static void put_pattern(struct output *out, const char *front, const char *name)
{
	output__printf(out, "leak:%s", front);
	for (; *name; name++) {
		bool plain = *name > ' ' && *name < 0x7f && *name != '$';
		bool space = *name == ' ' && name[1];

		output__write(out, plain || space ? name : "*", 1);
	}
	output__puts(out, "$\n");
}

static void put_comment(struct output *out, const struct summary_stack *stack)
{
	char bytes[32], blocks[32];

	output__printf(out,
		"# %s in %s blocks:", text__bytes(bytes, sizeof(bytes), stack->outstanding_bytes),
		text__count(blocks, sizeof(blocks), stack->outstanding_blocks));
	for (size_t i = 0; i < stack->frame_cnt; i++) {
		char *label = frame__label(&stack->frames[i], "");

		output__printf(out, "%s %s", i ? " <" : "", label ? label : "?");
		free(label);
	}
	output__puts(out, "\n");
}

static void put_stack(struct output *out, const struct summary_stack *stack)
{
	const struct summary_frame *caller = stack__caller(stack);
	const char *name = !caller ? NULL : caller->function ? caller->function : caller->module;

	put_comment(out, stack);
	if (name && *name)
		put_pattern(out, front_of(caller), name);
	else
		output__puts(out, "# (it has no name that could be given)\n");
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct output out = {.file = file};

	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];
		char *label = process__label(process, "");

		output__printf(&out, "# %s\n", label ? label : "?");
		free(label);
		for (size_t j = 0; j < process->stack_cnt; j++)
			if (process->stacks[j].outstanding_blocks)
				put_stack(&out, &process->stacks[j]);
	}
	return output__finish(&out);
}

const struct renderer suppressions_renderer = {
	.name = "suppressions",
	.render = render,
	.kind = RENDER_LAST,
	.for_people = true,
};
