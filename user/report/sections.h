/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of the text form of a summary, a file each, and the words that they share. */
#ifndef HEAPTAP_REPORT_SECTIONS_H
#define HEAPTAP_REPORT_SECTIONS_H

#include "report/page.h"
#include "report/summary.h"

#define LABEL_COLUMN 16 /* where the values of "  label  value" rows begin */

/* The stacks of a process's blocks, or of its ranges. */
struct stack_list {
	const struct summary_stack *stacks;
	size_t cnt, total;	/* total: before the cut */
	uint64_t bytes, blocks; /* outstanding, in all stacks; with --min-age those that pass it */
	uint64_t whole_bytes;	/* outstanding, of which shares are told */
	bool has_past;		/* there was a summary before: changes are told */
	bool is_estimated;	/* errors are told */
	bool is_since;		/* there was a checkpoint before: what came since is told */
	const char *one, *many; /* "block", "blocks" */
};

/* Who a process is and what it holds; with section__stacks and section__mapped. */
void section__process(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_process *process);
void section__stacks(
	struct page *page, const struct render_options *options, const struct stack_list *list);
/* A stack's frames, a line or two each; how it ends, if that is not the root. */
void section__frames(
	struct page *page, const struct render_options *options, const struct summary_stack *stack);
/* How much is not shown for its kind. */
void section__left_out(struct page *page, const struct render_options *options,
	const struct summary_process *process);
/* A table of its kinds, its peak, its total. */
void section__statistics(struct page *page, const struct summary_process *process);
/* Those of its blocks that are listed one by one. */
void section__blocks(struct page *page, const struct render_options *options,
	const struct summary_process *process);
/* The difference to the previous checkpoint, if there is one. */
void section__since(
	struct page *page, const struct summary *summary, const struct summary_process *process);
/* What it has mapped itself; with section__stacks. */
void section__mapped(struct page *page, const struct render_options *options,
	const struct summary *summary, const struct summary_mapped *mapped);
/* What lives in arenas, by who made them. */
void section__arenas(struct page *page, const struct render_options *options,
	const struct summary_arenas *arenas);
/* Wrong frees; nothing if there are none. */
void section__findings(struct page *page, const struct render_options *options,
	const struct summary_process *process);
/* What calls of functions allocated and left behind; nothing if none was asked for. */
void section__sections(struct page *page, const struct render_options *options,
	const struct summary_process *process);
/* Events, losses and whether the books can be trusted; with -v what heaptap cost. */
void section__footer(
	struct page *page, const struct render_options *options, const struct summary *summary);

/* A frame in short, on a line that has begun: its source line, else function and module. */
void words__caller(
	struct page *page, const struct render_options *options, const struct summary_frame *frame);
/* "  label       " */
void words__label(struct page *page, const char *label);
/* "+1.5 KiB", "-12 B", "0 B"; returns buf */
char *words__change(char *buf, size_t buf_sz, int64_t bytes);
/* "+1.5 KiB, +3 blocks" */
void words__growth(struct page *page, int64_t bytes, int64_t blocks);
/* "65.3 %": some is never told as nothing, nor most as all. "-" where it is no share; buf */
char *words__share(char *buf, size_t buf_sz, uint64_t part, uint64_t whole);
/* "block" or "blocks" and the like: the second for all counts but 1 */
const char *words__plural(uint64_t count, const char *one, const char *many);
/* " ± 1.2 MiB", " ± 1,234": half of a 95 % interval; "" if the numbers are no estimates; buf */
char *words__bytes_error(char *buf, size_t buf_sz, const struct summary *summary, uint64_t bytes);
char *words__count_error(char *buf, size_t buf_sz, const struct summary *summary, uint64_t count);
/* "estimated: one byte in 512 KiB was sampled"; buf. Only with sampling */
char *words__sampling(char *buf, size_t buf_sz, const struct summary *summary);
/* Whether there was a summary before this one: without, all that is outstanding has grown. */
bool words__has_past(const struct summary_process *process);
bool words__mapped_has_past(const struct summary_mapped *mapped);
/* "complete since its start", "INCOMPLETE: 3 frees lost: ring full"; free(), NULL without memory */
char *words__books(const struct summary_process *process);

#endif
