// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See spy.h. */
#include "spy/spy.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include "probe/functions.h"
#include "probe/scan.h"
#include "report/page.h"
#include "spy/feed.h"

struct spy {
	const struct spy_options *options;
	const struct spy_renderer *renderer;
	struct signature *signatures;	/* by function */
	struct function_totals *totals; /* likewise */
	struct feed *feed;
	FILE *file; /* of the record in the making, whose text is this: */
	char *text;
	size_t text_sz;
	bool colour;
	uint64_t began_ns; /* CLOCK_MONOTONIC */
	uint64_t calls;	   /* told */
	uint64_t lost;	   /* told likewise */
};

/* ---- records ---- */

static struct page open_page(struct spy *spy)
{
	rewind(spy->file);
	return (struct page){.out.file = spy->file, .colour = spy->colour};
}

static int put_page(struct spy *spy, struct page *page)
{
	if (page->out.err || fflush(spy->file))
		return -ENOMEM;
	return feed__put(spy->feed, spy->text, spy->text_sz);
}

static void make_signatures(struct spy *spy)
{
	for (size_t i = 0; i < allocator_function_cnt; i++) {
		spy->signatures[i] = signature__of(i);
		spy->totals[i].signature = &spy->signatures[i];
	}
}

static bool is_whole(const struct spy *spy)
{
	return spy->signatures && spy->totals && spy->feed && spy->file;
}

struct spy *spy__new(const struct spy_setup *setup)
{
	struct spy *spy = calloc(1, sizeof(*spy));
	struct page page;

	if (!spy)
		return NULL;
	spy->options = setup->options;
	spy->renderer = setup->renderer;
	spy->colour = setup->colour;
	spy->began_ns = setup->begin.monotonic_ns;
	spy->signatures = calloc(allocator_function_cnt, sizeof(*spy->signatures));
	spy->totals = calloc(allocator_function_cnt, sizeof(*spy->totals));
	spy->feed = feed__new(setup->fd, setup->is_ending, setup->arg);
	spy->file = open_memstream(&spy->text, &spy->text_sz);
	if (!is_whole(spy)) {
		spy__free(spy);
		return NULL;
	}
	make_signatures(spy);
	page = open_page(spy);
	spy->renderer->begin(&setup->begin, &page);
	put_page(spy, &page);
	return spy;
}

void spy__free(struct spy *spy)
{
	if (!spy)
		return;
	if (spy->file)
		fclose(spy->file);
	free(spy->text);
	feed__free(spy->feed);
	free(spy->totals);
	free(spy->signatures);
	free(spy);
}

/* ---- what is asked for ---- */

static bool matches(const char *pattern, size_t sz, const char *name)
{
	char text[128];

	if (sz >= sizeof(text))
		return false;
	memcpy(text, pattern, sz);
	text[sz] = '\0';
	return !fnmatch(text, name, 0);
}

bool spy_options__want(const struct spy_options *options, uint16_t function)
{
	struct signature signature = signature__of(function);
	const char *at = options->functions;

	if (!at)
		return true;
	for (;;) {
		size_t sz = strcspn(at, ",");

		if (matches(at, sz, signature.symbol) || matches(at, sz, signature.name))
			return true;
		if (!at[sz])
			return false;
		at += sz + 1;
	}
}

static bool stack_matches(const char *pattern, const struct summary_stack *stack)
{
	for (size_t i = 0; stack && i < stack->frame_cnt; i++)
		if (stack->frames[i].function && !fnmatch(pattern, stack->frames[i].function, 0))
			return true;
	return false;
}

/* ---- calls ---- */

static void add_to_totals(struct function_totals *totals, const struct spied *spied)
{
	totals->calls++;
	totals->failed += spied->has_failed;
	totals->left += spied->was_left;
	if (!spied->was_left)
		histogram__add(&totals->latency, spied->record->duration_ns);
}

static int tell(struct spy *spy, const struct spied *spied)
{
	struct page page = open_page(spy);

	spy->calls += spied->record->event.kind == EVENT_SPY_RETURN;
	spy->renderer->call(spied, spy->began_ns, &page);
	return put_page(spy, &page);
}

int spy__attached(struct spy *spy, uint64_t time_ns)
{
	struct page page = open_page(spy);

	spy->renderer->attached(time_ns, &page);
	return put_page(spy, &page);
}

int spy__call(struct spy *spy, const struct spy_event *record, const struct summary_stack *stack)
{
	uint16_t function = record->event.function;
	struct spied spied = {.record = record, .stack = spy->options->stack ? stack : NULL};

	if (function >= allocator_function_cnt)
		return 0;
	if (spy->options->stack_match && !stack_matches(spy->options->stack_match, stack))
		return 0;
	spied.signature = &spy->signatures[function];
	spied.was_left = record->event.flags & EVENT_F_SPY_LEFT;
	spied.has_failed = record->event.kind == EVENT_SPY_RETURN && !spied.was_left &&
			   signature__has_failed(spied.signature, record);
	if (!spy->options->summary)
		return tell(spy, &spied);
	add_to_totals(&spy->totals[function], &spied);
	spy->calls++;
	return 0;
}

int spy__note_lost(struct spy *spy, uint64_t lost)
{
	uint64_t more = lost - spy->lost;
	struct page page;

	if (!more)
		return 0;
	spy->lost = lost;
	page = open_page(spy);
	spy->renderer->lost(more, &page);
	return put_page(spy, &page);
}

int spy__flush(struct spy *spy)
{
	return feed__flush(spy->feed);
}

static int tell_totals(struct spy *spy)
{
	int err = 0;

	for (size_t i = 0; i < allocator_function_cnt && !err; i++) {
		struct page page = open_page(spy);

		if (!spy->totals[i].calls)
			continue;
		spy->renderer->totals(&spy->totals[i], &page);
		err = put_page(spy, &page);
	}
	return err;
}

int spy__end(struct spy *spy, struct spy_sum *sum)
{
	struct page page;
	int err = tell_totals(spy);

	if (!err)
		err = spy__flush(spy);
	sum->calls = spy->calls;
	sum->losses.unwritten = feed__unwritten(spy->feed);
	page = open_page(spy);
	spy->renderer->end(sum, &page);
	if (!err)
		err = put_page(spy, &page);
	return err ? err : spy__flush(spy);
}
