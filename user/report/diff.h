/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two summaries subtracted. Stacks are matched by what stays the same from run to run: the
 * process's command name, and the frames by build ID and offset. Where the two have other builds of
 * a file, its frames are matched by the names of file and function. Addresses and pids play no
 * part.
 */
#ifndef HEAPTAP_REPORT_DIFF_H
#define HEAPTAP_REPORT_DIFF_H

#include "report/summary.h"

enum diff_change { DIFF_NEW, DIFF_GROWN, DIFF_SHRUNK, DIFF_GONE, DIFF_CHANGE_CNT, DIFF_NONE };

struct diff_stack {
	enum diff_change change;
	struct process_info info;	   /* of the first process that has it */
	const struct summary_stack *stack; /* its frames, in the later summary if it is there */
	uint64_t old_bytes, old_blocks, new_bytes, new_blocks; /* outstanding */
};

struct diff_side {
	const struct summary *summary;		  /* borrowed */
	uint64_t bytes, blocks;			  /* outstanding, but of the kinds left out: */
	uint64_t left_out_bytes, left_out_blocks; /* these */
};

struct diff {
	struct diff_side old, new;
	struct diff_stack *stacks; /* that changed; what grew most comes first */
	size_t stack_cnt;
	size_t change_cnts[DIFF_CHANGE_CNT]; /* stacks by what happened to them, also those cut off
					      */
	size_t same_cnt;
};

/* left_out: kinds of blocks that do not count; min_bytes: only stacks that changed by that much;
 * top: the first of them, 0: all. NULL without memory. The summaries must stay. */
struct diff *diff__new(const struct summary *old, const struct summary *new, unsigned int left_out,
	uint64_t min_bytes, size_t top);
void diff__free(struct diff *diff); /* takes NULL */

int64_t diff__growth_bytes(const struct diff *diff);
int64_t diff__growth_blocks(const struct diff *diff);

extern const char *const diff_change_names[DIFF_CHANGE_CNT];

uint64_t summary__outstanding_blocks(const struct summary *summary);
/* The books of all processes are complete. */
bool summary__is_complete(const struct summary *summary);

/* As with renderers: 0, or -errno of writing. */
int diff__render_text(const struct diff *diff, const struct render_options *options, FILE *out);
/* Schema heaptap-diff/1: JSON_DIFF_SCHEMA.md */
int diff__render_json(const struct diff *diff, const struct render_options *options, FILE *out);

#endif
