/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Wrong frees in the text form: what is wrong with which block, then the stacks: who freed it, who had
 * freed it before, who had allocated it.
 *
 *   double free   0x5581c0de4010, 100 bytes, 3 times
 *     freed by
 *         free+0x0 …
 */
#include "report/sections.h"

#include "report/labels.h"
#include "util/text.h"

const char *const finding_titles[FINDING_KIND_CNT] = {
	[FINDING_DOUBLE_FREE] = "double free",
	[FINDING_INVALID_FREE] = "invalid free",
	[FINDING_MISMATCHED_FREE] = "mismatched free",
};

const char *const finding_stack_titles[FINDING_STACK_CNT] = {
	[FINDING_STACK_FREE] = "freed by",
	[FINDING_STACK_FIRST_FREE] = "freed before by",
	[FINDING_STACK_ALLOCATION] = "allocated by",
};

static void put_stacks(struct page *page, const struct render_options *options,
	const struct summary_finding *finding)
{
	for (size_t i = 0; i < FINDING_STACK_CNT; i++) {
		if (!finding->has_stack[i])
			continue;
		page__put(page, STYLE_FAINT, "      %s", finding_stack_titles[i]);
		page__end_line(page);
		section__frames(page, options, &finding->stacks[i]);
	}
}

/* ", 100 bytes", ", 8 bytes into a block of 100 bytes", ", which no allocator gave out" */
static void put_block(struct page *page, const struct summary_finding *finding)
{
	char size[32], offset[32];

	text__count(size, sizeof(size), finding->size);
	if (!finding->has_stack[FINDING_STACK_ALLOCATION])
		page__put(page, STYLE_PLAIN, ", which no allocator that was seen gave out");
	else if (finding->kind == FINDING_INVALID_FREE)
		page__put(page, STYLE_PLAIN, ", %s %s into a block of %s",
			text__count(offset, sizeof(offset), finding->offset),
			words__plural(finding->offset, "byte", "bytes"), size);
	else
		page__put(page, STYLE_PLAIN, ", a block of %s %s", size,
			words__plural(finding->size, "byte", "bytes"));
}

static void put_finding(struct page *page, const struct render_options *options,
	const struct summary_finding *finding)
{
	char count[32];

	page__end_line(page);
	page__put(page, STYLE_BAD, "  %s", finding_titles[finding->kind]);
	page__put(page, STYLE_PLAIN, "  0x%llx", (unsigned long long)finding->address);
	put_block(page, finding);
	if (finding->count > 1)
		page__put(page, STYLE_PLAIN, "; %s times",
			text__count(count, sizeof(count), finding->count));
	page__end_line(page);
	put_stacks(page, options, finding);
}

static void put_count(struct page *page, const struct summary_process *process)
{
	uint64_t times = process->findings_left_out;
	char buf[32];

	for (size_t i = 0; i < process->finding_cnt; i++)
		times += process->findings[i].count;
	words__label(page, "findings");
	page__put(page, STYLE_BAD, "%s wrong %s", text__count(buf, sizeof(buf), times),
		words__plural(times, "free", "frees"));
	if (process->findings_left_out)
		page__put(page, STYLE_PLAIN, ", %s of them by stacks for which there was no room",
			text__count(buf, sizeof(buf), process->findings_left_out));
	if (!process->complete)
		page__put(page, STYLE_PLAIN, "; in doubt, as events of this process were lost");
	page__end_line(page);
}

void section__findings(struct page *page, const struct render_options *options,
	const struct summary_process *process)
{
	if (!process->finding_cnt)
		return;
	put_count(page, process);
	for (size_t i = 0; i < process->finding_cnt; i++)
		put_finding(page, options, &process->findings[i]);
}
