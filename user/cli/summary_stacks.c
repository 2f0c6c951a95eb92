// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Frames and stacks of a summary: numbers first, names of those that are shown. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/summary_build.h"
#include "cli/summary_estimate.h"
#include "cli/summary_parts.h"
#include "report/output.h"

/* ---- frames ---- */

static int resolve(struct trace *trace, const struct process_info *info,
	const struct heap_frame *frame, bool is_return, struct module *module, uint64_t address,
	const struct symbol **ret_symbols)
{
	if (module)
		return symbolizer__resolve(
			trace->symbolizer, module, address, is_return, ret_symbols);
	return symbolizer__resolve_jit(
		trace->symbolizer, info->tgid, info->start_ns, frame->address, ret_symbols);
}

static struct summary_frame *push_frames(struct summary_stack *stack, int cnt)
{
	struct summary_frame *frames =
		realloc(stack->frames, (stack->frame_cnt + cnt) * sizeof(*frames));

	if (!frames)
		return NULL;
	stack->frames = frames;
	frames += stack->frame_cnt;
	stack->frame_cnt += cnt;
	return memset(frames, 0, cnt * sizeof(*frames));
}

/* One frame of the stack: as many of the summary as functions were inlined there, and one. */
static int add_frame(struct trace *trace, const struct process_info *info,
	const struct heap_frame *frame, bool is_return, struct summary_stack *stack)
{
	struct module *module = files__get(trace->files, frame->file);
	const struct symbol *symbols = NULL;
	struct summary_frame *frames;
	uint64_t address = 0;
	int cnt;

	if (module && !module__address(module, frame->file_offset, &address))
		address = frame->file_offset;
	cnt = resolve(trace, info, frame, is_return, module, address, &symbols);
	if (cnt < 0)
		return cnt;
	frames = push_frames(stack, cnt);
	if (!frames)
		return -ENOMEM;
	for (int i = 0; i < cnt; i++)
		frames[i] = (struct summary_frame){
			.address = frame->address,
			.function = symbols[i].function,
			.offset = symbols[i].offset,
			.file = symbols[i].file,
			.line = symbols[i].line,
			.column = symbols[i].column,
			.module = module		? module->path
				  : symbols[i].function ? "[jit]"
							: NULL,
			.build_id = module && *module->build_id ? module->build_id : NULL,
			.module_offset = address,
			.inlined = symbols[i].inlined,
		};
	return 0;
}

/* ---- stacks ---- */

double draft__age_s(
	const struct summary_draft *draft, const struct process_info *info, uint64_t then_ns)
{
	uint64_t now_ns = info->state == PROCESS_RUNNING ? draft->now_ns : info->end_ns;

	if (!then_ns)
		return -1;
	return now_ns > then_ns ? (now_ns - then_ns) / 1e9 : 0;
}

static void fill_end(const struct heap_stack *known, struct summary_stack *stack)
{
	stack->complete = known->frame_cnt && known->end == STACK_END_ROOT;
	stack->end = known->frame_cnt ? stack_end_rows[known->end].text : "the call stack was lost";
}

static void fill_stack(struct summary_draft *draft, const struct process_info *info,
	const struct snapshot_site *site, struct summary_stack *stack)
{
	bool is_since = draft->summary.previous_checkpoint;

	*stack = (struct summary_stack){
		.outstanding_bytes = site->outstanding_bytes,
		.outstanding_blocks = site->outstanding_blocks,
		.blocks_in_doubt = site->blocks_in_doubt,
		.allocs = site->allocs,
		.frees = site->frees,
		.bytes_allocated = site->bytes_allocated,
		.growth_bytes = site->growth_bytes,
		.oldest_age_s = draft__age_s(draft, info, site->oldest_ns),
		.newest_age_s = draft__age_s(draft, info, site->newest_ns),
		.id = site->stack->hash,
		.since_bytes = is_since ? site->since_bytes : 0,
		.since_blocks = is_since ? site->since_blocks : 0,
	};
	fill_end(site->stack, stack);
	if (draft->trace->options->sample_bytes)
		stack->estimate = summary_estimate__of(&site->sampled);
}

static int add_frames(struct trace *trace, const struct process_info *info,
	const struct heap_stack *known, struct summary_stack *stack)
{
	for (uint32_t i = 0; known && i < known->frame_cnt; i++) {
		int err = add_frame(trace, info, &known->frames[i], i > 0, stack);

		if (err)
			return err;
	}
	return 0;
}

int draft__add_frames(
	struct summary_draft *draft, const struct process_info *info, struct summary_stack *stack)
{
	struct trace *trace = draft->trace;

	return stack->frames ? 0
			     : add_frames(trace, info, heap__stack(trace->heap, stack->id), stack);
}

int draft__fill_stack(struct summary_draft *draft, const struct process_info *info,
	const struct heap_stack *known, struct summary_stack *stack)
{
	fill_end(known, stack);
	return add_frames(draft->trace, info, known, stack);
}

int summary_stack__make(struct trace *trace, const struct process_info *info, uint64_t id,
	struct summary_stack *ret_stack)
{
	const struct heap_stack *known = heap__stack(trace->heap, id);

	*ret_stack = (struct summary_stack){.id = id};
	if (known && known->frame_cnt)
		fill_end(known, ret_stack);
	return add_frames(trace, info, known, ret_stack);
}

struct summary_stack *draft__make_stacks(struct summary_draft *draft,
	const struct process_info *info, const struct snapshot *snapshot)
{
	struct summary_stack *stacks = calloc(snapshot->site_cnt + 1, sizeof(*stacks));

	for (size_t i = 0; stacks && i < snapshot->site_cnt; i++)
		fill_stack(draft, info, &snapshot->sites[i], &stacks[i]);
	return stacks;
}

int draft__finish_stacks(struct summary_draft *draft, const struct process_info *info,
	struct summary_stack **stacks, size_t cnt, size_t all)
{
	struct summary_stack *shrunk;
	int err = 0;

	for (size_t i = cnt; i < all; i++)
		free((*stacks)[i].frames);
	shrunk = reallocarray(*stacks, cnt + 1, sizeof(*shrunk));
	if (shrunk)
		*stacks = shrunk;
	for (size_t i = 0; i < cnt && !err; i++)
		err = draft__add_frames(draft, info, &(*stacks)[i]);
	return err;
}

void draft__free_stacks(struct summary_stack *stacks, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		free(stacks[i].frames);
	free(stacks);
}
