// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Kinds are told by names, and names are dear: a hundred thousand stacks can hold blocks. A
 * person's rules need them all. Without any, only stacks are looked at whose first frames lie in a
 * file of the runtime, which is known without names.
 */
#include "cli/summary_parts.h"
#include "report/kinds.h"

static const char *module_path(const struct trace *trace, const struct heap_frame *frame)
{
	const struct module *module = files__get(trace->files, frame->file);

	return module ? module->path : NULL;
}

/* By the file behind the allocator's frame, and the next other one. */
static bool may_be_runtime(const struct trace *trace, const struct summary_stack *stack)
{
	const struct heap_stack *known = heap__stack(trace->heap, stack->id);
	const struct heap_frame *caller = known && known->frame_cnt > 1 ? &known->frames[1] : NULL;
	const struct heap_frame *outer = NULL;

	for (uint32_t i = 2; caller && !outer && i < known->frame_cnt; i++)
		if (known->frames[i].file != caller->file)
			outer = &known->frames[i];
	return caller && kinds__may_be_runtime(module_path(trace, caller),
				 outer ? module_path(trace, outer) : NULL);
}

/* One that will not be shown whatever its kind needs none. */
static bool needs_kind(const struct summary_draft *draft, const struct summary_stack *stack)
{
	if (draft->selection.holding_only && !stack->outstanding_blocks)
		return false;
	return draft->trace->options->kind_rules.cnt || may_be_runtime(draft->trace, stack);
}

int draft__set_kinds(struct summary_draft *draft, struct summary_process *shown)
{
	for (size_t i = 0; i < shown->stack_cnt; i++) {
		struct summary_stack *stack = &shown->stacks[i];
		int err;

		if (!needs_kind(draft, stack))
			continue;
		err = draft__add_frames(draft, &shown->info, stack);
		if (err)
			return err;
		kinds__set(&draft->trace->options->kind_rules, stack);
	}
	kinds__count(shown);
	return 0;
}
