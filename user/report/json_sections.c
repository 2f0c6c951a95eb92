/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Its fields are those of JSON_SCHEMA.md, "A section". */
#include "report/json_sections.h"

#include "report/json_fields.h"
#include "report/json_frames.h"

static const struct {
	const char *sum, *most;
} keys[SECTION_QUANTITY_CNT] = {
	[SECTION_ALLOCS] = {"allocs", "allocs_max"},
	[SECTION_BYTES] = {"bytes_allocated", "bytes_allocated_max"},
	[SECTION_LEFT_BLOCKS] = {"left_blocks", "left_blocks_max"},
	[SECTION_LEFT_BYTES] = {"left_bytes", "left_bytes_max"},
	[SECTION_FREED_BLOCKS] = {"freed_blocks", "freed_blocks_max"},
	[SECTION_FREED_BYTES] = {"freed_bytes", "freed_bytes_max"},
};

static void add_stack(
	struct json_object *stacks, const struct summary_stack *stack, struct fields *section)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "left_blocks", stack->outstanding_blocks);
	fields__add_count(&fields, "left_bytes", stack->outstanding_bytes);
	json_frames__add_path(&fields, stack);
	if (fields.failed || !stacks || json_object_array_add(stacks, fields.object)) {
		section->failed = true;
		fields__end(&fields);
	}
}

static void put_section(struct output *out, const struct summary_section *section)
{
	const struct section_totals *totals = &section->totals;
	struct json_object *stacks = json_object_new_array();
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "function", section->function);
	fields__add_bool(&fields, "complete", section->complete);
	fields__add_count(&fields, "calls", totals->calls);
	fields__add_count(&fields, "abandoned_calls", totals->left);
	fields__add_count(&fields, "calls_under_way", totals->under_way);
	fields__add_count(&fields, "threads", totals->thread_cnt);
	for (int i = 0; i < SECTION_QUANTITY_CNT; i++) {
		fields__add_count(&fields, keys[i].sum, totals->sums[i]);
		fields__add_count(&fields, keys[i].most, totals->most[i]);
	}
	fields__add_count(&fields, "stacks_total", section->stacks_total);
	for (size_t i = 0; i < section->stack_cnt; i++)
		add_stack(stacks, &section->stacks[i], &fields);
	fields__add(&fields, "stacks", stacks);
	fields__put(out, &fields, PART_WHOLE);
}

void json_sections__put(struct output *out, const struct summary_process *process)
{
	output__puts(out, ",\"sections\":[");
	for (size_t i = 0; !out->err && i < process->section_cnt; i++) {
		if (i)
			output__puts(out, ",");
		put_section(out, &process->sections[i]);
	}
	output__puts(out, "]");
}
