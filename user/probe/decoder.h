/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* x86-64 instructions, one at a time: a thin layer over capstone that owns its memory. */
#ifndef HEAPTAP_PROBE_DECODER_H
#define HEAPTAP_PROBE_DECODER_H

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_SZ_MAX 15 /* Intel SDM, volume 2, 2.3.11 */

struct decoder {
	csh handle;
	cs_insn *instruction;
};

int decoder__init(struct decoder *ret_decoder); /* 0 or -ENOMEM */
void decoder__destroy(struct decoder *decoder);

/* The instruction at the start of code, with details; NULL: none. It lives until the next call. */
const cs_insn *decoder__decode(
	struct decoder *decoder, const uint8_t *code, size_t code_sz, uint64_t address);

/* "push %rbp": as objdump writes it. "" for bytes that are no instruction. */
void decoder__text(struct decoder *decoder, const uint8_t *code, size_t code_sz, uint64_t address,
	char *buf, size_t buf_sz);

/* Where control may go, other than on to the next instruction. */
enum transfer {
	TRANSFER_NONE,
	TRANSFER_JUMP,	 /* always */
	TRANSFER_BRANCH, /* sometimes */
	TRANSFER_CALL,
	TRANSFER_RETURN, /* ret, iret, sysret */
	TRANSFER_TRAP,	 /* hlt, ud2, int3: nothing comes after it */
};

enum transfer instruction__transfer(const cs_insn *instruction);

/* The address that a jump, branch or call names. */
bool instruction__target(const cs_insn *instruction, uint64_t *ret_target);

/* The address of the pointer that a jump or call goes through: jmp *disp(%rip). */
bool instruction__target_slot(const cs_insn *instruction, uint64_t *ret_slot);

#endif
