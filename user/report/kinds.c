/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A block that strdup or fopen has made lies in the C library's books as much as one of its own.
 * What tells them apart is who keeps it: so rules name functions, not the library as a whole.
 */
#include "report/kinds.h"

#include <string.h>
#include "report/pattern.h"

const struct block_kind_row block_kind_rows[BLOCK_KIND_CNT] = {
#define BLOCK_KIND(name, key, text) {key, text},
#include "report/block_kinds.def"
#undef BLOCK_KIND
};

static const char *const allocators[] = {
#define ALLOCATOR(symbol, role, size, count, block, out) #symbol,
#include <heaptap/allocators.def>
#undef ALLOCATOR
};

static const char *const allocator_frames[] = {
#define ALLOCATOR_FRAME(function) function,
#include "report/runtime_rules.def"
};

static const struct runtime_rule {
	const char *module, *function, *called_by;
} runtime_rules[] = {
#define RUNTIME_RULE(module, function, called_by) {module, function, called_by},
#include "report/runtime_rules.def"
};

#define CNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- frames ---- */

static bool is_allocator(const char *function)
{
	if (!function)
		return false;
	for (size_t i = 0; i < CNT(allocators); i++)
		if (!strcmp(allocators[i], function))
			return true;
	for (size_t i = 0; i < CNT(allocator_frames); i++)
		if (pattern__matches(allocator_frames[i], function))
			return true;
	return false;
}

/* The first frame is the probed function's, whatever its name, with what is inlined there. */
static size_t caller_at(const struct summary_stack *stack)
{
	size_t i = 0;

	while (i < stack->frame_cnt && stack->frames[i].inlined)
		i++;
	for (i++; i < stack->frame_cnt; i++)
		if (!is_allocator(stack->frames[i].function))
			return i;
	return stack->frame_cnt;
}

const struct summary_frame *stack__caller(const struct summary_stack *stack)
{
	size_t i = caller_at(stack);

	return i < stack->frame_cnt ? &stack->frames[i] : NULL;
}

/* ---- a person's rules ---- */

bool stack__matches(const struct summary_stack *stack, const char *pattern)
{
	for (size_t i = 0; i < stack->frame_cnt; i++) {
		const struct summary_frame *frame = &stack->frames[i];

		if (pattern__matches(pattern, frame->function) ||
			pattern__matches(pattern, frame->file) ||
			pattern__matches(pattern, frame->module))
			return true;
	}
	return false;
}

/* ---- runtimes ---- */

static bool is_any_or_matches(const char *pattern, const char *text)
{
	return !*pattern || pattern__matches(pattern, text);
}

static bool in_same_module(const struct summary_frame *a, const struct summary_frame *b)
{
	return a->module && b->module && !strcmp(a->module, b->module);
}

static bool runtime_rule__matches(const struct runtime_rule *rule,
	const struct summary_frame *frames, size_t cnt, const char *called_by)
{
	if (!is_any_or_matches(rule->module, frames->module) ||
		!is_any_or_matches(rule->called_by, called_by))
		return false;
	for (size_t i = 0; i < cnt; i++)
		if (is_any_or_matches(rule->function, frames[i].function))
			return true;
	return false;
}

static bool is_runtime(const struct summary_stack *stack)
{
	size_t begin = caller_at(stack), end = begin;
	const struct summary_frame *caller = &stack->frames[begin];
	const char *called_by;

	if (begin == stack->frame_cnt)
		return false;
	while (end < stack->frame_cnt && in_same_module(caller, &stack->frames[end]))
		end++;
	called_by = end < stack->frame_cnt ? stack->frames[end].module : NULL;
	for (size_t i = 0; i < CNT(runtime_rules); i++)
		if (runtime_rule__matches(&runtime_rules[i], caller, end - begin, called_by))
			return true;
	return false;
}

bool kinds__may_be_runtime(const char *module, const char *called_by)
{
	for (size_t i = 0; i < CNT(runtime_rules); i++)
		if (pattern__matches(runtime_rules[i].module, module) &&
			is_any_or_matches(runtime_rules[i].called_by, called_by))
			return true;
	return false;
}

void kinds__set(const struct kind_rules *rules, struct summary_stack *stack)
{
	for (size_t i = 0; i < rules->cnt; i++) {
		if (!stack__matches(stack, rules->rules[i].pattern))
			continue;
		stack->kind = rules->rules[i].kind;
		stack->tag = rules->rules[i].tag;
		return;
	}
	if (is_runtime(stack))
		stack->kind = BLOCK_RUNTIME;
}

/* ---- sums ---- */

void kinds__count(struct summary_process *process)
{
	memset(process->kind_bytes, 0, sizeof(process->kind_bytes));
	memset(process->kind_blocks, 0, sizeof(process->kind_blocks));
	for (size_t i = 0; i < process->stack_cnt; i++) {
		const struct summary_stack *stack = &process->stacks[i];

		process->kind_bytes[stack->kind] += stack->outstanding_bytes;
		process->kind_blocks[stack->kind] += stack->outstanding_blocks;
	}
}

static uint64_t sum(const uint64_t *counts, unsigned int kinds)
{
	uint64_t result = 0;

	for (unsigned int kind = 0; kind < BLOCK_KIND_CNT; kind++)
		if (kinds & KIND_BIT(kind))
			result += counts[kind];
	return result;
}

uint64_t kinds__bytes(const struct summary_process *process, unsigned int kinds)
{
	return sum(process->kind_bytes, kinds);
}

uint64_t kinds__blocks(const struct summary_process *process, unsigned int kinds)
{
	return sum(process->kind_blocks, kinds);
}

/* Estimates do not add up to the byte. */
uint64_t kinds__free_bytes(const struct summary_process *process)
{
	const struct heap_totals *totals = &process->totals;

	return totals->outstanding_bytes < totals->bytes_allocated
		       ? totals->bytes_allocated - totals->outstanding_bytes
		       : 0;
}
