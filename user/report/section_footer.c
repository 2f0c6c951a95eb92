/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of the text form: what was seen, what was lost, and the verdict that everything above
 * stands or falls with: whether the books are complete, what it means if not, and what to do.
 *
 * Processes are of three kinds: complete from birth, complete since tracing began (frees of older
 * blocks are expected there), and incomplete. Each kind that there is gets its sentence.
 */
#include "report/sections.h"

#include "report/output.h"
#include "util/text.h"

enum trust { TRUST_BIRTH, TRUST_ATTACHED, TRUST_INCOMPLETE, TRUST_CNT };

struct verdict { /* sums over the processes of one kind */
	size_t process_cnt;
	uint64_t unmatched_frees;
	uint64_t replaced_blocks;
	struct counters counters;
};

static const char too_few[] =
	"blocks that are outstanding may be missing: allocations, and the bytes "
	"of them, are at least what is shown";
static const char too_many[] = "blocks that are shown as outstanding may have been freed";
static const char unknown[] = "the numbers above may be wrong";
static const char ring[] = "heaptap could not read as fast as events came: use a larger ring "
			   "(--ring-size) or trace fewer processes";
static const char table[] =
	"the kernel's table of sampled blocks was full: sample fewer of them (--sample), or "
	"trace fewer processes";
static const char memory[] = "the kernel was short of memory: leave it more, or trace fewer "
			     "processes";

/* What a loss means for the reader, and what to do. Rows with the same words stand together. */
static const struct consequence {
	enum counter counter;
	const char *meaning, *remedy;
} consequences[] = {
	{COUNTER_no_memory, too_few, memory},
	{COUNTER_unreadable, too_few, NULL},
	{COUNTER_too_deep, too_few, NULL},
	{COUNTER_lost_allocs, too_few, ring},
	{COUNTER_lost_frees, too_many, ring},
	{COUNTER_lost_maps, "mapped ranges may be missing", ring},
	{COUNTER_lost_unmaps, "ranges that are shown as mapped may have been unmapped", ring},
	{COUNTER_lost_arenas, too_many, ring},
	{COUNTER_lost_lifecycle, "books may begin late, or a process's end be unknown", ring},
	{COUNTER_lost_stacks, "some blocks have no call stack", ring},
	{COUNTER_lost_files, "some frames have no module", ring},
	{COUNTER_lost_samples, unknown, table},
	{COUNTER_not_booked, unknown,
		"heaptap was short of memory: leave it more, or trace fewer processes"},
	{COUNTER_malformed, unknown, NULL},
	{COUNTER_lost_failed, "failed allocations may be missing", ring},
};

static enum trust trust_of(const struct summary_process *process)
{
	if (!process->complete)
		return TRUST_INCOMPLETE;
	return process->info.from_birth ? TRUST_BIRTH : TRUST_ATTACHED;
}

static void add_up(struct verdict *verdicts, const struct summary *summary)
{
	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];
		struct verdict *verdict = &verdicts[trust_of(process)];

		verdict->process_cnt++;
		verdict->unmatched_frees += process->anomalies.unmatched_frees;
		verdict->replaced_blocks += process->anomalies.replaced_blocks;
		for (size_t at = 0; at < COUNTER_CNT; at++)
			verdict->counters.count[at] += process->counters.count[at];
	}
}

/* ---- rows of numbers ---- */

static void put_events(
	struct page *page, const struct summary *summary, const struct verdict *verdicts)
{
	uint64_t lost = counters__lost(&summary->counters), unmatched = 0;
	char buf[32];

	for (size_t i = 0; i < TRUST_CNT; i++)
		unmatched += verdicts[i].unmatched_frees;
	page__put(page, STYLE_PLAIN, "events");
	page__pad(page, LABEL_COLUMN);
	page__put(page, STYLE_PLAIN, "%s seen, ",
		text__count(buf, sizeof(buf), summary->events_received));
	page__put(page, lost ? STYLE_BAD : STYLE_PLAIN, "%s lost",
		lost ? text__count(buf, sizeof(buf), lost) : "none");
	page__put(page, STYLE_PLAIN, ", %s %s of unknown blocks",
		unmatched ? text__count(buf, sizeof(buf), unmatched) : "no",
		words__plural(unmatched, "free", "frees"));
	page__end_line(page);
}

static void put_counters(
	struct page *page, const struct render_options *options, const struct counters *counters)
{
	char buf[32];

	for (size_t i = 0; i < COUNTER_CNT; i++) {
		bool is_loss = counter_rows[i].is_loss;

		if (!counters->count[i] || (!is_loss && !options->verbosity))
			continue;
		page__put(page, is_loss ? STYLE_BAD : STYLE_PLAIN, "%14s",
			text__count(buf, sizeof(buf), counters->count[i]));
		page__pad(page, LABEL_COLUMN);
		page__put(page, STYLE_PLAIN, "%s", counter_rows[i].text);
		page__end_line(page);
	}
}

/* Stacks that end too early, by reason: a reader must know which callers are missing, and why. */
static void put_stack_ends(struct page *page, const struct summary *summary)
{
	uint64_t ends[STACK_END_CNT] = {0}, all = 0;
	char count[32], total[32], share[32];

	for (size_t i = 0; i < summary->process_cnt; i++) {
		for (size_t end = 0; end < STACK_END_CNT; end++) {
			ends[end] += summary->processes[i].stack_ends[end];
			all += summary->processes[i].stack_ends[end];
		}
	}
	if (!all)
		return;
	page__put(page, STYLE_PLAIN, "stacks");
	page__pad(page, LABEL_COLUMN);
	page__put(page, STYLE_PLAIN, "%s, %s of them complete",
		text__count(total, sizeof(total), all),
		words__share(share, sizeof(share), ends[STACK_END_ROOT], all));
	page__end_line(page);
	for (size_t end = 0; end < STACK_END_CNT; end++) {
		if (end == STACK_END_ROOT || !ends[end])
			continue;
		page__put(page, STYLE_PLAIN, "%14s", text__count(count, sizeof(count), ends[end]));
		page__pad(page, LABEL_COLUMN);
		page__put(page, STYLE_PLAIN, "%s", stack_end_rows[end].text);
		page__end_line(page);
	}
}

static void put_cost(struct page *page, const struct summary *summary)
{
	char cpu[32], rss[32], uptime[32], loaded[32];

	page__put(page, STYLE_PLAIN, "heaptap");
	page__pad(page, LABEL_COLUMN);
	page__put(page, STYLE_PLAIN, "%s of processor time in %s, %s resident",
		text__duration(cpu, sizeof(cpu), summary->cpu_s),
		text__duration(uptime, sizeof(uptime), summary->uptime_s),
		text__bytes(rss, sizeof(rss), summary->rss_bytes));
	page__end_line(page);
	page__pad(page, LABEL_COLUMN);
	page__put(page, STYLE_PLAIN, "%s, kernel %s on %s",
		summary->link ? summary->link : "no link", summary->kernel ? summary->kernel : "?",
		summary->host ? summary->host : "?");
	page__end_line(page);
	if (!summary->unwind_files)
		return;
	page__pad(page, LABEL_COLUMN);
	page__put(page, STYLE_PLAIN, "unwind rows of %s files: %s in %s, loaded in %s",
		text__count(uptime, sizeof(uptime), summary->unwind_files),
		text__count(cpu, sizeof(cpu), summary->unwind_rows),
		text__bytes(rss, sizeof(rss), summary->unwind_bytes),
		text__duration(loaded, sizeof(loaded), summary->unwind_load_s));
	page__end_line(page);
}

/* ---- the verdict ---- */

/* "", " for all 12 processes", " for 2 of 12 processes" */
static const char *whose(char *buf, size_t buf_sz, size_t cnt, size_t all)
{
	if (all == 1)
		return "";
	snprintf(buf, buf_sz, cnt == all ? " for all %zu processes" : " for %zu of %zu processes",
		cnt, all);
	return buf;
}

static const char *what_is_seen(const struct summary *summary)
{
	return summary->sample_bytes ? "sampled allocation and its free" : "allocation and free";
}

static void put_birth(
	struct page *page, const struct summary *summary, const struct verdict *verdict)
{
	char buf[64], count[32];

	if (!verdict->process_cnt)
		return;
	page__wrap(page, STYLE_GOOD, 2, "books complete%s: every %s since %s start was seen",
		whose(buf, sizeof(buf), verdict->process_cnt, summary->process_cnt),
		what_is_seen(summary), words__plural(verdict->process_cnt, "its", "their"));
	if (!verdict->unmatched_frees)
		return;
	page__pad(page, 2);
	page__wrap(page, STYLE_PLAIN, 2, "%s %s of blocks that %s",
		text__count(count, sizeof(count), verdict->unmatched_frees),
		words__plural(verdict->unmatched_frees, "free was", "frees were"),
		summary->checked
			? "were not there: see the findings"
			: "no probed allocator had given out: is there another one? (\"heaptap "
			  "probes PID\" shows what is probed.) Or was the free wrong? (--check "
			  "tells "
			  "who did it)");
}

static void put_attached(
	struct page *page, const struct summary *summary, const struct verdict *verdict)
{
	char buf[64], count[32];

	if (!verdict->process_cnt)
		return;
	page__wrap(page, STYLE_GOOD, 2,
		"books complete%s since tracing began: every %s from then on was seen",
		whose(buf, sizeof(buf), verdict->process_cnt, summary->process_cnt),
		what_is_seen(summary));
	page__pad(page, 2);
	if (summary->sample_bytes) {
		page__wrap(page, STYLE_PLAIN, 2,
			"blocks allocated before that are not known and not counted");
		return;
	}
	page__wrap(page, STYLE_PLAIN, 2,
		"blocks allocated before that are not known and not counted; frees of them are to "
		"be "
		"expected, and %s came",
		verdict->unmatched_frees
			? text__count(count, sizeof(count), verdict->unmatched_frees)
			: "none");
}

static void put_consequence(struct page *page, const char *label, const char *words)
{
	page__pad(page, 2);
	page__wrap(page, STYLE_PLAIN, 4, "%s: %s", label, words);
}

/* Words that several rows share are said once. */
static void put_consequences(struct page *page, const struct verdict *verdict)
{
	const char *meaning = NULL, *remedy = NULL;
	size_t cnt = sizeof(consequences) / sizeof(*consequences);

	for (size_t i = 0; i < cnt; i++) {
		const struct consequence *row = &consequences[i];

		if (verdict->counters.count[row->counter] && row->meaning != meaning)
			put_consequence(page, "so", meaning = row->meaning);
	}
	if (!meaning)
		put_consequence(page, "so", verdict->replaced_blocks ? too_many : unknown);
	for (size_t i = 0; i < cnt; i++) {
		const struct consequence *row = &consequences[i];

		if (verdict->counters.count[row->counter] && row->remedy && row->remedy != remedy)
			put_consequence(page, "what to do", remedy = row->remedy);
	}
}

static void put_incomplete(struct page *page, const struct verdict *verdict, size_t all)
{
	char buf[64];

	if (!verdict->process_cnt)
		return;
	page__wrap(page, STYLE_BAD, 2, "INCOMPLETE%s: not every allocation and free was seen",
		whose(buf, sizeof(buf), verdict->process_cnt, all));
	put_consequences(page, verdict);
}

/* Losses that no process shown here has: of those that were forgotten, or never came to be known.
 */
static void put_elsewhere(
	struct page *page, const struct summary *summary, const struct verdict *verdicts)
{
	uint64_t lost = counters__lost(&summary->counters), ours = 0;
	char count[32];

	for (size_t i = 0; i < TRUST_CNT; i++)
		ours += counters__lost(&verdicts[i].counters);
	if (lost <= ours)
		return;
	page__wrap(page, STYLE_BAD, 2, "%s of the losses %s of processes that are not shown here",
		text__count(count, sizeof(count), lost - ours),
		words__plural(lost - ours, "is", "are"));
}

/* Three intervals without a point have a probability of 5 %. */
static void put_sampling(struct page *page, const struct summary *summary)
{
	char mean[32], hidden[32];

	if (!summary->sample_bytes)
		return;
	page__put(page, STYLE_PLAIN, "sampled");
	page__pad(page, LABEL_COLUMN);
	page__wrap(page, STYLE_PLAIN, LABEL_COLUMN,
		"one byte in %s on the average, and the block that it is in: numbers of blocks and "
		"bytes are estimates, ± is a 95 %% interval, and what holds less than %s may not "
		"be "
		"shown",
		text__bytes(mean, sizeof(mean), summary->sample_bytes),
		text__bytes(hidden, sizeof(hidden), 3 * summary->sample_bytes));
}

void section__footer(
	struct page *page, const struct render_options *options, const struct summary *summary)
{
	struct verdict verdicts[TRUST_CNT] = {0};

	add_up(verdicts, summary);
	put_events(page, summary, verdicts);
	put_counters(page, options, &summary->counters);
	put_stack_ends(page, summary);
	put_sampling(page, summary);
	if (options->verbosity)
		put_cost(page, summary);
	put_birth(page, summary, &verdicts[TRUST_BIRTH]);
	put_attached(page, summary, &verdicts[TRUST_ATTACHED]);
	put_incomplete(page, &verdicts[TRUST_INCOMPLETE], summary->process_cnt);
	put_elsewhere(page, summary, verdicts);
}
