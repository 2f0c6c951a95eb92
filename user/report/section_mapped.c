/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a process has mapped itself, in the text form: after its blocks, in the same way.
 */
#include "report/sections.h"

#include "report/output.h"
#include "util/text.h"

static void put_outstanding(struct page *page, const struct mapped_totals *totals)
{
	char bytes[32], exact[32], ranges[32], peak[32];

	words__label(page, "mapped");
	page__put(page, STYLE_SIZE, "%s",
		text__bytes(bytes, sizeof(bytes), totals->outstanding_bytes));
	page__put(page, STYLE_PLAIN, " in %s %s",
		text__count(ranges, sizeof(ranges), totals->outstanding_ranges),
		words__plural(totals->outstanding_ranges, "range", "ranges"));
	if (totals->outstanding_bytes >= 1024)
		page__put(page, STYLE_PLAIN, " (%s bytes)",
			text__count(exact, sizeof(exact), totals->outstanding_bytes));
	page__put(page, STYLE_PLAIN, ", peak %s",
		text__bytes(peak, sizeof(peak), totals->peak_outstanding_bytes));
	page__end_line(page);
}

/* "of these      8 MiB anonymous, 4 MiB of files" */
static void put_kinds(struct page *page, const struct mapped_totals *totals)
{
	const char *separator = "";
	char bytes[32];

	if (!totals->outstanding_bytes)
		return;
	words__label(page, "of these");
	for (size_t i = 0; i < RANGE_KIND_CNT; i++) {
		if (!totals->kind_bytes[i])
			continue;
		page__put(page, STYLE_PLAIN, "%s%s %s", separator,
			text__bytes(bytes, sizeof(bytes), totals->kind_bytes[i]),
			range_kind_rows[i].text);
		separator = ", ";
	}
	page__end_line(page);
}

static void put_old_enough(struct page *page, double min_age_s, const struct summary_mapped *mapped)
{
	char bytes[32], ranges[32], age[32];

	if (!(min_age_s > 0))
		return;
	words__label(page, "of these");
	page__put(
		page, STYLE_SIZE, "%s", text__bytes(bytes, sizeof(bytes), mapped->filtered_bytes));
	page__put(page, STYLE_PLAIN, " in %s %s at least %s old",
		text__count(ranges, sizeof(ranges), mapped->filtered_ranges),
		words__plural(mapped->filtered_ranges, "range", "ranges"),
		text__duration(age, sizeof(age), min_age_s));
	page__end_line(page);
}

static void put_totals(struct page *page, const struct summary_mapped *mapped)
{
	const struct mapped_totals *totals = &mapped->totals;
	char maps[32], bytes[32], unmaps[32], change[32], unseen[32];

	words__label(page, "maps");
	page__put(page, STYLE_PLAIN, "%s of %s, %s %s",
		text__count(maps, sizeof(maps), totals->maps),
		text__bytes(bytes, sizeof(bytes), totals->bytes_mapped),
		text__count(unmaps, sizeof(unmaps), totals->unmaps),
		words__plural(totals->unmaps, "unmap", "unmaps"));
	if (words__mapped_has_past(mapped))
		page__put(page, mapped->growth_bytes > 0 ? STYLE_SIZE : STYLE_PLAIN,
			", %s since the last summary",
			words__change(change, sizeof(change), mapped->growth_bytes));
	page__end_line(page);
	if (!totals->unseen_unmaps)
		return;
	words__label(page, "unseen");
	page__wrap(page, STYLE_BAD, LABEL_COLUMN,
		"%s %s unmapped in other ways than by the C library's functions: more may be",
		text__count(unseen, sizeof(unseen), totals->unseen_unmaps),
		words__plural(totals->unseen_unmaps, "range was", "ranges were"));
}

void section__mapped(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_mapped *mapped)
{
	bool filtered = summary->min_age_s > 0;
	const struct mapped_totals *totals = &mapped->totals;
	struct stack_list list = {
		.stacks = mapped->stacks,
		.cnt = mapped->stack_cnt,
		.total = mapped->stacks_total,
		.bytes = filtered ? mapped->filtered_bytes : totals->outstanding_bytes,
		.blocks = filtered ? mapped->filtered_ranges : totals->outstanding_ranges,
		.whole_bytes = totals->outstanding_bytes,
		.has_past = words__mapped_has_past(mapped),
		.one = "range",
		.many = "ranges",
	};

	page__end_line(page);
	put_outstanding(page, totals);
	put_kinds(page, totals);
	put_old_enough(page, summary->min_age_s, mapped);
	put_totals(page, mapped);
	section__stacks(page, options, &list);
}
