/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stack store: see stacks.h.
 *
 * A stack's hash is what the kernel side made of its frames; the store takes it as the stack's
 * name. Limit: where two stacks have the same hash, the frames that came first are read for both,
 * in all processes. By chance that is one in 2^64 pairs; the store cannot tell if somebody made it
 * so.
 */
#include "heap/stacks.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void stacks__init(struct stacks *stacks, uint64_t seed)
{
	index__init(&stacks->by_hash, seed);
}

static void stack__free(struct stack *stack)
{
	free(stack->stack.frames);
	free(stack);
}

void stacks__destroy(struct stacks *stacks)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&stacks->by_hash, &cursor)))
		stack__free((struct stack *)entry->value);
	index__destroy(&stacks->by_hash);
}

struct stack *stacks__find(const struct stacks *stacks, uint64_t hash)
{
	return (struct stack *)index__find(&stacks->by_hash, hash);
}

struct stack *stacks__get(struct stacks *stacks, uint64_t hash)
{
	struct stack *stack = stacks__find(stacks, hash);

	if (!stack) {
		stack = calloc(1, sizeof(*stack));
		if (!stack || index__add(&stacks->by_hash, hash, (uintptr_t)stack)) {
			free(stack);
			return NULL;
		}
		stack->stack.hash = hash;
	}
	stack->ref_cnt++;
	return stack;
}

void stacks__put(struct stacks *stacks, struct stack *stack)
{
	if (--stack->ref_cnt)
		return;
	index__remove(&stacks->by_hash, stack->stack.hash);
	stack__free(stack);
}

static uint32_t unknown_files(const struct heap_frame *frames, uint32_t frame_cnt)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < frame_cnt; i++)
		cnt += !frames[i].file;
	return cnt;
}

static bool stack__is_better(
	const struct heap_stack *stack, const struct heap_frame *frames, uint32_t frame_cnt)
{
	if (!stack->frame_cnt || !frame_cnt)
		return frame_cnt;
	return unknown_files(frames, frame_cnt) < unknown_files(stack->frames, stack->frame_cnt);
}

int stack__improve(
	struct stack *stack, const struct heap_frame *frames, uint32_t frame_cnt, uint32_t end)
{
	struct heap_frame *copy;

	if (!stack__is_better(&stack->stack, frames, frame_cnt))
		return 0;
	copy = malloc(frame_cnt * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, frames, frame_cnt * sizeof(*copy));
	free(stack->stack.frames);
	stack->stack.frames = copy;
	stack->stack.frame_cnt = frame_cnt;
	stack->stack.end = end;
	return 0;
}
