/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process in the text form: who it is, how it is or ended, and its totals. One that holds nothing
 * takes two lines, so that fifty short-lived ones do not bury the one that leaks.
 */
#include "report/sections.h"

#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include "report/kinds.h"
#include "util/text.h"

/* "SIGSEGV", "SIGRTMIN+3"; a number that no signal has stays one. */
static char *signal_name(char *buf, size_t buf_sz, int number)
{
	const char *name = sigabbrev_np(number);

	if (name)
		snprintf(buf, buf_sz, "SIG%s", name);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(buf, buf_sz, "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(buf, buf_sz, "signal %d", number);
	return buf;
}

static void put_state(struct page *page, const struct summary_process *process)
{
	const struct process_info *info = &process->info;
	char buf[64];

	switch (info->state) {
	case PROCESS_RUNNING:
		page__put(page, STYLE_PLAIN, "running");
		if (process->age_s >= 0)
			page__put(page, STYLE_PLAIN, " for %s",
				text__duration(buf, sizeof(buf), process->age_s));
		break;
	case PROCESS_EXITED:
		page__put(page, info->exit_code ? STYLE_BAD : STYLE_PLAIN, "exited with code %d",
			info->exit_code);
		break;
	case PROCESS_KILLED:
		page__put(page, STYLE_BAD, "killed by %s",
			signal_name(buf, sizeof(buf), info->signal));
		break;
	case PROCESS_REPLACED:
		page__put(page, STYLE_PLAIN, "replaced by exec");
		break;
	case PROCESS_VANISHED:
		page__put(page, STYLE_BAD, "ended, unseen how");
		break;
	}
}

static void put_header(struct page *page, const struct summary_process *process)
{
	const struct process_info *info = &process->info;

	/* comm may come without its NUL */
	page__put(
		page, STYLE_TITLE, "%.*s", (int)sizeof(info->comm), *info->comm ? info->comm : "?");
	page__put(page, STYLE_PLAIN, "  pid %d", info->tgid);
	if (info->exec)
		page__put(page, STYLE_PLAIN, " (exec %u)", info->exec);
	page__put(page, STYLE_PLAIN, "  ");
	put_state(page, process);
	if (info->exe)
		page__put(page, STYLE_FAINT, "  %s", info->exe);
	page__end_line(page);
}

static void put_outstanding(
	struct page *page, const struct summary *summary, const struct summary_process *process)
{
	const struct heap_totals *totals = &process->totals;
	const struct summary_estimate *estimate = &process->outstanding_estimate;
	char bytes[32], exact[32], blocks[32], peak[32], bytes_error[48], blocks_error[48];

	words__label(page, "outstanding");
	page__put(page, STYLE_SIZE, "%s",
		text__bytes(bytes, sizeof(bytes), totals->outstanding_bytes));
	page__put(page, STYLE_PLAIN, "%s in %s%s %s",
		words__bytes_error(
			bytes_error, sizeof(bytes_error), summary, estimate->bytes_error),
		text__count(blocks, sizeof(blocks), totals->outstanding_blocks),
		words__count_error(
			blocks_error, sizeof(blocks_error), summary, estimate->blocks_error),
		words__plural(totals->outstanding_blocks, "block", "blocks"));
	if (totals->outstanding_bytes >= 1024 && !summary->sample_bytes)
		page__put(page, STYLE_PLAIN, " (%s bytes)",
			text__count(exact, sizeof(exact), totals->outstanding_bytes));
	page__put(page, STYLE_PLAIN, ", peak %s",
		text__bytes(peak, sizeof(peak), totals->peak_outstanding_bytes));
	page__end_line(page);
}

static void put_filtered(
	struct page *page, const struct summary *summary, const struct summary_process *process)
{
	const struct summary_estimate *estimate = &process->filtered_estimate;
	char bytes[32], blocks[32], age[32], bytes_error[48], blocks_error[48];

	if (!(summary->min_age_s > 0))
		return;
	words__label(page, "of these");
	page__put(
		page, STYLE_SIZE, "%s", text__bytes(bytes, sizeof(bytes), process->filtered_bytes));
	page__put(page, STYLE_PLAIN, "%s in %s%s %s at least %s old",
		words__bytes_error(
			bytes_error, sizeof(bytes_error), summary, estimate->bytes_error),
		text__count(blocks, sizeof(blocks), process->filtered_blocks),
		words__count_error(
			blocks_error, sizeof(blocks_error), summary, estimate->blocks_error),
		words__plural(process->filtered_blocks, "block", "blocks"),
		text__duration(age, sizeof(age), summary->min_age_s));
	page__end_line(page);
}

/* What the numbers above are worth. */
static void put_sampled(
	struct page *page, const struct summary *summary, const struct summary_process *process)
{
	uint64_t blocks = process->outstanding_estimate.sampled;
	uint64_t allocs = process->allocs_estimate.sampled;
	char count[32], all[32];

	if (!summary->sample_bytes)
		return;
	words__label(page, "estimated");
	page__put(page, STYLE_PLAIN, "from %s sampled %s outstanding, and %s sampled %s",
		text__count(count, sizeof(count), blocks), words__plural(blocks, "block", "blocks"),
		text__count(all, sizeof(all), allocs),
		words__plural(allocs, "allocation", "allocations"));
	page__end_line(page);
}

static void put_doubt(struct page *page, double min_age_s, const struct summary_process *process)
{
	uint64_t of = min_age_s > 0 ? process->filtered_blocks : process->totals.outstanding_blocks;
	char doubt[32], blocks[32];

	if (!process->blocks_in_doubt)
		return;
	words__label(page, "in doubt");
	page__put(page, STYLE_BAD,
		"%s of %s blocks may have been freed: frees were lost after them",
		text__count(doubt, sizeof(doubt), process->blocks_in_doubt),
		text__count(blocks, sizeof(blocks), of));
	page__end_line(page);
}

static void put_change(struct page *page, const struct summary_process *process)
{
	if (!words__has_past(process))
		return;
	words__label(page, "change");
	words__growth(page, process->growth_bytes, process->growth_blocks);
	page__put(page, STYLE_PLAIN, " since the last summary");
	page__end_line(page);
}

/* "9,876,543 allocations of 1.2 GiB, 9,864,198 frees, 3 failed" into buf */
static char *totals_words(char *buf, size_t buf_sz, const struct summary *summary,
	const struct summary_process *process)
{
	const struct heap_totals *totals = &process->totals;
	const struct summary_estimate *estimate = &process->allocs_estimate;
	char allocs[32], bytes[32], frees[32], failed[32], errors[3][48];

	snprintf(buf, buf_sz, "%s%s %s of %s%s, %s%s %s, %s failed",
		text__count(allocs, sizeof(allocs), totals->allocs),
		words__count_error(errors[0], sizeof(errors[0]), summary, estimate->blocks_error),
		words__plural(totals->allocs, "allocation", "allocations"),
		text__bytes(bytes, sizeof(bytes), totals->bytes_allocated),
		words__bytes_error(errors[1], sizeof(errors[1]), summary, estimate->bytes_error),
		text__count(frees, sizeof(frees), totals->frees),
		words__count_error(errors[2], sizeof(errors[2]), summary, process->frees_error),
		words__plural(totals->frees, "free", "frees"),
		text__count(failed, sizeof(failed), totals->failed_allocs));
	return buf;
}

static void put_books(struct page *page, const struct summary_process *process)
{
	char *books = words__books(process);

	words__label(page, "books");
	page__wrap(page, process->complete ? STYLE_PLAIN : STYLE_BAD, LABEL_COLUMN, "%s",
		books ? books : "?");
	free(books);
	if (!process->note)
		return;
	words__label(page, "note");
	page__wrap(page, STYLE_BAD, LABEL_COLUMN, "%s", process->note);
}

static void put_empty(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_process *process)
{
	const struct heap_totals *totals = &process->totals;
	const char *nothing = summary->sample_bytes ? "nothing that was sampled is outstanding"
						    : "nothing outstanding";
	char words[256], peak[32];

	page__pad(page, 2);
	if (totals->allocs || totals->failed_allocs)
		page__wrap(page, STYLE_PLAIN, 4, "%s, peak %s: %s", nothing,
			text__bytes(peak, sizeof(peak), totals->peak_outstanding_bytes),
			totals_words(words, sizeof(words), summary, process));
	else
		page__wrap(page, STYLE_PLAIN, 4, "%s: no allocation was seen", nothing);
	section__since(page, summary, process);
	/* where all is well the footer says so */
	if (!process->complete || process->note)
		put_books(page, process);
	if (options->statistics)
		section__statistics(page, process);
}

/* Estimates do not add up to the unit. */
static uint64_t less(uint64_t whole, uint64_t part)
{
	return part < whole ? whole - part : 0;
}

static void put_stacks(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_process *process)
{
	bool filtered = summary->min_age_s > 0;
	const struct heap_totals *totals = &process->totals;
	struct stack_list list = {
		.stacks = process->stacks,
		.cnt = process->stack_cnt,
		.total = process->stacks_total,
		.bytes = less(filtered ? process->filtered_bytes : totals->outstanding_bytes,
			kinds__bytes(process, options->left_out)),
		.blocks = less(filtered ? process->filtered_blocks : totals->outstanding_blocks,
			kinds__blocks(process, options->left_out)),
		.whole_bytes = totals->outstanding_bytes,
		.has_past = words__has_past(process),
		.is_estimated = summary->sample_bytes,
		.is_since = summary->previous_checkpoint,
		.one = "block",
		.many = "blocks",
	};

	section__stacks(page, options, &list);
}

static void put_blocks(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_process *process)
{
	char totals[256];

	put_outstanding(page, summary, process);
	put_filtered(page, summary, process);
	put_sampled(page, summary, process);
	put_doubt(page, summary->min_age_s, process);
	put_change(page, process);
	section__since(page, summary, process);
	words__label(page, "totals");
	page__wrap(page, STYLE_PLAIN, LABEL_COLUMN, "%s",
		totals_words(totals, sizeof(totals), summary, process));
	section__left_out(page, options, process);
	put_books(page, process);
	if (options->statistics)
		section__statistics(page, process);
	put_stacks(page, options, summary, process);
	section__blocks(page, options, process);
}

void section__process(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_process *process)
{
	put_header(page, process);
	if (process->totals.outstanding_blocks)
		put_blocks(page, options, summary, process);
	else
		put_empty(page, options, summary, process);
	section__findings(page, options, process);
	section__sections(page, options, process);
	if (process->arenas.alive)
		section__arenas(page, options, &process->arenas);
	if (process->mapped.totals.maps)
		section__mapped(page, options, summary, &process->mapped);
}
