// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Sections of a process, each with the stacks that left most behind at its returns. */
#include <errno.h>
#include <stdlib.h>
#include "cli/summary_parts.h"

#define STACKS_MAX 10 /* of a section */

static int compare_left(const void *a, const void *b)
{
	const struct section_stack *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	return x->stack->hash < y->stack->hash ? -1 : 1;
}

static int fill_stacks(struct summary_draft *draft, const struct process_info *info,
	const struct section_stack *left, struct summary_section *shown)
{
	size_t cnt = shown->stacks_total < STACKS_MAX ? shown->stacks_total : STACKS_MAX;
	int err = 0;

	shown->stacks = calloc(cnt + 1, sizeof(*shown->stacks));
	if (!shown->stacks)
		return -ENOMEM;
	while (shown->stack_cnt < cnt && !err) {
		struct summary_stack *stack = &shown->stacks[shown->stack_cnt];

		stack->outstanding_bytes = left[shown->stack_cnt].bytes;
		stack->outstanding_blocks = left[shown->stack_cnt].blocks;
		err = draft__fill_stack(draft, info, left[shown->stack_cnt++].stack, stack);
	}
	return err;
}

static int fill_section(struct summary_draft *draft, const struct process *process, size_t number,
	const struct summary_process *of, struct summary_section *shown)
{
	struct section_stack *left;
	int err = process__section_stacks(process, number, &left, &shown->stacks_total);

	if (err)
		return err;
	shown->function = draft->trace->options->points->places[number].function;
	shown->totals = process__section_totals(process, number);
	shown->complete = of->complete && !of->counters.count[COUNTER_lost_points];
	qsort(left, shown->stacks_total, sizeof(*left), compare_left);
	err = fill_stacks(draft, &of->info, left, shown);
	free(left);
	return err;
}

int draft__add_sections(
	struct summary_draft *draft, const struct process *process, struct summary_process *shown)
{
	const struct points *points = draft->trace->options->points;
	int err = 0;

	if (!process__has_sections(process))
		return 0;
	shown->sections = calloc(points->cnt, sizeof(*shown->sections));
	if (!shown->sections)
		return -ENOMEM;
	for (size_t i = 0; i < points->cnt && !err; i++)
		if (points->places[i].point == POINT_SECTION_ENTER)
			err = fill_section(
				draft, process, i, shown, &shown->sections[shown->section_cnt++]);
	return err;
}

void draft__free_sections(struct summary_process *shown)
{
	for (size_t i = 0; i < shown->section_cnt; i++)
		draft__free_stacks(shown->sections[i].stacks, shown->sections[i].stack_cnt);
	free(shown->sections);
}
