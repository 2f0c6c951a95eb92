/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A function's arguments at its entry, by the numbers that cookies have. They lie with the thread:
 * the stack is needed by the unwinder, and 6.1 counts it in steps of 32 bytes. */
#ifndef HEAPTAP_ARGUMENTS_BPF_H
#define HEAPTAP_ARGUMENTS_BPF_H

/* Copied, because the compiler would merge reads of ctx into one at a variable offset, which the
 * verifier refuses. */
static __always_inline void arguments_read(struct pt_regs *ctx, __u64 *arguments)
{
	arguments[0] = 0;
	arguments[1] = PT_REGS_PARM1(ctx);
	arguments[2] = PT_REGS_PARM2(ctx);
	arguments[3] = PT_REGS_PARM3(ctx);
	arguments[4] = PT_REGS_PARM4(ctx);
	arguments[5] = PT_REGS_PARM5(ctx);
#if defined(__TARGET_ARCH_x86)
	arguments[6] = ctx->r9;
#else
	arguments[6] = 0;
#endif
	arguments[7] = 0;
}

#define ARGUMENT(arguments, number) ((arguments)[(number) & (ARGUMENTS - 1)])

#endif
