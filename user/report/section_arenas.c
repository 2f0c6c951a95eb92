/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The arenas of a process in the text form. Their blocks stand among the stacks, too, under who
 * allocated them; here they stand under who made the arena, as that one has to end it.
 */
#include "report/sections.h"

#include "util/text.h"

static void put_all(struct page *page, const struct summary_arenas *arenas)
{
	char alive[32], bytes[32], blocks[32];

	page__end_line(page);
	words__label(page, "arenas");
	page__put(page, STYLE_PLAIN, "%s alive, with %s in %s %s",
		text__count(alive, sizeof(alive), arenas->alive),
		text__bytes(bytes, sizeof(bytes), arenas->bytes),
		text__count(blocks, sizeof(blocks), arenas->blocks),
		words__plural(arenas->blocks, "block", "blocks"));
	page__end_line(page);
}

static void put_numbers(struct page *page, const struct summary_stack *stack)
{
	const char *owner = summary_stack__owner(stack);
	char buf[32];

	page__put(page, STYLE_SIZE, "      %10s",
		text__bytes(buf, sizeof(buf), stack->outstanding_bytes));
	page__put(page, STYLE_PLAIN, "  %11s %-6s",
		text__count(buf, sizeof(buf), stack->outstanding_blocks),
		words__plural(stack->outstanding_blocks, "block", "blocks"));
	page__put(page, STYLE_PLAIN, "  in %s %s", text__count(buf, sizeof(buf), stack->allocs),
		words__plural(stack->allocs, "arena", "arenas"));
	if (owner)
		page__put(page, STYLE_FAINT, "  of %s", owner);
	page__end_line(page);
}

static void put_rest(struct page *page, const struct summary_arenas *arenas)
{
	size_t more = arenas->stacks_total - arenas->stack_cnt;
	char buf[32];

	if (!more)
		return;
	page__end_line(page);
	page__put(page, STYLE_PLAIN, "  and %s more %s that made arenas (see --top)",
		text__count(buf, sizeof(buf), more), words__plural(more, "stack", "stacks"));
	page__end_line(page);
}

void section__arenas(struct page *page, const struct render_options *options,
	const struct summary_arenas *arenas)
{
	put_all(page, arenas);
	for (size_t i = 0; i < arenas->stack_cnt; i++) {
		page__end_line(page);
		put_numbers(page, &arenas->stacks[i]);
		section__frames(page, options, &arenas->stacks[i]);
	}
	put_rest(page, arenas);
}
