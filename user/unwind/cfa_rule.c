/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the state of call frame instructions to a rule.
 *
 * The expressions are those that compilers, the linker and libc write, known by their bytes:
 *
 *   CFA  breg6(bp) N, deref                 gcc, functions that realign their stack with a pointer
 *        breg7(sp) 8, breg16(pc) 0, lit15, and, litT, ge, lit3, shl, plus    the linker, lazy PLT
 *                                           (bfd/elfxx-x86.c: T is 11, or 9 with IBT)
 *   bp   breg6(bp) 0                        the same functions of gcc
 *
 * A signal frame is one that the CIE calls so and whose registers are where the kernel puts them
 * (glibc: sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c).
 *
 * An undefined bp is taken as unchanged: no caller's rule builds on a value that is lost.
 */
#include <dwarf.h>
#include <linux/types.h>
#include <string.h>

#include <heaptap/unwind.h>
#include "unwind/cfa.h"

enum { BREG_BP = DW_OP_breg6, BREG_SP = DW_OP_breg7 };

/* The expression `breg offset`, ended by `operators`. */
static bool is_expression(const struct place *place, uint8_t breg, const void *operators,
	size_t operators_sz, int64_t *ret_offset)
{
	struct bytes bytes = {.at = place->expression};

	if (place->kind != PLACE_EXPRESSION)
		return false;
	bytes.end = place->expression + place->expression_sz;
	if (bytes__uint(&bytes, 1) != breg)
		return false;
	*ret_offset = bytes__sleb(&bytes);
	return !bytes.failed && (size_t)(bytes.end - bytes.at) == operators_sz &&
	       memcmp(bytes.at, operators, operators_sz) == 0;
}

static bool is_deref(const struct place *place, uint8_t breg, int64_t *ret_offset)
{
	static const uint8_t operators[] = {DW_OP_deref};

	return is_expression(place, breg, operators, sizeof(operators), ret_offset);
}

static bool is_at(const struct place *place, uint8_t breg, int64_t expected)
{
	int64_t offset;

	return is_expression(place, breg, "", 0, &offset) && offset == expected;
}

/* From which offset in its 16 bytes on a PLT entry has pushed; 0: it is no lazy PLT. */
static uint32_t plt_threshold(const struct place *cfa)
{
	uint8_t operators[] = {DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit0, DW_OP_ge,
		DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	int64_t offset;

	for (uint32_t threshold = 1; threshold < 16; threshold++) {
		operators[4] = DW_OP_lit0 + threshold;
		if (is_expression(cfa, BREG_SP, operators, sizeof(operators), &offset))
			return offset == 8 ? threshold : 0;
	}
	return 0;
}

static bool is_kernels_frame(const struct cfa_state *state)
{
	int64_t offset;

	return is_deref(&state->cfa, BREG_SP, &offset) && offset == SIGNAL_FRAME_RSP &&
	       is_at(&state->bp, BREG_SP, SIGNAL_FRAME_RBP) &&
	       is_at(&state->return_address, BREG_SP, SIGNAL_FRAME_RIP);
}

static bool fits(int64_t offset, int64_t min, int64_t max)
{
	return offset % 8 == 0 && offset / 8 >= min && offset / 8 <= max;
}

static bool register_rule(const struct place *cfa, uint32_t *ret_rule)
{
	bool by_sp = cfa->reg == DW_OP_breg7 - DW_OP_breg0;
	bool by_bp = cfa->reg == DW_OP_breg6 - DW_OP_breg0;

	if ((!by_sp && !by_bp) || !fits(cfa->offset, 0, UNWIND_CFA_OFFSET_MAX))
		return false;
	*ret_rule = UNWIND_RULE(by_sp ? UNWIND_RSP : UNWIND_RBP, cfa->offset, 0, 0);
	return true;
}

static bool expression_rule(const struct place *cfa, uint32_t *ret_rule)
{
	uint32_t threshold = plt_threshold(cfa);
	int64_t offset;

	if (threshold) {
		*ret_rule = UNWIND_RULE(UNWIND_PLT, threshold * 8, 0, 0);
		return true;
	}
	if (!is_deref(cfa, BREG_BP, &offset) ||
		!fits(offset, -(UNWIND_CFA_OFFSET_MAX + 1) / 2, UNWIND_CFA_OFFSET_MAX / 2))
		return false;
	*ret_rule = UNWIND_RULE(UNWIND_RBP_DEREF, offset, 0, 0);
	return true;
}

static bool cfa_rule(const struct place *cfa, uint32_t *ret_rule)
{
	switch (cfa->kind) {
	case PLACE_OFFSET:
		return register_rule(cfa, ret_rule);
	case PLACE_EXPRESSION:
		return expression_rule(cfa, ret_rule);
	}
	return false;
}

static bool bp_rule(const struct place *bp, uint32_t *ret_rule)
{
	switch (bp->kind) {
	case PLACE_UNCHANGED:
	case PLACE_UNDEFINED:
		*ret_rule = 0;
		return true;
	case PLACE_OFFSET:
		if (!fits(bp->offset, UNWIND_BP_OFFSET_MIN + 1, -UNWIND_BP_OFFSET_MIN - 1))
			return false;
		*ret_rule = UNWIND_RULE(0, 0, 1, bp->offset);
		return true;
	case PLACE_EXPRESSION:
		if (!is_at(bp, BREG_BP, 0))
			return false;
		*ret_rule = UNWIND_RULE(0, 0, 1, UNWIND_BP_AT_BP);
		return true;
	}
	return false;
}

bool cfa_state__rule(const struct cfa_state *state, bool is_signal_frame, uint32_t *ret_rule)
{
	const struct place *return_address = &state->return_address;
	uint32_t cfa, bp;

	if (return_address->kind == PLACE_UNDEFINED) {
		*ret_rule = UNWIND_RULE(UNWIND_ROOT, 0, 0, 0);
		return true;
	}
	if (is_signal_frame) {
		if (!is_kernels_frame(state))
			return false;
		*ret_rule = UNWIND_RULE(UNWIND_SIGNAL, 0, 0, 0);
		return true;
	}
	if (return_address->kind != PLACE_OFFSET || return_address->offset != -8 ||
		!cfa_rule(&state->cfa, &cfa) || !bp_rule(&state->bp, &bp))
		return false;
	*ret_rule = cfa | bp;
	return true;
}
