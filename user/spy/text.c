// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For people: a line for each call, when it has returned; what was called inside it stands before
 * it, further to the right.
 *
 *   seconds since the spy began   process   thread   time inside   function(arguments) = result
 */
#include <inttypes.h>
#include "report/page.h"
#include "report/sections.h"
#include "spy/spy.h"
#include "util/text.h"

static const char *duration(char *buf, size_t buf_sz, uint64_t ns)
{
	if (ns < 1000)
		snprintf(buf, buf_sz, "%" PRIu64 " ns", ns);
	else if (ns < 1000 * 1000)
		snprintf(buf, buf_sz, "%.1f us", ns / 1e3);
	else if (ns < 1000 * 1000 * 1000)
		snprintf(buf, buf_sz, "%.1f ms", ns / 1e6);
	else
		snprintf(buf, buf_sz, "%.1f s", ns / 1e9);
	return buf;
}

static void begin(const struct spy_begin *begin, struct page *page)
{
	if (!begin->has_calls)
		return;
	page__put(page, STYLE_FAINT, "%-14s %7s %7s %9s  %s", "#   seconds", "process", "thread",
		"inside", "call");
	page__end_line(page);
}

static void attached(uint64_t time_ns, struct page *page)
{
	page__put(page, STYLE_FAINT, "# from here every call is seen");
	page__end_line(page);
}

static void put_time(const struct spied *spied, uint64_t began_ns, struct page *page)
{
	const struct spy_event *record = spied->record;
	uint64_t ns = record->time_ns > began_ns ? record->time_ns - began_ns : 0;
	char inside[32];

	page__put(page, STYLE_FAINT, "%4" PRIu64 ".%09" PRIu64 " %7u %7u ", ns / 1000000000,
		ns % 1000000000, record->event.tgid, record->event.tid);
	if (record->event.kind == EVENT_SPY_ENTER)
		page__put(page, STYLE_FAINT, "%9s", "...");
	else if (spied->was_left)
		page__put(page, STYLE_BAD, "%9s", "left");
	else
		page__put(page, STYLE_SIZE, "%9s",
			duration(inside, sizeof(inside), record->duration_ns));
	page__put(
		page, STYLE_PLAIN, "  %*s", 2 * (record->depth < 32 ? (int)record->depth : 32), "");
}

static void put_call(const struct spied *spied, struct page *page)
{
	const struct signature *signature = spied->signature;

	page__put(page, STYLE_TITLE, "%s", signature->name);
	page__put(page, STYLE_PLAIN, "(");
	for (int i = 0; i < signature->argument_cnt; i++) {
		const char *name = signature->arguments[i];

		page__put(page, STYLE_PLAIN,
			argument__is_address(name) ? "%s%s=%#" PRIx64 : "%s%s=%" PRIu64,
			i ? ", " : "", name, (uint64_t)spied->record->arguments[i]);
	}
	page__put(page, STYLE_PLAIN, ")");
}

static void put_result(const struct spied *spied, struct page *page)
{
	const struct spy_event *record = spied->record;
	enum result_kind kind = spied->signature->result;

	if (record->event.kind == EVENT_SPY_ENTER || spied->was_left)
		return;
	if (kind == RESULT_POINTER)
		page__put(page, STYLE_PLAIN, " = %#" PRIx64, (uint64_t)record->result);
	else if (kind == RESULT_STATUS)
		page__put(page, STYLE_PLAIN, " = %d", (int)record->result);
	else if (kind == RESULT_SIZE)
		page__put(page, STYLE_PLAIN, " = %" PRIu64, (uint64_t)record->result);
	if (record->out)
		page__put(page, STYLE_PLAIN, " *memptr=%#" PRIx64, (uint64_t)record->out);
	if (spied->has_failed)
		page__put(page, STYLE_BAD, " (failed)");
}

static void call(const struct spied *spied, uint64_t began_ns, struct page *page)
{
	const struct render_options options = {.colour = page->colour};

	put_time(spied, began_ns, page);
	put_call(spied, page);
	put_result(spied, page);
	page__end_line(page);
	if (spied->stack)
		section__frames(page, &options, spied->stack);
}

static void lost(uint64_t lost_cnt, struct page *page)
{
	char count[32];

	page__put(page, STYLE_BAD, "# %s records lost: the reader is too slow",
		text__count(count, sizeof(count), lost_cnt));
	page__end_line(page);
}

static void totals(const struct function_totals *totals, struct page *page)
{
	const struct histogram *latency = &totals->latency;
	char count[32], mean[32], max[32];

	page__put(page, STYLE_TITLE, "%s", totals->signature->name);
	page__put(page, STYLE_PLAIN, ": %s calls, %" PRIu64 " failed",
		text__count(count, sizeof(count), totals->calls), totals->failed);
	if (totals->left)
		page__put(page, STYLE_PLAIN, ", %" PRIu64 " left", totals->left);
	if (latency->cnt)
		page__put(page, STYLE_PLAIN, ", mean %s, most %s",
			duration(mean, sizeof(mean), latency->sum / latency->cnt),
			duration(max, sizeof(max), latency->max));
	page__put(page, STYLE_FAINT, "  (%s, ns)", totals->signature->symbol);
	page__end_line(page);
	histogram__print(latency, page->out.file);
}

static void end(const struct spy_sum *sum, struct page *page)
{
	const struct spy_losses_told *losses = &sum->losses;
	char count[32], lost_count[32];

	page__put(page, STYLE_FAINT, "# %s calls told, %s records lost",
		text__count(count, sizeof(count), sum->calls),
		text__count(lost_count, sizeof(lost_count), losses->lost + losses->unwritten));
	if (losses->too_deep + losses->no_memory)
		page__put(page, STYLE_BAD, ", %" PRIu64 " calls not seen",
			losses->too_deep + losses->no_memory);
	page__end_line(page);
}

const struct spy_renderer spy_text = {begin, attached, call, lost, totals, end};
