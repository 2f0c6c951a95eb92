/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each stack becomes a key (bytes); those with the same key are added up, on either side. */
#include "report/diff.h"

#include <stdlib.h>
#include <string.h>
#include "report/kinds.h"
#include "report/labels.h"
#include "util/intern.h"
#include "util/protobuf.h"

const char *const diff_change_names[DIFF_CHANGE_CNT] = {
	[DIFF_NEW] = "new",
	[DIFF_GROWN] = "grown",
	[DIFF_SHRUNK] = "shrunk",
	[DIFF_GONE] = "gone",
};

enum side { SIDE_OLD, SIDE_NEW, SIDE_CNT };

struct matcher {
	struct intern build_ids[SIDE_CNT];
	struct intern keys;
	struct protobuf key;	   /* in the making: a list of runs of bytes */
	struct diff_stack *stacks; /* by number of the key */
	size_t cap;
	unsigned int left_out;
	bool failed;
};

uint64_t summary__outstanding_blocks(const struct summary *summary)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		sum += summary->min_age_s > 0 ? process->filtered_blocks
					      : process->totals.outstanding_blocks;
	}
	return sum;
}

bool summary__is_complete(const struct summary *summary)
{
	for (size_t i = 0; i < summary->process_cnt; i++)
		if (!summary->processes[i].complete)
			return false;
	return true;
}

/* ---- keys ---- */

/* What a run of bytes in a key is. */
enum { KEY_COMM = 1, KEY_BUILD_ID, KEY_OFFSET, KEY_MODULE, KEY_FUNCTION };

static void collect_build_ids(struct intern *build_ids, const struct summary_stack *stack)
{
	for (size_t i = 0; i < stack->frame_cnt; i++) {
		const char *build_id = stack->frames[i].build_id;

		if (build_id)
			intern__add(build_ids, build_id, strlen(build_id));
	}
}

/* Both summaries have this build: its offsets mean the same in both. */
static bool is_common_build(const struct matcher *matcher, const char *build_id)
{
	return build_id && intern__has(&matcher->build_ids[SIDE_OLD], build_id, strlen(build_id)) &&
	       intern__has(&matcher->build_ids[SIDE_NEW], build_id, strlen(build_id));
}

static void put_text(struct protobuf *key, uint32_t what, const char *text)
{
	protobuf__put_bytes(key, what, text, strlen(text));
}

static void put_frame(struct matcher *matcher, const struct summary_frame *frame)
{
	struct protobuf *key = &matcher->key;

	if (is_common_build(matcher, frame->build_id)) {
		if (frame->inlined)
			return; /* at the same offset as what it was inlined into */
		put_text(key, KEY_BUILD_ID, frame->build_id);
		protobuf__put_number(key, KEY_OFFSET, frame->module_offset);
		return;
	}
	put_text(key, KEY_MODULE, frame->module ? path__name(frame->module) : "");
	if (frame->function)
		put_text(key, KEY_FUNCTION, frame->function);
	else
		protobuf__put_number(key, KEY_OFFSET, frame->module_offset);
}

static uint32_t key_of(struct matcher *matcher, const struct summary_process *process,
	const struct summary_stack *stack)
{
	protobuf__clear(&matcher->key);
	protobuf__put_bytes(&matcher->key, KEY_COMM, process->info.comm,
		strnlen(process->info.comm, sizeof(process->info.comm)));
	for (size_t i = 0; i < stack->frame_cnt; i++)
		put_frame(matcher, &stack->frames[i]);
	matcher->failed |= matcher->key.failed;
	return intern__add(&matcher->keys, matcher->key.bytes, matcher->key.sz);
}

/* ---- sums ---- */

/* The key's entry, zeros if it is new; NULL without memory. */
static struct diff_stack *entry_of(struct matcher *matcher, uint32_t number)
{
	if (number >= matcher->cap) {
		size_t cap = matcher->cap ? matcher->cap * 2 : 256;
		struct diff_stack *stacks = reallocarray(matcher->stacks, cap, sizeof(*stacks));

		if (!stacks)
			return NULL;
		memset(stacks + matcher->cap, 0, (cap - matcher->cap) * sizeof(*stacks));
		matcher->stacks = stacks;
		matcher->cap = cap;
	}
	return &matcher->stacks[number];
}

static void add_stack(struct matcher *matcher, enum side side,
	const struct summary_process *process, const struct summary_stack *stack)
{
	uint32_t number = key_of(matcher, process, stack);
	struct diff_stack *entry = matcher->keys.failed ? NULL : entry_of(matcher, number);

	matcher->failed |= !entry;
	if (!entry)
		return;
	if (!entry->stack) {
		entry->stack = stack;
		entry->info = process->info;
	}
	*(side == SIDE_OLD ? &entry->old_bytes : &entry->new_bytes) += stack->outstanding_bytes;
	*(side == SIDE_OLD ? &entry->old_blocks : &entry->new_blocks) += stack->outstanding_blocks;
}

static void each_stack(
	struct matcher *matcher, enum side side, const struct summary *summary, bool build_ids_only)
{
	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		for (size_t at = 0; !matcher->failed && at < process->stack_cnt; at++) {
			const struct summary_stack *stack = &process->stacks[at];

			if (!stack->outstanding_blocks || matcher->left_out & KIND_BIT(stack->kind))
				continue;
			if (build_ids_only)
				collect_build_ids(&matcher->build_ids[side], stack);
			else
				add_stack(matcher, side, process, stack);
		}
	}
}

/* ---- the result ---- */

static int64_t growth(const struct diff_stack *stack)
{
	return stack->new_bytes - stack->old_bytes;
}

static enum diff_change change_of(const struct diff_stack *stack)
{
	if (!stack->old_blocks)
		return DIFF_NEW;
	if (!stack->new_blocks)
		return DIFF_GONE;
	if (growth(stack))
		return growth(stack) > 0 ? DIFF_GROWN : DIFF_SHRUNK;
	if (stack->new_blocks != stack->old_blocks)
		return stack->new_blocks > stack->old_blocks ? DIFF_GROWN : DIFF_SHRUNK;
	return DIFF_NONE;
}

/* What grew most first; the stacks' own order decides between equals. */
static int by_growth(const void *a, const void *b)
{
	const struct diff_stack *x = a, *y = b;

	if (growth(x) != growth(y))
		return growth(x) < growth(y) ? 1 : -1;
	if (x->new_blocks - x->old_blocks != y->new_blocks - y->old_blocks)
		return (int64_t)(x->new_blocks - x->old_blocks) <
				       (int64_t)(y->new_blocks - y->old_blocks)
			       ? 1
			       : -1;
	if (x->stack->id != y->stack->id)
		return x->stack->id < y->stack->id ? 1 : -1;
	return memcmp(x->info.comm, y->info.comm, sizeof(x->info.comm));
}

static void take_changed(struct diff *diff, struct matcher *matcher, uint64_t min_bytes)
{
	for (size_t i = 0; i < matcher->keys.entry_cnt; i++) {
		struct diff_stack *stack = &matcher->stacks[i];
		int64_t change = growth(stack);

		stack->change = change_of(stack);
		if (stack->change == DIFF_NONE) {
			diff->same_cnt++;
			continue;
		}
		diff->change_cnts[stack->change]++;
		if ((change < 0 ? -(uint64_t)change : (uint64_t)change) >= min_bytes)
			diff->stacks[diff->stack_cnt++] = *stack;
	}
}

static void destroy(struct matcher *matcher)
{
	for (int side = 0; side < SIDE_CNT; side++)
		intern__destroy(&matcher->build_ids[side]);
	intern__destroy(&matcher->keys);
	protobuf__destroy(&matcher->key);
}

static struct diff_side sums_of(const struct summary *summary, unsigned int left_out)
{
	struct diff_side side = {.summary = summary};

	for (size_t i = 0; i < summary->process_cnt; i++) {
		side.left_out_bytes += kinds__bytes(&summary->processes[i], left_out);
		side.left_out_blocks += kinds__blocks(&summary->processes[i], left_out);
	}
	side.bytes = summary__outstanding_bytes(summary) - side.left_out_bytes;
	side.blocks = summary__outstanding_blocks(summary) - side.left_out_blocks;
	return side;
}

int64_t diff__growth_bytes(const struct diff *diff)
{
	return diff->new.bytes - diff->old.bytes;
}

int64_t diff__growth_blocks(const struct diff *diff)
{
	return diff->new.blocks - diff->old.blocks;
}

struct diff *diff__new(const struct summary *old, const struct summary *new, unsigned int left_out,
	uint64_t min_bytes, size_t top)
{
	struct diff *diff = calloc(1, sizeof(*diff));
	struct matcher matcher = {.left_out = left_out};

	each_stack(&matcher, SIDE_OLD, old, true);
	each_stack(&matcher, SIDE_NEW, new, true);
	each_stack(&matcher, SIDE_NEW, new, false);
	each_stack(&matcher, SIDE_OLD, old, false);
	if (!diff || matcher.failed) {
		free(matcher.stacks);
		free(diff);
		diff = NULL;
	} else {
		*diff = (struct diff){.old = sums_of(old, left_out),
			.new = sums_of(new, left_out),
			.stacks = matcher.stacks};
		take_changed(diff, &matcher, min_bytes);
		if (diff->stack_cnt)
			qsort(diff->stacks, diff->stack_cnt, sizeof(*diff->stacks), by_growth);
		if (top && diff->stack_cnt > top)
			diff->stack_cnt = top;
	}
	destroy(&matcher);
	return diff;
}

void diff__free(struct diff *diff)
{
	if (!diff)
		return;
	free(diff->stacks);
	free(diff);
}
