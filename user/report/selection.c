/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The order is total, so that the same stacks come out the same every time. */
#include "report/selection.h"

#include <stdlib.h>
#include <string.h>
#include "report/kinds.h"

/* Larger first; qsort's order, by each sort key. */
static int larger(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct summary_stack *x = a, *y = b;
	int order = larger(x->outstanding_bytes, y->outstanding_bytes);

	if (!order)
		order = larger(x->bytes_allocated, y->bytes_allocated);
	return order ? order : larger(x->id, y->id);
}

static int by_blocks(const void *a, const void *b)
{
	const struct summary_stack *x = a, *y = b;
	int order = larger(x->outstanding_blocks, y->outstanding_blocks);

	return order ? order : by_bytes(a, b);
}

static int by_growth(const void *a, const void *b)
{
	const struct summary_stack *x = a, *y = b;

	if (x->growth_bytes != y->growth_bytes)
		return x->growth_bytes < y->growth_bytes ? 1 : -1;
	return by_bytes(a, b);
}

/* The oldest first; without blocks (a negative age) last. */
static int by_age(const void *a, const void *b)
{
	const struct summary_stack *x = a, *y = b;

	if (x->oldest_age_s != y->oldest_age_s)
		return x->oldest_age_s < y->oldest_age_s ? 1 : -1;
	return by_bytes(a, b);
}

static int (*const orders[])(const void *, const void *) = {
	[SORT_BYTES] = by_bytes,
	[SORT_BLOCKS] = by_blocks,
	[SORT_GROWTH] = by_growth,
	[SORT_AGE] = by_age,
};

static bool is_shown(const struct selection *selection, const struct summary_stack *stack)
{
	if (selection->holding_only && !stack->outstanding_blocks)
		return false;
	if (selection->left_out & KIND_BIT(stack->kind))
		return false;
	return stack->outstanding_bytes >= selection->min_bytes;
}

/* Those that are not shown go to the end: what they own is still to be found there. */
static size_t shown_to_front(
	const struct selection *selection, struct summary_stack *stacks, size_t cnt)
{
	size_t kept = 0;

	for (size_t i = 0; i < cnt; i++) {
		struct summary_stack stack = stacks[i];

		if (!is_shown(selection, &stack))
			continue;
		stacks[i] = stacks[kept];
		stacks[kept++] = stack;
	}
	return kept;
}

static void apply(const struct selection *selection, struct summary_stack *stacks, size_t *cnt,
	size_t *total)
{
	size_t kept = shown_to_front(selection, stacks, *cnt);

	*total -= *cnt - kept;
	if (kept)
		qsort(stacks, kept, sizeof(*stacks), orders[selection->sort]);
	*cnt = selection->top && selection->top < kept ? selection->top : kept;
}

void selection__apply(const struct selection *selection, struct summary_process *process)
{
	struct summary_mapped *mapped = &process->mapped;
	struct summary_arenas *arenas = &process->arenas;

	apply(selection, process->stacks, &process->stack_cnt, &process->stacks_total);
	apply(selection, mapped->stacks, &mapped->stack_cnt, &mapped->stacks_total);
	apply(selection, arenas->stacks, &arenas->stack_cnt, &arenas->stacks_total);
}

static void *copy(const void *array, size_t cnt, size_t element_sz)
{
	void *result = calloc(cnt + !cnt, element_sz);

	if (result && cnt)
		memcpy(result, array, cnt * element_sz);
	return result;
}

static void free_arrays(struct summary_process *process)
{
	free(process->stacks);
	free(process->mapped.stacks);
	free(process->arenas.stacks);
	free(process->blocks);
}

/* The process gets arrays of its own. False without memory: it has none then. */
static bool copy_arrays(struct summary_process *process)
{
	struct summary_mapped *mapped = &process->mapped;
	struct summary_arenas *arenas = &process->arenas;

	process->stacks = copy(process->stacks, process->stack_cnt, sizeof(*process->stacks));
	mapped->stacks = copy(mapped->stacks, mapped->stack_cnt, sizeof(*mapped->stacks));
	arenas->stacks = copy(arenas->stacks, arenas->stack_cnt, sizeof(*arenas->stacks));
	process->blocks = copy(process->blocks, process->block_cnt, sizeof(*process->blocks));
	if (process->stacks && mapped->stacks && arenas->stacks && process->blocks)
		return true;
	free_arrays(process);
	return false;
}

void selection__free_view(struct summary *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->process_cnt; i++)
		free_arrays(&view->processes[i]);
	free(view->processes);
	free(view);
}

struct summary *selection__view(const struct selection *selection, const struct summary *summary)
{
	struct summary *view = copy(summary, 1, sizeof(*summary));
	int err = 0;

	if (!view)
		return NULL;
	view->process_cnt = 0;
	view->processes =
		copy(summary->processes, summary->process_cnt, sizeof(*summary->processes));
	for (size_t i = 0; view->processes && i < summary->process_cnt; i++) {
		struct summary_process *process = &view->processes[i];

		if (!copy_arrays(process))
			break;
		view->process_cnt++;
		err = kinds__set_again(selection->rules, selection->unlisted, process);
		if (err)
			break;
		selection__apply(selection, process);
	}
	if (view->process_cnt == summary->process_cnt && view->processes && !err)
		return view;
	selection__free_view(view);
	return NULL;
}
