/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Its fields are those of JSON_SCHEMA.md, "A frame". */
#include "report/json_frames.h"

static void add_frame(
	struct json_object *frames, const struct summary_frame *frame, struct fields *stack)
{
	bool in_function = frame->function && !frame->inlined;
	struct fields fields;

	fields__begin(&fields);
	fields__add_hex(&fields, "address", true, frame->address);
	fields__add_text(&fields, "function", frame->function);
	fields__add_known(&fields, "offset", in_function, frame->offset);
	fields__add_text(&fields, "file", frame->file);
	fields__add_known(&fields, "line", frame->file && frame->line, frame->line);
	fields__add_known(&fields, "column", frame->file && frame->column, frame->column);
	fields__add_text(&fields, "module", frame->module);
	fields__add_text(&fields, "build_id", frame->build_id);
	fields__add_hex(&fields, "module_offset", frame->module && frame->module_offset,
		frame->module_offset);
	fields__add_bool(&fields, "inlined", frame->inlined);
	if (fields.failed || !frames || json_object_array_add(frames, fields.object)) {
		stack->failed = true;
		fields__end(&fields);
	}
}

void json_frames__add(struct fields *fields, const struct summary_stack *stack)
{
	struct json_object *frames = json_object_new_array();

	for (size_t i = 0; i < stack->frame_cnt; i++)
		add_frame(frames, &stack->frames[i], fields);
	fields__add(fields, "frames", frames);
}

void json_frames__add_path(struct fields *fields, const struct summary_stack *stack)
{
	fields__add_bool(fields, "complete", stack->complete);
	fields__add_text(fields, "end", stack->complete ? NULL : stack->end);
	json_frames__add(fields, stack);
}
