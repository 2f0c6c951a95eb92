/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the two sides about unwinding: a file's call frame information as a sorted array
 * of 8-byte rows {where a rule begins, the rule}, built by user/unwind/ and searched by bpf/.
 *
 * A rule says, for any pc up to the next row, how to get from a frame to its caller's:
 * where the CFA is (the caller's sp before its call pushed the return address), and where the
 * caller's bp is. On x86-64 the return address always lies at CFA - 8; a function for which the
 * CFI says otherwise gets UNWIND_NONE.
 *
 *   bits  0-2   kind: how the CFA is found (enum unwind_kind)
 *   bits  3-16  CFA offset / 8, unsigned (UNWIND_RBP_DEREF: signed)
 *   bit   17    the caller's bp is saved on the stack, at CFA + bp offset; else bp is unchanged
 *   bits 18-31  bp offset / 8, signed
 */
#ifndef HEAPTAP_UNWIND_H
#define HEAPTAP_UNWIND_H

enum unwind_kind {
	UNWIND_NONE = 0,      /* no rule here: unwinding by this file ends */
	UNWIND_ROOT = 1,      /* the CFI says that there is no caller (_start, clone, a thread's start) */
	UNWIND_RSP = 2,	      /* CFA = sp + offset */
	UNWIND_RBP = 3,	      /* CFA = bp + offset */
	UNWIND_RBP_DEREF = 4, /* CFA = *(bp + offset): functions that realign their stack */
	UNWIND_PLT = 5,	      /* CFA = sp + 8 + ((pc & 15) >= offset / 8 ? 8 : 0): a lazy PLT entry */
	UNWIND_SIGNAL = 6,    /* a signal frame: registers are in the sigcontext at sp */
};

struct unwind_row {
	__u32 file_offset; /* bytes from the file's start: the first for which the rule holds */
	__u32 rule;
};

#define UNWIND_CFA_OFFSET_MAX ((1 << 14) - 1)	 /* in units of 8 bytes */
#define UNWIND_BP_OFFSET_MIN (-(1 << 13))	 /* likewise */
/* As a bp offset in bytes: the caller's bp is saved where bp points to (functions that realign). */
#define UNWIND_BP_AT_BP (UNWIND_BP_OFFSET_MIN * 8)
#define UNWIND_RULE(kind, cfa_offset, bp_saved, bp_offset)                                         \
	((__u32)(kind) | ((__u32)((cfa_offset) / 8) & 0x3fff) << 3 | (__u32)(bp_saved) << 17 |     \
		((__u32)((bp_offset) / 8) & 0x3fff) << 18)
#define UNWIND_RULE_KIND(rule) ((rule) & 7)
#define UNWIND_RULE_CFA_OFFSET(rule) (((rule) >> 3 & 0x3fff) * 8)
#define UNWIND_RULE_CFA_OFFSET_SIGNED(rule) (((__s32)((rule) << 15) >> 18) * 8)
#define UNWIND_RULE_BP_SAVED(rule) ((rule) >> 17 & 1)
#define UNWIND_RULE_BP_OFFSET(rule) (((__s32)(rule) >> 18) * 8)

/* Where x86-64 Linux puts registers in a signal frame, from sp at the return trampoline: struct
 * ucontext's uc_mcontext (arch/x86/include/uapi/asm/sigcontext.h, ucontext.h). */
#define SIGNAL_FRAME_RBP 120
#define SIGNAL_FRAME_RSP 160
#define SIGNAL_FRAME_RIP 168

_Static_assert(sizeof(struct unwind_row) == 8, "unwind_row layout");

#endif
