/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * See wrappers.h. A depth-first walk over the instructions that can be reached from the entry,
 * which ends each way at an inner call and gives up at the first return, indirect jump, or
 * undecodable byte. Wrappers are small: more than WALK_MAX instructions are no proof.
 */
#include <stdlib.h>

#include "probe/wrappers.h"

#define WALK_MAX 512

struct walk {
	const struct call_map *map;
	const struct definition *self;
	uint64_t seen[WALK_MAX];
	size_t seen_cnt;
	uint64_t pending[WALK_MAX];
	size_t pending_cnt;
	size_t inner_cnt; /* ways that ended at an inner call */
};

/* What following a way by one instruction led to. */
enum step {
	STEP_ON,
	STEP_END,    /* an inner call, a trap, or where another way has been */
	STEP_FAILED, /* the way leaves the function with no inner call */
};

const cs_insn *call_map__decode(const struct call_map *map, uint64_t address)
{
	uint8_t code[INSTRUCTION_SZ_MAX];
	size_t sz = elf_image__read(map->image, address, code, sizeof(code));

	return decoder__decode(map->decoder, code, sz, address);
}

/* Whether calling `inner` counts what `self` does. What is declared is nobody else's inner call. */
static bool is_counted_by(const struct definition *self, uint16_t inner)
{
	return !allocator_function__is_declared(inner) && !allocator_function__is_query(inner) &&
	       !allocator_function__maps(inner) &&
	       allocator_function__is_free(self->function) == allocator_function__is_free(inner);
}

static bool is_inner_address(const struct walk *walk, uint64_t address)
{
	for (size_t i = 0; i < walk->map->definition_cnt; i++) {
		const struct definition *definition = &walk->map->definitions[i];

		if (definition->address == address)
			return address != walk->self->address &&
			       is_counted_by(walk->self, definition->function);
	}
	return false;
}

static int compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

void slots__sort(struct slot *slots, size_t slot_cnt)
{
	if (slot_cnt > 0)
		qsort(slots, slot_cnt, sizeof(*slots), compare_slots);
}

const struct slot *call_map__slot(const struct call_map *map, uint64_t address)
{
	struct slot wanted = {.address = address};

	if (map->slot_cnt == 0)
		return NULL;
	return bsearch(&wanted, map->slots, map->slot_cnt, sizeof(wanted), compare_slots);
}

static bool is_inner_slot(const struct walk *walk, uint64_t address)
{
	const struct slot *slot = call_map__slot(walk->map, address);

	if (!slot || slot->target == walk->self->address)
		return false;
	if (slot->function != NO_FUNCTION)
		return is_counted_by(walk->self, slot->function);
	return is_inner_address(walk, slot->target);
}

/* Whether the code there is an entry of the procedure linkage table ([endbr64] jmp *slot) that goes
 * to an inner function. */
static bool is_inner_stub(const struct walk *walk, uint64_t address)
{
	const cs_insn *instruction = call_map__decode(walk->map, address);
	uint64_t slot;

	if (instruction && instruction->id == X86_INS_ENDBR64)
		instruction = call_map__decode(walk->map, address + instruction->size);
	return instruction && instruction__transfer(instruction) == TRANSFER_JUMP &&
	       instruction__target_slot(instruction, &slot) && is_inner_slot(walk, slot);
}

static bool is_seen(const struct walk *walk, uint64_t address)
{
	for (size_t i = 0; i < walk->seen_cnt; i++)
		if (walk->seen[i] == address)
			return true;
	return false;
}

static bool is_inner_call(const struct walk *walk, const cs_insn *call)
{
	uint64_t target;

	if (instruction__target_slot(call, &target))
		return is_inner_slot(walk, target);
	return instruction__target(call, &target) &&
	       (is_inner_address(walk, target) || is_inner_stub(walk, target));
}

static enum step walk__end_at_inner_call(struct walk *walk)
{
	walk->inner_cnt++;
	return STEP_END;
}

static enum step walk__follow_slot(struct walk *walk, uint64_t slot_address, uint64_t *ret_next)
{
	const struct slot *slot = call_map__slot(walk->map, slot_address);

	if (is_inner_slot(walk, slot_address))
		return walk__end_at_inner_call(walk);
	if (!slot || slot->target == 0)
		return STEP_FAILED;
	*ret_next = slot->target;
	return STEP_ON;
}

static enum step walk__follow_jump(
	struct walk *walk, const cs_insn *instruction, uint64_t *ret_next)
{
	uint64_t slot;

	if (instruction__target_slot(instruction, &slot))
		return walk__follow_slot(walk, slot, ret_next);
	return instruction__target(instruction, ret_next) ? STEP_ON : STEP_FAILED;
}

static enum step walk__follow(struct walk *walk, const cs_insn *instruction, uint64_t *ret_next)
{
	uint64_t behind = instruction->address + instruction->size;

	switch (instruction__transfer(instruction)) {
	case TRANSFER_TRAP:
		return STEP_END;
	case TRANSFER_RETURN:
		return STEP_FAILED;
	case TRANSFER_JUMP:
		return walk__follow_jump(walk, instruction, ret_next);
	case TRANSFER_BRANCH:
		/* There is room: each instruction seen adds one at most. */
		walk->pending[walk->pending_cnt++] = behind;
		return walk__follow_jump(walk, instruction, ret_next);
	case TRANSFER_CALL:
		if (is_inner_call(walk, instruction))
			return walk__end_at_inner_call(walk);
		break;
	case TRANSFER_NONE:
		break;
	}
	*ret_next = behind;
	return STEP_ON;
}

static enum step walk__step(struct walk *walk, uint64_t *address)
{
	const cs_insn *instruction;

	if (is_inner_address(walk, *address))
		return walk__end_at_inner_call(walk);
	if (is_seen(walk, *address))
		return STEP_END;
	if (walk->seen_cnt == WALK_MAX)
		return STEP_FAILED;
	walk->seen[walk->seen_cnt++] = *address;
	instruction = call_map__decode(walk->map, *address);
	return instruction ? walk__follow(walk, instruction, address) : STEP_FAILED;
}

/* Where free goes on when its argument isn't NULL: behind `[endbr64] test %rdi,%rdi; je`. */
static uint64_t skip_null_check(const struct call_map *map, uint64_t entry)
{
	const cs_insn *instruction = call_map__decode(map, entry);
	uint64_t address = entry, target;
	const cs_x86_op *operands;

	if (instruction && instruction->id == X86_INS_ENDBR64) {
		address += instruction->size;
		instruction = call_map__decode(map, address);
	}
	if (!instruction || instruction->id != X86_INS_TEST)
		return entry;
	operands = instruction->detail->x86.operands;
	if (operands[0].type != X86_OP_REG || operands[0].reg != X86_REG_RDI ||
		operands[1].type != X86_OP_REG || operands[1].reg != X86_REG_RDI)
		return entry;
	address += instruction->size;
	instruction = call_map__decode(map, address);
	if (instruction && instruction->id == X86_INS_JE)
		return address + instruction->size;
	if (instruction && instruction->id == X86_INS_JNE &&
		instruction__target(instruction, &target))
		return target;
	return entry;
}

bool call_map__is_wrapper(const struct call_map *map, const struct definition *definition)
{
	struct walk walk = {.map = map, .self = definition, .pending_cnt = 1};
	bool is_free = allocator_function__is_free(definition->function);

	if (allocator_function__is_declared(definition->function) ||
		(!is_free && !allocator_function__is_operator(definition->function)))
		return false;
	walk.pending[0] = is_free ? skip_null_check(map, definition->address) : definition->address;
	while (walk.pending_cnt > 0) {
		uint64_t address = walk.pending[--walk.pending_cnt];
		enum step step;

		do
			step = walk__step(&walk, &address);
		while (step == STEP_ON);
		if (step == STEP_FAILED)
			return false;
	}
	return walk.inner_cnt > 0;
}
