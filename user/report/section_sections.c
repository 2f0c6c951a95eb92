/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What calls of a function allocate and leave behind, in the text form:
 *
 *   section       handle_request, 40 calls by 3 threads
 *       per call                    mean             most
 *       allocations                 12.5               30
 *       …
 *     left behind  1.2 KiB in 12 blocks
 *         malloc+0x0 …
 */
#include "report/labels.h"
#include "report/sections.h"

#include "util/text.h"

enum { NAME_COLUMN = 6, MEAN_COLUMN = 28, NUMBER_WIDTH = 16, STACKS_SHOWN = 3 };

const struct section_quantity_row section_quantities[SECTION_QUANTITY_CNT] = {
	[SECTION_ALLOCS] = {"allocations", false},
	[SECTION_BYTES] = {"bytes allocated", true},
	[SECTION_LEFT_BLOCKS] = {"blocks left behind", false},
	[SECTION_LEFT_BYTES] = {"bytes left behind", true},
	[SECTION_FREED_BLOCKS] = {"older blocks freed", false},
	[SECTION_FREED_BYTES] = {"older bytes freed", true},
};

/* "12.5", "1.2 KiB"; buf */
static char *mean_words(char *buf, size_t buf_sz, uint64_t sum, uint64_t calls, bool is_bytes)
{
	double mean = calls ? (double)sum / calls : 0;

	if (is_bytes && mean >= 1024)
		return text__bytes(buf, buf_sz, mean + 0.5);
	snprintf(buf, buf_sz, mean == (uint64_t)mean ? "%.0f%s" : "%.2f%s", mean,
		is_bytes ? " B" : "");
	return buf;
}

static void put_row(struct page *page, const struct section_totals *totals, int i)
{
	char mean[32], most[32];

	page__pad(page, NAME_COLUMN);
	page__put(page, STYLE_PLAIN, "%s", section_quantities[i].text);
	page__pad(page, MEAN_COLUMN);
	page__put(page, STYLE_SIZE, "%*s", NUMBER_WIDTH,
		mean_words(mean, sizeof(mean), totals->sums[i], totals->calls,
			section_quantities[i].is_bytes));
	page__put(page, STYLE_PLAIN, " %*s", NUMBER_WIDTH,
		section_quantities[i].is_bytes ? text__bytes(most, sizeof(most), totals->most[i])
					       : text__count(most, sizeof(most), totals->most[i]));
	page__end_line(page);
}

static void put_table(struct page *page, const struct section_totals *totals)
{
	page__pad(page, NAME_COLUMN);
	page__put(page, STYLE_FAINT, "per call");
	page__pad(page, MEAN_COLUMN);
	page__put(page, STYLE_FAINT, "%*s %*s", NUMBER_WIDTH, "mean", NUMBER_WIDTH, "most");
	page__end_line(page);
	for (int i = 0; i < SECTION_QUANTITY_CNT; i++)
		put_row(page, totals, i);
}

static void put_calls(struct page *page, const struct summary_section *section)
{
	const struct section_totals *totals = &section->totals;
	char count[32];

	words__label(page, "section");
	page__put(page, STYLE_TITLE, "%s", section->function);
	page__put(page, STYLE_PLAIN, ", %s %s", text__count(count, sizeof(count), totals->calls),
		words__plural(totals->calls, "call", "calls"));
	if (totals->thread_cnt > 1)
		page__put(page, STYLE_PLAIN, " by %s threads",
			text__count(count, sizeof(count), totals->thread_cnt));
	if (totals->left)
		page__put(page, STYLE_PLAIN, "; %s left by an exception or longjmp",
			text__count(count, sizeof(count), totals->left));
	if (totals->under_way)
		page__put(page, STYLE_PLAIN, "; %s not returned",
			text__count(count, sizeof(count), totals->under_way));
	if (!section->complete)
		page__put(page, STYLE_BAD, "; INCOMPLETE: events of this process were lost");
	page__end_line(page);
}

static void put_left(
	struct page *page, const struct render_options *options, const struct summary_stack *stack)
{
	char bytes[32], count[32];

	page__pad(page, NAME_COLUMN - 2);
	page__put(page, STYLE_SIZE, "left behind  %s",
		text__bytes(bytes, sizeof(bytes), stack->outstanding_bytes));
	page__put(page, STYLE_PLAIN, " in %s %s",
		text__count(count, sizeof(count), stack->outstanding_blocks),
		words__plural(stack->outstanding_blocks, "block", "blocks"));
	page__end_line(page);
	section__frames(page, options, stack);
}

static void put_section(struct page *page, const struct render_options *options,
	const struct summary_section *section)
{
	size_t shown = section->stack_cnt < STACKS_SHOWN ? section->stack_cnt : STACKS_SHOWN;
	size_t total = section->stacks_total, more = total > shown ? total - shown : 0;
	char count[32];

	page__end_line(page);
	put_calls(page, section);
	if (section->totals.calls)
		put_table(page, &section->totals);
	for (size_t i = 0; i < shown; i++)
		put_left(page, options, &section->stacks[i]);
	if (!more)
		return;
	page__pad(page, NAME_COLUMN - 2);
	page__put(page, STYLE_FAINT, "and by %s more %s", text__count(count, sizeof(count), more),
		words__plural(more, "stack", "stacks"));
	page__end_line(page);
}

void section__sections(struct page *page, const struct render_options *options,
	const struct summary_process *process)
{
	for (size_t i = 0; i < process->section_cnt; i++)
		put_section(page, options, &process->sections[i]);
}
