/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text renderer: a summary for a person in a hurry. Most important first: which process, how
 * much, which stacks; at the end whether to believe it. Its parts:
 *
 *   ==== heaptap: final summary, … ====      here
 *   comm  pid …  how it is                   section_process.c
 *     outstanding, change, totals, books
 *     #1  bytes  blocks  share …             section_stacks.c
 *           function  file:line  module
 *   events, losses, verdict                  section_footer.c
 *
 * It is for people and may change; what reads it by program wants the JSON form.
 */
#include "report/summary.h"

#include "report/output.h"
#include "report/page.h"
#include "report/sections.h"
#include "util/text.h"

static const char *const kind_words[] = {
	[SUMMARY_PERIODIC] = "summary",
	[SUMMARY_EXIT] = "summary at an exit",
	[SUMMARY_FINAL] = "final summary",
	[SUMMARY_CHECKPOINT] = "checkpoint",
};

static void put_banner(struct page *page, const struct summary *summary)
{
	const char *name = summary->checkpoint;
	char date[64] = "?", uptime[32];
	struct tm tm;

	if (gmtime_r(&summary->time.tv_sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	page__put(page, STYLE_TITLE,
		"==== heaptap %s%s%s%s, %s, tracing for %s ====", kind_words[summary->kind],
		name ? " \"" : "", name ? name : "", name ? "\"" : "", date,
		text__duration(uptime, sizeof(uptime), summary->uptime_s));
	page__end_line(page);
	page__end_line(page);
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct page page = {.out.file = file, .colour = options->colour};

	if (options->past_cnt)
		page__end_line(&page);
	put_banner(&page, summary);
	if (!summary->process_cnt) {
		page__put(&page, STYLE_PLAIN, "no process was traced");
		page__end_line(&page);
		page__end_line(&page);
	}
	for (size_t i = 0; i < summary->process_cnt; i++) {
		section__process(&page, options, summary, &summary->processes[i]);
		page__end_line(&page);
	}
	section__footer(&page, options, summary);
	return output__finish(&page.out);
}

const struct renderer text_renderer = {.name = "text", .render = render, .for_people = true};
