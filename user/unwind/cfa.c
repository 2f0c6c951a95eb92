/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The instructions are data: what operands each has decides how it is read, a switch on it how it
 * changes the state. */
#include <dwarf.h>

#include "unwind/cfa.h"

/* x86-64 psABI, "DWARF Register Number Mapping". */
enum { REG_BP = 6, REG_SP = 7, REG_RETURN_ADDRESS = 16 };

/* The instructions whose operand is in the opcode's low six bits. */
#define PRIMARY_OPCODE 0xc0

enum operand {
	OPERAND_NONE,
	OPERAND_SZ1, /* code bytes, of that many bytes */
	OPERAND_SZ2,
	OPERAND_SZ4,
	OPERAND_SZ8,
	OPERAND_REG,
	OPERAND_UNSIGNED,
	OPERAND_SIGNED,
	OPERAND_BLOCK,
};

struct shape {
	bool known;
	uint8_t operands[2];
};

/* DW_CFA_set_loc isn't here: no compiler for this machine uses it. */
static const struct shape shapes[] = {
	[DW_CFA_nop] = {true, {0}},
	[DW_CFA_advance_loc1] = {true, {OPERAND_SZ1}},
	[DW_CFA_advance_loc2] = {true, {OPERAND_SZ2}},
	[DW_CFA_advance_loc4] = {true, {OPERAND_SZ4}},
	[DW_CFA_MIPS_advance_loc8] = {true, {OPERAND_SZ8}},
	[DW_CFA_offset_extended] = {true, {OPERAND_REG, OPERAND_UNSIGNED}},
	[DW_CFA_restore_extended] = {true, {OPERAND_REG}},
	[DW_CFA_undefined] = {true, {OPERAND_REG}},
	[DW_CFA_same_value] = {true, {OPERAND_REG}},
	[DW_CFA_register] = {true, {OPERAND_REG, OPERAND_UNSIGNED}},
	[DW_CFA_remember_state] = {true, {0}},
	[DW_CFA_restore_state] = {true, {0}},
	[DW_CFA_def_cfa] = {true, {OPERAND_REG, OPERAND_UNSIGNED}},
	[DW_CFA_def_cfa_register] = {true, {OPERAND_REG}},
	[DW_CFA_def_cfa_offset] = {true, {OPERAND_UNSIGNED}},
	[DW_CFA_def_cfa_expression] = {true, {OPERAND_BLOCK}},
	[DW_CFA_expression] = {true, {OPERAND_REG, OPERAND_BLOCK}},
	[DW_CFA_offset_extended_sf] = {true, {OPERAND_REG, OPERAND_SIGNED}},
	[DW_CFA_def_cfa_sf] = {true, {OPERAND_REG, OPERAND_SIGNED}},
	[DW_CFA_def_cfa_offset_sf] = {true, {OPERAND_SIGNED}},
	[DW_CFA_val_offset] = {true, {OPERAND_REG, OPERAND_UNSIGNED}},
	[DW_CFA_val_offset_sf] = {true, {OPERAND_REG, OPERAND_SIGNED}},
	[DW_CFA_val_expression] = {true, {OPERAND_REG, OPERAND_BLOCK}},
	[DW_CFA_GNU_args_size] = {true, {OPERAND_UNSIGNED}},
};

struct instruction {
	uint8_t opcode;
	uint64_t reg;
	int64_t value; /* of a number; code bytes */
	struct place block;
};

static void read_block(struct bytes *bytes, struct place *ret_block)
{
	uint64_t sz = bytes__uleb(bytes);

	*ret_block = (struct place){.kind = PLACE_EXPRESSION,
		.expression_sz = sz,
		.expression = bytes__take(bytes, sz)};
}

static void read_operand(struct bytes *bytes, enum operand operand, struct instruction *instruction)
{
	switch (operand) {
	case OPERAND_NONE:
		break;
	case OPERAND_SZ1:
	case OPERAND_SZ2:
	case OPERAND_SZ4:
	case OPERAND_SZ8:
		instruction->value = bytes__uint(bytes, 1u << (operand - OPERAND_SZ1));
		break;
	case OPERAND_REG:
		instruction->reg = bytes__uleb(bytes);
		break;
	case OPERAND_UNSIGNED:
		instruction->value = bytes__uleb(bytes);
		break;
	case OPERAND_SIGNED:
		instruction->value = bytes__sleb(bytes);
		break;
	case OPERAND_BLOCK:
		read_block(bytes, &instruction->block);
		break;
	}
}

static void read_primary(struct bytes *bytes, struct instruction *instruction)
{
	uint8_t low = instruction->opcode & ~PRIMARY_OPCODE;

	instruction->opcode &= PRIMARY_OPCODE;
	instruction->reg = low;
	if (instruction->opcode == DW_CFA_advance_loc)
		instruction->value = low;
	if (instruction->opcode == DW_CFA_offset)
		instruction->value = bytes__uleb(bytes);
}

/* False: unknown or cut off. */
static bool read_instruction(struct bytes *bytes, struct instruction *ret_instruction)
{
	struct instruction instruction = {.opcode = bytes__uint(bytes, 1)};
	uint8_t opcode = instruction.opcode;

	if (opcode & PRIMARY_OPCODE) {
		read_primary(bytes, &instruction);
	} else {
		if (opcode >= sizeof(shapes) / sizeof(*shapes) || !shapes[opcode].known)
			return false;
		for (int i = 0; i < 2; i++)
			read_operand(bytes, shapes[opcode].operands[i], &instruction);
	}
	*ret_instruction = instruction;
	return !bytes->failed;
}

/* ---- what instructions do ---- */

static struct place *find_register(struct cfa_state *state, uint64_t reg)
{
	switch (reg) {
	case REG_BP:
		return &state->bp;
	case REG_RETURN_ADDRESS:
		return &state->return_address;
	}
	return NULL;
}

static void set_register(struct cfa_state *state, uint64_t reg, struct place place)
{
	struct place *known = find_register(state, reg);

	if (known)
		*known = place;
}

static void restore_register(struct cfa_program *program, uint64_t reg)
{
	static const struct cfa_state nothing;
	struct cfa_state initial = program->initial ? *program->initial : nothing;
	const struct place *place = find_register(&initial, reg);

	if (place)
		set_register(&program->state, reg, *place);
}

static struct place at_offset(uint64_t reg, int64_t offset)
{
	return (struct place){
		.kind = PLACE_OFFSET, .reg = reg > UINT8_MAX ? UINT8_MAX : reg, .offset = offset};
}

/* An offset in units of the CIE's factor. */
static struct place at_factored(const struct cfa_program *program, uint64_t reg, int64_t value)
{
	struct place place = at_offset(reg, 0);

	if (__builtin_mul_overflow(value, program->factors.data, &place.offset))
		place.kind = PLACE_OTHER;
	return place;
}

static bool remember(struct cfa_program *program)
{
	if (program->remembered_cnt == CFA_STATES_MAX)
		return false;
	program->remembered[program->remembered_cnt++] = program->state;
	return true;
}

static bool recall(struct cfa_program *program)
{
	if (program->remembered_cnt == 0)
		return false;
	program->state = program->remembered[--program->remembered_cnt];
	return true;
}

/*
 * A new register where an expression holds takes the offset that was last given, and a new offset
 * waits there for its register: what hand-written code relies on (libgcrypt), since libgcc does so.
 */
static void define_cfa(struct cfa_program *program, const struct instruction *instruction)
{
	struct place *cfa = &program->state.cfa, place = at_offset(instruction->reg, cfa->offset);
	bool is_defined = cfa->kind != PLACE_OTHER;

	switch (instruction->opcode) {
	case DW_CFA_def_cfa:
		*cfa = at_offset(instruction->reg, instruction->value);
		break;
	case DW_CFA_def_cfa_sf:
		*cfa = at_factored(program, instruction->reg, instruction->value);
		break;
	case DW_CFA_def_cfa_register:
		if (is_defined)
			*cfa = place;
		break;
	case DW_CFA_def_cfa_offset:
		cfa->offset = instruction->value;
		break;
	case DW_CFA_def_cfa_offset_sf:
		place = at_factored(program, 0, instruction->value);
		cfa->offset = place.offset;
		if (place.kind == PLACE_OTHER)
			cfa->kind = PLACE_OTHER;
		break;
	case DW_CFA_def_cfa_expression:
		place = instruction->block;
		place.offset = cfa->offset;
		*cfa = place;
		break;
	}
}

/* Instructions about one register. */
static void define_register(struct cfa_program *program, const struct instruction *instruction)
{
	struct place place = {.kind = PLACE_OTHER};

	switch (instruction->opcode) {
	case DW_CFA_offset:
	case DW_CFA_offset_extended:
	case DW_CFA_offset_extended_sf:
		place = at_factored(program, 0, instruction->value);
		break;
	case DW_CFA_undefined:
		place.kind = PLACE_UNDEFINED;
		break;
	case DW_CFA_same_value:
		place.kind = PLACE_UNCHANGED;
		break;
	case DW_CFA_expression:
		place = instruction->block;
		break;
	}
	set_register(&program->state, instruction->reg, place);
}

/* Everything but advances. False: it cannot be done. */
static bool apply(struct cfa_program *program, const struct instruction *instruction)
{
	switch (instruction->opcode) {
	case DW_CFA_nop:
	case DW_CFA_GNU_args_size:
		return true;
	case DW_CFA_remember_state:
		return remember(program);
	case DW_CFA_restore_state:
		return recall(program);
	case DW_CFA_restore:
	case DW_CFA_restore_extended:
		restore_register(program, instruction->reg);
		return true;
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
	case DW_CFA_def_cfa_expression:
		define_cfa(program, instruction);
		return true;
	default:
		define_register(program, instruction);
		return true;
	}
}

static bool is_advance(const struct instruction *instruction)
{
	switch (instruction->opcode) {
	case DW_CFA_advance_loc:
	case DW_CFA_advance_loc1:
	case DW_CFA_advance_loc2:
	case DW_CFA_advance_loc4:
	case DW_CFA_MIPS_advance_loc8:
		return true;
	}
	return false;
}

void cfa_program__init(struct cfa_program *program, struct bytes instructions,
	struct cfa_factors factors, const struct cfa_state *initial)
{
	program->instructions = instructions;
	program->factors = factors;
	program->initial = initial;
	program->remembered_cnt = 0;
	program->state = initial ? *initial : (struct cfa_state){.cfa.kind = PLACE_OTHER};
}

enum cfa_step cfa_program__run(struct cfa_program *program, uint64_t *ret_sz)
{
	struct bytes *bytes = &program->instructions;
	struct instruction instruction;

	while (bytes->at < bytes->end) {
		if (!read_instruction(bytes, &instruction))
			return CFA_BAD;
		if (is_advance(&instruction)) {
			if (__builtin_mul_overflow(
				    (uint64_t)instruction.value, program->factors.code, ret_sz))
				*ret_sz = UINT64_MAX;
			return CFA_ADVANCE;
		}
		if (!apply(program, &instruction))
			return CFA_BAD;
	}
	return CFA_END;
}
