/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See sites.h. */
#include "probe/prologues.h"
#include "probe/sites.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static bool is_legacy_prefix(uint8_t byte)
{
	static const uint8_t prefixes[] = {
		0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (byte == prefixes[i])
			return true;
	return false;
}

/* arch/x86/kernel/uprobes.c, push_setup_xol_ops(): no prefix but REX.B. */
static bool is_emulated_push(const uint8_t *instruction, size_t sz)
{
	if (sz == 2 && instruction[0] == 0x41)
		return (instruction[1] & 0xf8) == 0x50;
	return sz == 1 && (instruction[0] & 0xf8) == 0x50;
}

/* arch/x86/kernel/uprobes.c, branch_setup_xol_ops(). Newer kernels also emulate long nops (since
 * 6.16); older ones step them. */
bool site__is_emulated(const uint8_t *instruction, size_t sz)
{
	bool operand_size = false;
	size_t i = 0;

	if (is_emulated_push(instruction, sz))
		return true;
	for (; i < sz && is_legacy_prefix(instruction[i]); i++)
		operand_size |= instruction[i] == 0x66;
	if (i == sz)
		return false;
	if (instruction[i] == 0x90)
		return true;
	if (operand_size)
		return false;
	if (instruction[i] == 0x0f)
		return i + 1 < sz && (instruction[i + 1] & 0xf0) == 0x80;
	return instruction[i] == 0xe8 || instruction[i] == 0xe9 || instruction[i] == 0xeb ||
	       (instruction[i] & 0xf0) == 0x70;
}

/* They write no register, or nothing at all. */
static const unsigned reading_instructions[] = {
	X86_INS_ENDBR64, X86_INS_NOP, X86_INS_TEST, X86_INS_CMP, X86_INS_BT};

/* They write their first operand only. */
static const unsigned writing_instructions[] = {X86_INS_MOV, X86_INS_MOVABS, X86_INS_MOVZX,
	X86_INS_MOVSX, X86_INS_MOVSXD, X86_INS_LEA, X86_INS_XOR, X86_INS_AND, X86_INS_OR,
	X86_INS_ADD, X86_INS_SUB, X86_INS_SBB, X86_INS_INC, X86_INS_DEC, X86_INS_NEG, X86_INS_NOT,
	X86_INS_SHL, X86_INS_SHR, X86_INS_SAR, X86_INS_PXOR, X86_INS_XORPS, X86_INS_MOVD,
	X86_INS_MOVQ, X86_INS_MOVAPS, X86_INS_MOVUPS, X86_INS_MOVDQA, X86_INS_MOVDQU, X86_INS_SETE,
	X86_INS_SETNE, X86_INS_SETA, X86_INS_SETAE, X86_INS_SETB, X86_INS_SETBE};

static bool is_among(unsigned id, const unsigned *ids, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool holds_stack_pointer(x86_reg reg)
{
	return reg == X86_REG_RSP || reg == X86_REG_ESP || reg == X86_REG_SP || reg == X86_REG_SPL;
}

/* Whether the register is part of one of these arguments (System V ABI for x86-64, 3.2.3). */
static bool holds_argument(x86_reg reg, uint8_t args)
{
	static const x86_reg registers[][5] = {
		{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL},
		{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL},
		{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
		{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
		{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B},
		{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B},
	};

	for (size_t arg = 0; arg < ARRAY_SIZE(registers); arg++)
		for (size_t i = 0; args >> arg & 1 && i < ARRAY_SIZE(registers[arg]); i++)
			if (registers[arg][i] == reg)
				return true;
	return false;
}

static bool may_precede_site(const cs_insn *instruction, uint8_t args)
{
	const cs_x86 *x86 = &instruction->detail->x86;
	const cs_x86_op *written = &x86->operands[0];

	if (is_among(instruction->id, reading_instructions, ARRAY_SIZE(reading_instructions)))
		return true;
	if (!is_among(instruction->id, writing_instructions, ARRAY_SIZE(writing_instructions)))
		return false;
	return x86->op_count > 0 && written->type == X86_OP_REG &&
	       !holds_stack_pointer(written->reg) && !holds_argument(written->reg, args);
}

struct site site__choose(struct decoder *decoder, const uint8_t *code, size_t code_sz, uint8_t args,
	uint64_t entrances)
{
	for (size_t i = 0; i < code_sz && i < PROLOGUE_SZ;) {
		const cs_insn *instruction = decoder__decode(decoder, code + i, code_sz - i, i);

		if (!instruction || (i > 0 && entrances >> i & 1))
			break;
		if (site__is_emulated(code + i, instruction->size))
			return (struct site){.delta = i, .cost = SITE_EMULATED};
		if (!may_precede_site(instruction, args))
			break;
		/* An entrance in the midst of an instruction is one nevertheless. */
		for (size_t k = 1; k < instruction->size && i + k < PROLOGUE_SZ; k++)
			if (entrances >> (i + k) & 1)
				return (struct site){.cost = SITE_SINGLE_STEPPED};
		i += instruction->size;
	}
	return (struct site){.cost = SITE_SINGLE_STEPPED};
}
