/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules that are given when a recording is shown: what they match was told as normal, or as a
 * runtime's, when it was recorded. What was suppressed or named then stays so. */
#include "report/kinds.h"

#include <errno.h>
#include <stdlib.h>

static void move(uint64_t *from, uint64_t *to, uint64_t count)
{
	/* an older recording has no sums */
	if (*from < count)
		return;
	*from -= count;
	*to += count;
}

static void set_again(const struct kind_rules *rules, struct summary_process *process,
	struct summary_stack *stack)
{
	enum block_kind before = stack->kind;

	if (before == BLOCK_CLIENT || before == BLOCK_IGNORED)
		return;
	kinds__set(rules, stack);
	move(&process->kind_bytes[before], &process->kind_bytes[stack->kind],
		stack->outstanding_bytes);
	move(&process->kind_blocks[before], &process->kind_blocks[stack->kind],
		stack->outstanding_blocks);
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = (*(const struct summary_stack *const *)a)->id;
	uint64_t y = (*(const struct summary_stack *const *)b)->id;

	return x < y ? -1 : x > y;
}

/* Takes the blocks out that are left out now. */
static void set_blocks(
	struct summary_process *process, const struct summary_stack **sorted, unsigned int left_out)
{
	size_t kept = 0;

	for (size_t i = 0; i < process->block_cnt; i++) {
		struct summary_block block = process->blocks[i];
		const struct summary_stack key = {.id = block.stack}, *key_at = &key, **found;

		found = bsearch(&key_at, sorted, process->stack_cnt, sizeof(*sorted), by_id);
		if (found) {
			block.kind = (*found)->kind;
			block.tag = (*found)->tag;
		}
		if (!(left_out & KIND_BIT(block.kind)))
			process->blocks[kept++] = block;
	}
	process->block_cnt = kept;
}

int kinds__set_again(
	const struct kind_rules *rules, unsigned int left_out, struct summary_process *process)
{
	const struct summary_stack **sorted;

	if (!rules || !rules->cnt)
		return 0;
	sorted = calloc(process->stack_cnt + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < process->stack_cnt; i++) {
		set_again(rules, process, &process->stacks[i]);
		sorted[i] = &process->stacks[i];
	}
	qsort(sorted, process->stack_cnt, sizeof(*sorted), by_id);
	set_blocks(process, sorted, left_out);
	free(sorted);
	return 0;
}
