/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Processes are encoded first: only then the tables that they refer to are whole. They are written
 * in front of them all the same. */
#include <errno.h>
#include "record/fields.h"
#include "record/format.h"
#include "record/snapshot.h"
#include "util/intern.h"

struct encoder {
	struct intern strings, frames, nodes;
	struct protobuf head, processes, process, part, stack,
		scratch; /* part: a finding, a section */
};

/* The node of a stack: from the root inwards, each with its caller's. */
static uint64_t encode_frames(struct encoder *encoder, const struct summary_stack *stack)
{
	struct protobuf *scratch = &encoder->scratch;
	uint64_t node = 0;

	for (size_t i = stack->frame_cnt; i > 0; i--) {
		uint64_t frame;

		protobuf__clear(scratch);
		fields__encode(frame_fields, &stack->frames[i - 1], &encoder->strings, scratch);
		frame = intern__add(&encoder->frames, scratch->bytes, scratch->sz) + 1;
		protobuf__clear(scratch);
		protobuf__append_number(scratch, node);
		protobuf__append_number(scratch, frame);
		node = intern__add(&encoder->nodes, scratch->bytes, scratch->sz) + 1;
	}
	return node;
}

static void encode_stack(struct encoder *encoder, struct protobuf *message, uint32_t number,
	const struct summary_stack *stack)
{
	protobuf__clear(&encoder->stack);
	protobuf__put_number(&encoder->stack, STACK_NODE, encode_frames(encoder, stack));
	fields__encode(stack_fields, stack, &encoder->strings, &encoder->stack);
	protobuf__put_message(message, number, &encoder->stack);
}

static void encode_stacks(struct encoder *encoder, enum process_number number,
	const struct summary_stack *stacks, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		encode_stack(encoder, &encoder->process, number, &stacks[i]);
}

static void encode_finding(struct encoder *encoder, const struct summary_finding *finding)
{
	protobuf__clear(&encoder->part);
	fields__encode(finding_fields, finding, &encoder->strings, &encoder->part);
	for (size_t i = 0; i < FINDING_STACK_CNT; i++)
		if (finding->has_stack[i])
			encode_stack(encoder, &encoder->part, FINDING_STACK_FIRST + i,
				&finding->stacks[i]);
	protobuf__put_message(&encoder->process, PROCESS_FINDING, &encoder->part);
}

static void encode_section(struct encoder *encoder, const struct summary_section *section)
{
	protobuf__clear(&encoder->part);
	fields__encode(section_fields, section, &encoder->strings, &encoder->part);
	for (size_t i = 0; i < section->stack_cnt; i++)
		encode_stack(encoder, &encoder->part, SECTION_STACK, &section->stacks[i]);
	protobuf__put_message(&encoder->process, PROCESS_SECTION, &encoder->part);
}

static void encode_blocks(struct encoder *encoder, const struct summary_process *process)
{
	for (size_t i = 0; i < process->block_cnt; i++) {
		protobuf__clear(&encoder->scratch);
		fields__encode(
			block_fields, &process->blocks[i], &encoder->strings, &encoder->scratch);
		protobuf__put_message(&encoder->process, PROCESS_BLOCK, &encoder->scratch);
	}
}

static void encode_process(struct encoder *encoder, const struct summary_process *process)
{
	const struct summary_mapped *mapped = &process->mapped;
	const struct summary_arenas *arenas = &process->arenas;

	protobuf__clear(&encoder->process);
	fields__encode(process_fields, process, &encoder->strings, &encoder->process);
	encode_stacks(encoder, PROCESS_STACK, process->stacks, process->stack_cnt);
	encode_stacks(encoder, PROCESS_MAPPED_STACK, mapped->stacks, mapped->stack_cnt);
	encode_stacks(encoder, PROCESS_ARENA_STACK, arenas->stacks, arenas->stack_cnt);
	encode_blocks(encoder, process);
	for (size_t i = 0; i < process->finding_cnt; i++)
		encode_finding(encoder, &process->findings[i]);
	for (size_t i = 0; i < process->section_cnt; i++)
		encode_section(encoder, &process->sections[i]);
	protobuf__put_message(&encoder->processes, MESSAGE_PROCESS, &encoder->process);
}

static void put_table(
	struct protobuf *message, enum message_number number, const struct intern *table)
{
	for (uint32_t i = 0; i < table->entry_cnt; i++) {
		size_t sz;
		const void *bytes = intern__get(table, i, &sz);

		protobuf__put_bytes(message, number, bytes, sz);
	}
}

static bool has_failed(const struct encoder *encoder)
{
	return encoder->strings.failed || encoder->frames.failed || encoder->nodes.failed ||
	       encoder->head.failed || encoder->processes.failed || encoder->process.failed ||
	       encoder->part.failed || encoder->stack.failed || encoder->scratch.failed;
}

static void destroy(struct encoder *encoder)
{
	intern__destroy(&encoder->strings);
	intern__destroy(&encoder->frames);
	intern__destroy(&encoder->nodes);
	protobuf__destroy(&encoder->head);
	protobuf__destroy(&encoder->processes);
	protobuf__destroy(&encoder->process);
	protobuf__destroy(&encoder->part);
	protobuf__destroy(&encoder->stack);
	protobuf__destroy(&encoder->scratch);
}

int recorded__encode(const struct summary *summary, struct protobuf *ret_message)
{
	struct encoder encoder = {0};
	int err = 0;

	fields__encode(summary_fields, summary, &encoder.strings, &encoder.head);
	for (size_t i = 0; i < summary->process_cnt; i++)
		encode_process(&encoder, &summary->processes[i]);
	if (has_failed(&encoder)) {
		err = -ENOMEM;
	} else {
		put_table(ret_message, MESSAGE_STRING, &encoder.strings);
		put_table(ret_message, MESSAGE_FRAME, &encoder.frames);
		/* pairs one behind the other are what a packed array is */
		protobuf__put_bytes(
			ret_message, MESSAGE_NODES, encoder.nodes.bytes, encoder.nodes.bytes_sz);
		protobuf__append(ret_message, &encoder.head);
		protobuf__append(ret_message, &encoder.processes);
		err = ret_message->failed ? -ENOMEM : 0;
	}
	destroy(&encoder);
	return err;
}
