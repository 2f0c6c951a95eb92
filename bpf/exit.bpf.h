/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process is about to end (_exit), and its memory is still there: it waits until the collector
 * has read what its blocks hold (--contents-at-exit).
 *
 * It is a function of the C library that is probed. The system call's tracepoint would be seen by
 * every process, and can neither be preempted while it waits nor be left by a signal.
 */
#ifndef HEAPTAP_EXIT_BPF_H
#define HEAPTAP_EXIT_BPF_H

static __always_inline void exit_hold(struct thread *thread, struct task_struct *task)
{
	__u64 question = EXIT_QUESTION(task->tgid, thread->image);
	struct task_struct *parent = task->real_parent;

	if (parent->mm == task->mm || bpf_map_lookup_elem(&answers, &question))
		return; /* the memory goes on (vfork); another thread has asked */
	emit_point(thread, task, POINT_COOKIE(0, POINT_EXIT), 0);
	answer_await(question);
}

#endif
