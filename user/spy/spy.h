/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every call of an allocator, told as it happens:
 *
 *   record ─► spy ─► by its stack? ─► renderer (text, JSON Lines) ─► feed ─► a reader
 *                                └─► summary: calls, failures, latencies of each function
 *
 * What can be decided without the stack was decided in the kernel side. JSON_LINES.md is the
 * contract of the JSON form.
 */
#ifndef HEAPTAP_SPY_SPY_H
#define HEAPTAP_SPY_SPY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "report/summary.h"
#include "spy/histogram.h"
#include "spy/signature.h"

/* What a person asked for. */
struct spy_options {
	const char *functions;	 /* names or patterns (fnmatch), separated by commas; NULL: all */
	const char *stack_match; /* a pattern: only calls with such a function in their stack; or
				    NULL */
	pid_t thread;		 /* 0: any */
	uint64_t sizes[2];	 /* from, to; 0, 0: any, and such as have none */
	uint64_t slower_ns;
	bool pre, stack, summary;
};

/* Is the function, a row of the table, among those that are asked for? */
bool spy_options__want(const struct spy_options *options, uint16_t function);

/* One record, and what is known of it. */
struct spied {
	const struct spy_event *record;
	const struct signature *signature;
	const struct summary_stack *stack; /* NULL: not asked for */
	bool has_failed, was_left;
};

struct function_totals {
	const struct signature *signature;
	uint64_t calls, failed, left;
	struct histogram latency; /* ns, of those that returned */
};

struct spy_losses_told {
	uint64_t lost, too_deep, no_memory; /* by the kernel side */
	uint64_t unwritten;		    /* the reader did not take them */
};

/* What is told at the end. */
struct spy_sum {
	uint64_t time_ns; /* until when every call was seen */
	uint64_t calls;	  /* told */
	struct spy_losses_told losses;
};

struct page;

struct spy_begin {
	struct timespec time;  /* CLOCK_REALTIME, */
	uint64_t monotonic_ns; /* and at the same moment CLOCK_MONOTONIC, as the records have it */
	const char *link;
	bool has_calls; /* told one by one: no summary */
};

/* One form of output. Each prints a record of the feed, which ends with a newline. */
struct spy_renderer {
	void (*begin)(const struct spy_begin *begin, struct page *page);
	/* All probes are in place. */
	void (*attached)(uint64_t time_ns, struct page *page);
	void (*call)(const struct spied *spied, uint64_t began_ns, struct page *page);
	void (*lost)(uint64_t lost, struct page *page);
	void (*totals)(const struct function_totals *totals, struct page *page);
	void (*end)(const struct spy_sum *sum, struct page *page);
};
extern const struct spy_renderer spy_text, spy_json;

struct spy_setup {
	const struct spy_options *options; /* borrowed */
	const struct spy_renderer *renderer;
	struct spy_begin begin;
	bool colour;
	int fd;			      /* borrowed */
	bool (*is_ending)(void *arg); /* as of feed__new */
	void *arg;
};

struct spy;

struct spy *spy__new(const struct spy_setup *setup); /* NULL without memory */
void spy__free(struct spy *spy);

/* From now on (CLOCK_MONOTONIC) every call is seen. */
int spy__attached(struct spy *spy, uint64_t time_ns);
/* stack: with its names; NULL if none was asked for. 0, or the -errno of writing, as of feed__put.
 */
int spy__call(struct spy *spy, const struct spy_event *record, const struct summary_stack *stack);
/* How much the kernel side has lost until now; told if it is more than before. */
int spy__note_lost(struct spy *spy, uint64_t lost);
/* All that was told goes to the reader. */
int spy__flush(struct spy *spy);
/* The summary, if it was asked for, and the end. Fills in sum->calls and sum->losses.unwritten. */
int spy__end(struct spy *spy, struct spy_sum *sum);

#endif
