/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every byte is hostile. Two passes: the first counts, so that each table is one array of the right
 * size; the second fills. All memory is the recorded summary's and within a budget: a few bytes can
 * name a deep stack a hundred thousand times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "record/fields.h"
#include "record/format.h"
#include "record/snapshot.h"
#include "symbol/inline.h"

/* Deeper stacks than heaptap takes are refused: what reads a summary may go down them by calls. */
#define DEPTH_MAX (STACK_FRAMES_MAX * (INLINE_DEPTH_MAX + 1))

struct node {
	uint32_t caller, frame; /* numbers from 1; a caller of 0 is none */
	uint32_t depth;
	struct summary_frame *frames; /* of the stack, once it was asked for */
};

struct piece { /* of memory */
	struct piece *next;
	max_align_t bytes[];
};

struct recorded {
	struct summary summary;
	struct piece *pieces;
	uint64_t memory_left;
	struct field_strings strings;
	struct summary_frame *frames;
	struct node *nodes;
	size_t frame_cnt, node_cnt;
};

/* Zeros, which recorded__free frees. NULL, with an error: -ENOMEM, -EFBIG beyond the budget. */
static void *take(struct recorded *recorded, size_t cnt, size_t element_sz, int *ret_err)
{
	struct piece *piece = NULL;
	size_t sz;

	*ret_err = -EFBIG;
	if (__builtin_mul_overflow(cnt, element_sz, &sz) ||
		__builtin_add_overflow(sz, sizeof(*piece), &sz) || sz > recorded->memory_left)
		return NULL;
	piece = calloc(1, sz);
	*ret_err = piece ? 0 : -ENOMEM;
	if (!piece)
		return NULL;
	recorded->memory_left -= sz;
	piece->next = recorded->pieces;
	recorded->pieces = piece;
	return piece->bytes;
}

/* ---- tables ---- */

struct counts {
	size_t strings, frames, processes, node_numbers;
};

static int count(struct protobuf_reader reader, struct counts *counts)
{
	struct protobuf_field field;
	uint64_t number;
	int ret;

	while ((ret = protobuf__next(&reader, &field)) == 1) {
		counts->strings += field.is_bytes && field.number == MESSAGE_STRING;
		counts->frames += field.is_bytes && field.number == MESSAGE_FRAME;
		counts->processes += field.is_bytes && field.number == MESSAGE_PROCESS;
		if (field.is_bytes && field.number == MESSAGE_NODES)
			while ((ret = protobuf__next_number(&field.inside, &number)) == 1)
				counts->node_numbers++;
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int take_tables(struct recorded *recorded, const struct counts *counts)
{
	struct summary *summary = &recorded->summary;
	int err;

	recorded->strings.strings = take(recorded, counts->strings, sizeof(char *), &err);
	if (!err)
		recorded->frames = take(recorded, counts->frames, sizeof(*recorded->frames), &err);
	if (!err)
		recorded->nodes =
			take(recorded, counts->node_numbers / 2, sizeof(*recorded->nodes), &err);
	if (!err)
		summary->processes =
			take(recorded, counts->processes, sizeof(*summary->processes), &err);
	return err;
}

static int decode_string(struct recorded *recorded, struct protobuf_reader inside)
{
	size_t sz = inside.end - inside.at;
	char *string;
	int err;

	string = take(recorded, sz + 1, 1, &err);
	if (err)
		return err;
	memcpy(string, inside.at, sz);
	recorded->strings.strings[recorded->strings.cnt++] = string;
	return 0;
}

static int decode_frame(struct recorded *recorded, struct protobuf_reader inside)
{
	struct summary_frame *frame = &recorded->frames[recorded->frame_cnt++];
	struct protobuf_field field;
	int ret;

	while ((ret = protobuf__next(&inside, &field)) == 1) {
		ret = fields__decode(frame_fields, frame, &recorded->strings, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

/* A caller has a lower number than what it calls: so there is no circle. */
static int decode_nodes(struct recorded *recorded, struct protobuf_reader inside)
{
	uint64_t caller, frame;
	int ret;

	while ((ret = protobuf__next_number(&inside, &caller)) == 1) {
		struct node *node = &recorded->nodes[recorded->node_cnt];

		if (protobuf__next_number(&inside, &frame) != 1 || caller > recorded->node_cnt ||
			!frame || frame > recorded->frame_cnt)
			return -EBADMSG;
		node->caller = caller;
		node->frame = frame;
		node->depth = 1 + (caller ? recorded->nodes[caller - 1].depth : 0);
		if (node->depth > DEPTH_MAX)
			return -EBADMSG;
		recorded->node_cnt++;
	}
	return ret;
}

/* ---- processes ---- */

static int decode_stack_frames(
	struct recorded *recorded, uint64_t number, struct summary_stack *stack)
{
	struct node *node;
	uint32_t at;
	int err = 0;

	if (!number)
		return 0;
	if (number > recorded->node_cnt)
		return -EBADMSG;
	node = &recorded->nodes[number - 1];
	stack->frame_cnt = node->depth;
	if (!node->frames) {
		node->frames = take(recorded, node->depth, sizeof(*node->frames), &err);
		at = number;
		for (size_t i = 0; !err && at; i++, at = recorded->nodes[at - 1].caller)
			node->frames[i] = recorded->frames[recorded->nodes[at - 1].frame - 1];
	}
	stack->frames = node->frames;
	return err;
}

static int decode_stack(
	struct recorded *recorded, struct protobuf_reader inside, struct summary_stack *stack)
{
	struct protobuf_field field;
	int ret;

	while ((ret = protobuf__next(&inside, &field)) == 1) {
		if (field.number == STACK_NODE && !field.is_bytes)
			ret = decode_stack_frames(recorded, field.value, stack);
		else
			ret = fields__decode(stack_fields, stack, &recorded->strings, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int decode_block(
	struct recorded *recorded, struct protobuf_reader inside, struct summary_block *block)
{
	struct protobuf_field field;
	int ret;

	while ((ret = protobuf__next(&inside, &field)) == 1) {
		ret = fields__decode(block_fields, block, &recorded->strings, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int decode_finding(
	struct recorded *recorded, struct protobuf_reader inside, struct summary_finding *finding)
{
	struct protobuf_field field;
	int ret;

	while ((ret = protobuf__next(&inside, &field)) == 1) {
		uint32_t i = field.number - FINDING_STACK_FIRST;

		if (field.is_bytes && i < FINDING_STACK_CNT) {
			finding->has_stack[i] = true;
			ret = decode_stack(recorded, field.inside, &finding->stacks[i]);
		} else {
			ret = fields__decode(finding_fields, finding, &recorded->strings, &field);
		}
		if (ret < 0)
			return ret;
	}
	return ret;
}

/* Room for the elements of this number. NULL, with an error, if there is none. */
static void *take_elements(struct recorded *recorded, struct protobuf_reader inside,
	uint32_t number, size_t element_sz, int *ret_err)
{
	struct protobuf_field field;
	size_t cnt = 0;

	while ((*ret_err = protobuf__next(&inside, &field)) == 1)
		cnt += field.is_bytes && field.number == number;
	return *ret_err ? NULL : take(recorded, cnt, element_sz, ret_err);
}

static int decode_section(
	struct recorded *recorded, struct protobuf_reader inside, struct summary_section *section)
{
	struct protobuf_field field;
	int ret;

	section->stacks =
		take_elements(recorded, inside, SECTION_STACK, sizeof(*section->stacks), &ret);
	if (ret)
		return ret;
	while ((ret = protobuf__next(&inside, &field)) == 1) {
		if (field.is_bytes && field.number == SECTION_STACK)
			ret = decode_stack(
				recorded, field.inside, &section->stacks[section->stack_cnt++]);
		else
			ret = fields__decode(section_fields, section, &recorded->strings, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int take_arrays(
	struct recorded *recorded, struct protobuf_reader inside, struct summary_process *process)
{
	const struct {
		enum process_number number;
		size_t sz; /* of an element */
		void **ret_array;
	} arrays[] = {
#define ARRAY(number, array) {number, sizeof(*(array)), (void **)&(array)}
		ARRAY(PROCESS_STACK, process->stacks),
		ARRAY(PROCESS_MAPPED_STACK, process->mapped.stacks),
		ARRAY(PROCESS_ARENA_STACK, process->arenas.stacks),
		ARRAY(PROCESS_BLOCK, process->blocks),
		ARRAY(PROCESS_FINDING, process->findings),
		ARRAY(PROCESS_SECTION, process->sections),
#undef ARRAY
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(arrays) / sizeof(*arrays); i++)
		*arrays[i].ret_array =
			take_elements(recorded, inside, arrays[i].number, arrays[i].sz, &err);
	return err;
}

static int decode_process_field(
	struct recorded *recorded, struct summary_process *process, struct protobuf_field *field)
{
	struct summary_mapped *mapped = &process->mapped;
	struct summary_arenas *arenas = &process->arenas;

	switch (field->is_bytes ? field->number : 0) {
	case PROCESS_STACK:
		return decode_stack(
			recorded, field->inside, &process->stacks[process->stack_cnt++]);
	case PROCESS_MAPPED_STACK:
		return decode_stack(recorded, field->inside, &mapped->stacks[mapped->stack_cnt++]);
	case PROCESS_ARENA_STACK:
		return decode_stack(recorded, field->inside, &arenas->stacks[arenas->stack_cnt++]);
	case PROCESS_BLOCK:
		return decode_block(
			recorded, field->inside, &process->blocks[process->block_cnt++]);
	case PROCESS_FINDING:
		return decode_finding(
			recorded, field->inside, &process->findings[process->finding_cnt++]);
	case PROCESS_SECTION:
		return decode_section(
			recorded, field->inside, &process->sections[process->section_cnt++]);
	default:
		return fields__decode(process_fields, process, &recorded->strings, field);
	}
}

static int decode_process(struct recorded *recorded, struct protobuf_reader inside)
{
	struct summary_process *process =
		&recorded->summary.processes[recorded->summary.process_cnt++];
	struct protobuf_field field;
	int ret = take_arrays(recorded, inside, process);

	if (ret)
		return ret;
	while ((ret = protobuf__next(&inside, &field)) == 1) {
		ret = decode_process_field(recorded, process, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

/* ---- the whole ---- */

static int decode_table_entry(struct recorded *recorded, const struct protobuf_field *field)
{
	switch (field->is_bytes ? field->number : 0) {
	case MESSAGE_STRING:
		return decode_string(recorded, field->inside);
	case MESSAGE_FRAME:
		return decode_frame(recorded, field->inside);
	case MESSAGE_NODES:
		return decode_nodes(recorded, field->inside);
	case MESSAGE_PROCESS:
		return decode_process(recorded, field->inside);
	default:
		return 0;
	}
}

static int decode(struct recorded *recorded, struct protobuf_reader reader)
{
	struct protobuf_field field;
	struct counts counts = {0};
	int ret = count(reader, &counts);

	if (!ret)
		ret = take_tables(recorded, &counts);
	if (ret)
		return ret;
	while ((ret = protobuf__next(&reader, &field)) == 1) {
		if (field.number < FIELD_FIRST)
			ret = decode_table_entry(recorded, &field);
		else
			ret = fields__decode(
				summary_fields, &recorded->summary, &recorded->strings, &field);
		if (ret < 0)
			return ret;
	}
	return ret;
}

int recorded__decode(
	const uint8_t *bytes, size_t sz, uint64_t memory_max, struct recorded **ret_recorded)
{
	struct recorded *recorded = calloc(1, sizeof(*recorded));
	int err;

	if (!recorded)
		return -ENOMEM;
	recorded->memory_left = memory_max;
	err = decode(recorded, (struct protobuf_reader){bytes, bytes + sz});
	if (err) {
		recorded__free(recorded);
		return err;
	}
	*ret_recorded = recorded;
	return 0;
}

const struct summary *recorded__summary(const struct recorded *recorded)
{
	return &recorded->summary;
}

void recorded__free(struct recorded *recorded)
{
	struct piece *next;

	if (!recorded)
		return;
	for (struct piece *piece = recorded->pieces; piece; piece = next) {
		next = piece->next;
		free(piece);
	}
	free(recorded);
}
