/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Intel syntax is kept on while instructions are examined, because capstone turns the order of the
 * operands round with AT&T syntax, in the details as well as in the text.
 */
#include <errno.h>
#include <stdio.h>

#include "probe/decoder.h"

int decoder__init(struct decoder *ret_decoder)
{
	struct decoder decoder = {0};

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder.handle) != CS_ERR_OK)
		return -ENOMEM;
	cs_option(decoder.handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder.instruction = cs_malloc(decoder.handle);
	if (!decoder.instruction) {
		cs_close(&decoder.handle);
		return -ENOMEM;
	}
	*ret_decoder = decoder;
	return 0;
}

void decoder__destroy(struct decoder *decoder)
{
	if (!decoder || !decoder->handle)
		return;
	cs_free(decoder->instruction, 1);
	cs_close(&decoder->handle);
	*decoder = (struct decoder){0};
}

const cs_insn *decoder__decode(
	struct decoder *decoder, const uint8_t *code, size_t code_sz, uint64_t address)
{
	if (!cs_disasm_iter(decoder->handle, &code, &code_sz, &address, decoder->instruction))
		return NULL;
	return decoder->instruction;
}

void decoder__text(struct decoder *decoder, const uint8_t *code, size_t code_sz, uint64_t address,
	char *buf, size_t buf_sz)
{
	const cs_insn *instruction;

	cs_option(decoder->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	instruction = decoder__decode(decoder, code, code_sz, address);
	if (instruction)
		snprintf(buf, buf_sz, "%s%s%s", instruction->mnemonic,
			instruction->op_str[0] ? " " : "", instruction->op_str);
	else
		snprintf(buf, buf_sz, "%s", "");
	cs_option(decoder->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_INTEL);
}

static bool instruction__has_group(const cs_insn *instruction, uint8_t group)
{
	for (uint8_t i = 0; i < instruction->detail->groups_count; i++)
		if (instruction->detail->groups[i] == group)
			return true;
	return false;
}

enum transfer instruction__transfer(const cs_insn *instruction)
{
	switch (instruction->id) {
	case X86_INS_JMP:
	case X86_INS_LJMP:
		return TRANSFER_JUMP;
	case X86_INS_CALL:
	case X86_INS_LCALL:
		return TRANSFER_CALL;
	case X86_INS_HLT:
	case X86_INS_UD2:
	case X86_INS_INT3:
		return TRANSFER_TRAP;
	}
	if (instruction__has_group(instruction, CS_GRP_RET) ||
		instruction__has_group(instruction, CS_GRP_IRET))
		return TRANSFER_RETURN;
	if (instruction__has_group(instruction, CS_GRP_CALL))
		return TRANSFER_CALL;
	if (instruction__has_group(instruction, CS_GRP_JUMP))
		return TRANSFER_BRANCH;
	return TRANSFER_NONE;
}

static const cs_x86_op *instruction__only_operand(const cs_insn *instruction)
{
	const cs_x86 *x86 = &instruction->detail->x86;

	return x86->op_count == 1 ? &x86->operands[0] : NULL;
}

bool instruction__target(const cs_insn *instruction, uint64_t *ret_target)
{
	const cs_x86_op *operand = instruction__only_operand(instruction);

	switch (instruction__transfer(instruction)) {
	case TRANSFER_JUMP:
	case TRANSFER_BRANCH:
	case TRANSFER_CALL:
		break;
	default:
		return false;
	}
	if (!operand || operand->type != X86_OP_IMM)
		return false;
	*ret_target = operand->imm;
	return true;
}

bool instruction__target_slot(const cs_insn *instruction, uint64_t *ret_slot)
{
	const cs_x86_op *operand = instruction__only_operand(instruction);
	enum transfer transfer = instruction__transfer(instruction);

	if (transfer != TRANSFER_JUMP && transfer != TRANSFER_CALL)
		return false;
	if (!operand || operand->type != X86_OP_MEM || operand->mem.base != X86_REG_RIP ||
		operand->mem.index != X86_REG_INVALID || operand->mem.segment != X86_REG_INVALID)
		return false;
	*ret_slot = instruction->address + instruction->size + operand->mem.disp;
	return true;
}
