/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A difference as one line of JSON: JSON_DIFF_SCHEMA.md is the contract. Written stack by stack, as
 * json.c does it. */
#include "report/diff.h"

#include <string.h>
#include "report/json_frames.h"
#include "report/labels.h"
#include "report/output.h"

#define SCHEMA "heaptap-diff/1"

static void add_side(struct fields *fields, const char *key, const struct diff_side *side)
{
	struct fields inner;

	fields__begin(&inner);
	fields__add_time(&inner, "time", side->summary->time);
	fields__add_text(&inner, "host", side->summary->host);
	fields__add_count(&inner, "outstanding_bytes", side->bytes);
	fields__add_count(&inner, "outstanding_blocks", side->blocks);
	fields__add_count(&inner, "left_out_bytes", side->left_out_bytes);
	fields__add_count(&inner, "left_out_blocks", side->left_out_blocks);
	fields__add_bool(&inner, "complete", summary__is_complete(side->summary));
	fields__add_object(fields, key, &inner);
}

static void put_head(struct output *out, const struct diff *diff)
{
	struct fields fields, cnts;

	fields__begin(&fields);
	fields__add_text(&fields, "schema", SCHEMA);
	add_side(&fields, "old", &diff->old);
	add_side(&fields, "new", &diff->new);
	fields__add_signed(&fields, "growth_bytes", diff__growth_bytes(diff));
	fields__add_signed(&fields, "growth_blocks", diff__growth_blocks(diff));
	fields__begin(&cnts);
	for (int change = 0; change < DIFF_CHANGE_CNT; change++)
		fields__add_count(&cnts, diff_change_names[change], diff->change_cnts[change]);
	fields__add_count(&cnts, "same", diff->same_cnt);
	fields__add_object(&fields, "stacks_total", &cnts);
	fields__put(out, &fields, PART_HEAD);
}

static void put_stack(struct output *out, const struct diff_stack *stack)
{
	char comm[COMM_SIZE];
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "change", diff_change_names[stack->change]);
	fields__add_text(&fields, "comm", process__comm(&stack->info, comm));
	fields__add_text(&fields, "kind", block_kind_rows[stack->stack->kind].key);
	fields__add_signed(&fields, "growth_bytes", stack->new_bytes - stack->old_bytes);
	fields__add_signed(&fields, "growth_blocks", stack->new_blocks - stack->old_blocks);
	fields__add_count(&fields, "old_bytes", stack->old_bytes);
	fields__add_count(&fields, "old_blocks", stack->old_blocks);
	fields__add_count(&fields, "new_bytes", stack->new_bytes);
	fields__add_count(&fields, "new_blocks", stack->new_blocks);
	fields__add_bool(&fields, "complete", stack->stack->complete);
	json_frames__add(&fields, stack->stack);
	fields__put(out, &fields, PART_WHOLE);
}

int diff__render_json(const struct diff *diff, const struct render_options *options, FILE *file)
{
	struct output out = {.file = file};

	put_head(&out, diff);
	output__puts(&out, ",\"stacks\":[");
	for (size_t i = 0; !out.err && i < diff->stack_cnt; i++) {
		if (i)
			output__puts(&out, ",");
		put_stack(&out, &diff->stacks[i]);
	}
	output__puts(&out, "]}\n");
	return output__finish(&out);
}
