/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A summary in the making, from inside: summary_*.c only. */
#ifndef HEAPTAP_CLI_SUMMARY_PARTS_H
#define HEAPTAP_CLI_SUMMARY_PARTS_H

#include <sys/utsname.h>
#include "cli/trace.h"
#include "report/selection.h"
#include "report/summary.h"

struct summary_draft {
	struct summary summary;
	struct utsname system;
	struct trace *trace;
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	uint64_t min_age_ns;
	size_t process_cap;
	struct selection selection;
};

/* Seconds from then to the process's present, or its end. then_ns 0: none, which is -1. */
double draft__age_s(
	const struct summary_draft *draft, const struct process_info *info, uint64_t then_ns);

/* Gives the stack its frames with names, if it has none yet; it is the books' of the same id. 0 or
 * -ENOMEM. */
int draft__add_frames(
	struct summary_draft *draft, const struct process_info *info, struct summary_stack *stack);

/* Stacks of a snapshot, by numbers only: frames are for those that will be shown. NULL without
 * memory. */
struct summary_stack *draft__make_stacks(struct summary_draft *draft,
	const struct process_info *info, const struct snapshot *snapshot);
/* Of a hundred thousand stacks ten may be shown: the first cnt get their frames, and room is kept
 * for them alone. all: those that the array has. 0 or -ENOMEM. */
int draft__finish_stacks(struct summary_draft *draft, const struct process_info *info,
	struct summary_stack **stacks, size_t cnt, size_t all);
/* Frames and end of one that has none. 0 or -ENOMEM. */
int draft__fill_stack(struct summary_draft *draft, const struct process_info *info,
	const struct heap_stack *known, struct summary_stack *stack);
void draft__free_stacks(struct summary_stack *stacks, size_t cnt);

/* 0 or -ENOMEM. */
int draft__add_process(struct summary_draft *draft, struct process *process);

/* Tells of the process's wrong frees. 0 or -ENOMEM. */
int draft__add_findings(
	struct summary_draft *draft, struct process *process, struct summary_process *shown);
void draft__free_findings(struct summary_process *shown);

/* Tells of the process's sections, if it has any. Its counters are filled. 0 or -ENOMEM. */
int draft__add_sections(
	struct summary_draft *draft, const struct process *process, struct summary_process *shown);
void draft__free_sections(struct summary_process *shown);

/* Tells each stack's kind, and counts them. Names are looked up where the kind depends on them. The
 * process has its stacks, all of them, without frames. 0 or -ENOMEM. */
int draft__set_kinds(struct summary_draft *draft, struct summary_process *shown);

/* Lists the process's blocks, if that was asked for. Its stacks are those of the snapshot, in the
 * same order, with their kinds. 0 or -ENOMEM. */
int draft__add_blocks(struct summary_draft *draft, struct process *process,
	const struct snapshot *snapshot, struct summary_process *shown);
void draft__free_blocks(struct summary_process *shown);

#endif
