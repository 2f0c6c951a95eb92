/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A difference for people: how much in all, what happened to how many stacks, and what grew most.
 */
#include "report/diff.h"

#include <string.h>
#include "report/output.h"
#include "report/sections.h"
#include "util/text.h"

static void put_time(struct page *page, struct timespec time)
{
	char date[64] = "?";
	struct tm tm;

	if (gmtime_r(&time.tv_sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	page__put(page, STYLE_TITLE, "%s", date);
}

static void put_banner(struct page *page, const struct diff *diff)
{
	page__put(page, STYLE_TITLE, "==== heaptap diff, ");
	put_time(page, diff->old.summary->time);
	page__put(page, STYLE_TITLE, " to ");
	put_time(page, diff->new.summary->time);
	page__put(page, STYLE_TITLE, " ====");
	page__end_line(page);
	page__end_line(page);
}

static void put_blocks_change(struct page *page, uint64_t old, uint64_t new)
{
	uint64_t blocks = new > old ? new - old : old - new;
	char count[32];

	page__put(page, STYLE_PLAIN, "%s%s %s",
		new > old   ? "+"
		: new < old ? "-"
			    : "",
		text__count(count, sizeof(count), blocks),
		words__plural(blocks, "block", "blocks"));
}

static void put_outstanding(struct page *page, const char *label, const struct diff_side *side)
{
	bool is_complete = summary__is_complete(side->summary);
	char bytes[32], count[32];

	words__label(page, label);
	page__put(page, STYLE_PLAIN, "%s in %s %s outstanding%s",
		text__bytes(bytes, sizeof(bytes), side->bytes),
		text__count(count, sizeof(count), side->blocks),
		words__plural(side->blocks, "block", "blocks"), is_complete ? "" : "; ");
	if (!is_complete)
		page__put(page, STYLE_BAD, "INCOMPLETE: not every allocation and free was seen");
	page__end_line(page);
}

static void put_left_out(struct page *page, const struct diff *diff)
{
	const struct diff_side *old = &diff->old, *new = &diff->new;
	char bytes[2][32];

	if (!old->left_out_blocks && !new->left_out_blocks)
		return;
	words__label(page, "left out");
	page__put(page, STYLE_PLAIN, "%s, then %s, of kinds that are no leaks (see --all-kinds)",
		text__bytes(bytes[0], sizeof(bytes[0]), old->left_out_bytes),
		text__bytes(bytes[1], sizeof(bytes[1]), new->left_out_bytes));
	page__end_line(page);
}

static void put_sums(struct page *page, const struct diff *diff)
{
	int64_t growth = diff__growth_bytes(diff);
	char bytes[32], count[32];

	put_outstanding(page, "old", &diff->old);
	put_outstanding(page, "new", &diff->new);
	put_left_out(page, diff);
	words__label(page, "change");
	page__put(page, growth > 0 ? STYLE_SIZE : STYLE_PLAIN, "%s, ",
		words__change(bytes, sizeof(bytes), growth));
	put_blocks_change(page, diff->old.blocks, diff->new.blocks);
	page__end_line(page);
	words__label(page, "stacks");
	for (int change = 0; change < DIFF_CHANGE_CNT; change++)
		page__put(page, STYLE_PLAIN, "%s %s, ",
			text__count(count, sizeof(count), diff->change_cnts[change]),
			diff_change_names[change]);
	page__put(page, STYLE_PLAIN, "%s the same",
		text__count(count, sizeof(count), diff->same_cnt));
	page__end_line(page);
}

static void put_stack(struct page *page, const struct render_options *options,
	const struct diff_stack *stack, size_t rank)
{
	int64_t growth = stack->new_bytes - stack->old_bytes;
	const struct process_info *info = &stack->info;
	char number[32], bytes[32];

	snprintf(number, sizeof(number), "#%zu", rank);
	page__end_line(page);
	page__put(page, STYLE_TITLE, "  %-4s", number);
	page__put(page, growth > 0 ? STYLE_SIZE : STYLE_PLAIN, "%12s  ",
		words__change(bytes, sizeof(bytes), growth));
	put_blocks_change(page, stack->old_blocks, stack->new_blocks);
	page__put(page, STYLE_PLAIN, ", %s", diff_change_names[stack->change]);
	if (stack->change == DIFF_GROWN || stack->change == DIFF_SHRUNK)
		page__put(page, STYLE_PLAIN, " to %s",
			text__bytes(bytes, sizeof(bytes), stack->new_bytes));
	page__put(page, STYLE_PLAIN, "  %.*s", (int)strnlen(info->comm, sizeof(info->comm)),
		info->comm);
	page__end_line(page);
	section__frames(page, options, stack->stack);
}

static size_t changed_cnt(const struct diff *diff)
{
	size_t cnt = 0;

	for (int change = 0; change < DIFF_CHANGE_CNT; change++)
		cnt += diff->change_cnts[change];
	return cnt;
}

int diff__render_text(const struct diff *diff, const struct render_options *options, FILE *file)
{
	struct page page = {.out.file = file, .colour = options->colour};
	size_t more = changed_cnt(diff) - diff->stack_cnt;
	char count[32];

	put_banner(&page, diff);
	put_sums(&page, diff);
	for (size_t i = 0; i < diff->stack_cnt; i++)
		put_stack(&page, options, &diff->stacks[i], i + 1);
	if (more) {
		page__end_line(&page);
		page__put(&page, STYLE_PLAIN, "  and %s more %s changed (see --top, --min-bytes)",
			text__count(count, sizeof(count), more),
			words__plural(more, "stack", "stacks"));
		page__end_line(&page);
	}
	return output__finish(&page.out);
}
