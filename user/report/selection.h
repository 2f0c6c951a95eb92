/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which stacks of a summary are shown, and in what order: the same for what is traced now and for
 * what was recorded. */
#ifndef HEAPTAP_REPORT_SELECTION_H
#define HEAPTAP_REPORT_SELECTION_H

#include "report/kind_rules.h"
#include "report/summary.h"

enum sort_key { SORT_BYTES, SORT_BLOCKS, SORT_GROWTH, SORT_AGE };

struct selection {
	enum sort_key sort;
	uint64_t min_bytes; /* outstanding, of a stack */
	size_t top;	    /* stacks of a process; 0: all */
	bool holding_only;  /* no stacks without outstanding blocks */
	unsigned int left_out; /* kinds of blocks whose stacks are not shown */
	/* Of a view: rules for what has its kind already, NULL for none; and the kinds that are
	 * not listed as blocks */
	const struct kind_rules *rules;
	unsigned int unlisted;
};

/* Sorts the process's stacks, of blocks, of ranges and of arenas (largest or oldest first) and puts
 * those that are shown in front; stack_cnt is how many these are, stacks_total also has those that
 * only `top` keeps away. */
void selection__apply(const struct selection *selection, struct summary_process *process);

/*
 * The summary with the stacks that are shown: a copy, whose frames and strings are the original's.
 * To be freed before it. NULL without memory.
 */
struct summary *selection__view(const struct selection *selection, const struct summary *summary);
void selection__free_view(struct summary *view);

#endif
