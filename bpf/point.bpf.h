/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Points: a thread has come to a place where somebody waits for it (--checkpoint-at, --section). That
 * and its stack pointer are all that is told; the record's place in the ring says what was before and
 * what comes after it.
 */
#ifndef HEAPTAP_POINT_BPF_H
#define HEAPTAP_POINT_BPF_H

static __always_inline void point_reach(struct pt_regs *ctx, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_current(task);
	__u64 sp = PT_REGS_SP(ctx);

	if (thread)
		emit_point(thread, task, cookie, sp);
}

#endif
