/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Call stacks of a process in the text form: those that hold blocks (or ranges), a line of numbers
 * each, then the frames. A frame is one line where it fits, function left and place right; a long
 * function name gets the line for itself.
 */
#include "report/sections.h"

#include <limits.h>
#include <string.h>
#include "util/text.h"

enum {
	FRAME_COLUMN = 8,
	SINCE_COLUMN = 6,
	PLACE_COLUMN = 46,
	PLACE_COLUMN_BELOW = 14, /* on a line of its own */
	FUNCTION_COLUMNS_MAX = 72,
};

/* ---- frames ---- */

/* The last `components` of a path; all of it with -v. */
static const char *path_tail(const char *path, unsigned int components, int verbosity)
{
	const char *tail = path + strlen(path);

	if (verbosity)
		return path;
	while (tail > path && components)
		if (*--tail == '/' && !--components)
			return tail[1] ? tail + 1 : path;
	return path;
}

static void put_function(
	struct page *page, const struct render_options *options, const struct summary_frame *frame)
{
	unsigned int columns = options->verbosity ? INT_MAX : FUNCTION_COLUMNS_MAX;

	if (frame->function) {
		page__put_cut(page, STYLE_PLAIN, columns, frame->function);
		if (frame->inlined)
			page__put(page, STYLE_FAINT, " (inlined)");
		else
			page__put(page, STYLE_FAINT, "+0x%llx", (unsigned long long)frame->offset);
	} else if (frame->module && frame->module_offset) {
		page__put(page, STYLE_PLAIN, "[%s+0x%llx]",
			path_tail(frame->module, 1, options->verbosity),
			(unsigned long long)frame->module_offset);
	} else {
		page__put(page, STYLE_PLAIN, "[0x%llx]", (unsigned long long)frame->address);
	}
}

static void put_place(
	struct page *page, const struct render_options *options, const struct summary_frame *frame)
{
	if (frame->file && frame->line)
		page__put(page, STYLE_PLACE, "%s:%u", path_tail(frame->file, 2, options->verbosity),
			frame->line);
	else if (frame->file)
		page__put(page, STYLE_PLACE, "%s", path_tail(frame->file, 2, options->verbosity));
	if (frame->file && frame->module)
		page__put(page, STYLE_PLAIN, "  ");
	if (!frame->module)
		return;
	page__put(page, STYLE_FAINT, "%s", path_tail(frame->module, 1, options->verbosity));
	if (options->verbosity && frame->module_offset)
		page__put(page, STYLE_FAINT, "+0x%llx", (unsigned long long)frame->module_offset);
}

void words__caller(
	struct page *page, const struct render_options *options, const struct summary_frame *frame)
{
	if (frame->file && frame->line)
		page__put(page, STYLE_PLACE, "%s:%u", path_tail(frame->file, 2, options->verbosity),
			frame->line);
	else
		put_function(page, options, frame);
	if (!(frame->file && frame->line) && frame->function && frame->module)
		page__put(page, STYLE_FAINT, "  %s", path_tail(frame->module, 1, options->verbosity));
}

static void put_frame(
	struct page *page, const struct render_options *options, const struct summary_frame *frame)
{
	bool named_by_module = !frame->function && frame->module && frame->module_offset;

	page__pad(page, FRAME_COLUMN);
	put_function(page, options, frame);
	if (frame->file || (frame->module && !named_by_module)) {
		unsigned int column = PLACE_COLUMN;

		if (page->column >= PLACE_COLUMN) {
			page__end_line(page);
			column = PLACE_COLUMN_BELOW;
		}
		page__pad(page, column);
		put_place(page, options, frame);
	}
	page__end_line(page);
}

void section__frames(
	struct page *page, const struct render_options *options, const struct summary_stack *stack)
{
	for (size_t i = 0; i < stack->frame_cnt; i++)
		put_frame(page, options, &stack->frames[i]);
	if (stack->frame_cnt && stack->complete)
		return;
	page__pad(page, FRAME_COLUMN);
	if (stack->frame_cnt)
		page__wrap(page, STYLE_FAINT, FRAME_COLUMN + 1, "(incomplete%s%s)",
			stack->end ? ": " : "", stack->end ? stack->end : "");
	else
		page__wrap(page, STYLE_FAINT, FRAME_COLUMN + 1, "(no frames: %s)",
			stack->end ? stack->end : "the call stack was lost");
}

/* ---- stacks ---- */

static void put_ages(struct page *page, const struct summary_stack *stack)
{
	char oldest[32], newest[32];

	if (!(stack->oldest_age_s >= 0))
		return;
	text__duration(oldest, sizeof(oldest), stack->oldest_age_s);
	text__duration(newest, sizeof(newest), stack->newest_age_s);
	if (!strcmp(oldest, newest) || stack->newest_age_s < 0)
		page__put(page, STYLE_PLAIN, "   %s old", oldest);
	else
		page__put(page, STYLE_PLAIN, "   %s to %s old", newest, oldest);
}

/* "31.5 MiB ± 1.2 MiB", in columns */
static void put_bytes(
	struct page *page, const struct stack_list *list, const struct summary_stack *stack)
{
	char buf[32];

	page__put(
		page, STYLE_SIZE, "%10s", text__bytes(buf, sizeof(buf), stack->outstanding_bytes));
	if (list->is_estimated)
		page__put(page, STYLE_PLAIN, " ± %-8s",
			text__bytes(buf, sizeof(buf), stack->estimate.bytes_error));
}

static void put_doubt(struct page *page, const struct summary_stack *stack)
{
	char doubt[32], blocks[32];

	if (!stack->blocks_in_doubt)
		return;
	page__put(page, STYLE_BAD, "   %s of %s %s in doubt",
		text__count(doubt, sizeof(doubt), stack->blocks_in_doubt),
		text__count(blocks, sizeof(blocks), stack->outstanding_blocks),
		words__plural(stack->outstanding_blocks, "block", "blocks"));
}

static void put_since(struct page *page, const struct summary_stack *stack)
{
	char bytes[32], count[32];

	page__pad(page, SINCE_COLUMN);
	page__put(page, STYLE_SIZE, "%s in %s %s since the checkpoint",
		text__bytes(bytes, sizeof(bytes), stack->since_bytes),
		text__count(count, sizeof(count), stack->since_blocks),
		words__plural(stack->since_blocks, "block", "blocks"));
	page__end_line(page);
}

static void put_numbers(struct page *page, const struct stack_list *list,
	const struct summary_stack *stack, size_t rank)
{
	char number[32], buf[32];

	snprintf(number, sizeof(number), "#%zu", rank);
	page__put(page, STYLE_TITLE, "  %-4s", number);
	put_bytes(page, list, stack);
	page__put(page, STYLE_PLAIN, "  %11s %-6s",
		text__count(buf, sizeof(buf), stack->outstanding_blocks),
		words__plural(stack->outstanding_blocks, list->one, list->many));
	page__put(page, STYLE_PLAIN, "%9s",
		words__share(buf, sizeof(buf), stack->outstanding_bytes, list->whole_bytes));
	if (list->has_past)
		page__put(page, stack->growth_bytes > 0 ? STYLE_SIZE : STYLE_PLAIN, "%12s",
			words__change(buf, sizeof(buf), stack->growth_bytes));
	put_ages(page, stack);
	put_doubt(page, stack);
	if (stack->kind != BLOCK_NORMAL)
		page__put(page, STYLE_PLAIN, "   %s",
			stack->tag ? stack->tag : block_kind_rows[stack->kind].key);
	page__end_line(page);
	if (list->is_since && stack->since_blocks)
		put_since(page, stack);
}

/* What is in the stacks that were cut off; those that hold nothing are no news. */
static void put_rest(struct page *page, const struct stack_list *list)
{
	uint64_t bytes = list->bytes, blocks = list->blocks;
	char count[32], size[32], stacks[32];
	size_t more;

	for (size_t i = 0; i < list->cnt; i++) {
		const struct summary_stack *stack = &list->stacks[i];

		bytes -= stack->outstanding_bytes < bytes ? stack->outstanding_bytes : bytes;
		blocks -= stack->outstanding_blocks < blocks ? stack->outstanding_blocks : blocks;
	}
	if (list->total <= list->cnt || !blocks)
		return;
	more = list->total - list->cnt;
	page__end_line(page);
	page__put(page, STYLE_PLAIN, "  and %s more %s with %s in %s %s (see --top)",
		text__count(stacks, sizeof(stacks), more), words__plural(more, "stack", "stacks"),
		text__bytes(size, sizeof(size), bytes), text__count(count, sizeof(count), blocks),
		words__plural(blocks, list->one, list->many));
	page__end_line(page);
}

void section__stacks(
	struct page *page, const struct render_options *options, const struct stack_list *list)
{
	size_t rank = 0;

	for (size_t i = 0; i < list->cnt; i++) {
		const struct summary_stack *stack = &list->stacks[i];

		if (!stack->outstanding_blocks)
			continue;
		page__end_line(page);
		put_numbers(page, list, stack, ++rank);
		section__frames(page, options, stack);
	}
	put_rest(page, list);
}
