/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps uprobe programs on the kernel stack of the thread that runs them.
 *
 * From 6.13 on x86 the kernel gives a function of 64 bytes of stack or more, in programs of this
 * type, a private stack: one for each CPU (e00931c02568). It takes for granted that a program never
 * runs twice at a time on a CPU, as the attach points of kprobes and tracepoints see to. Those of
 * uprobes don't, and can be preempted: where the kernel preempts (PREEMPT_LAZY and above, the
 * default of newer kernels), two threads then write over each other's stack, the context pointer in
 * it too, and the kernel reads from anywhere (seen on 7.2: an oops within seconds, with four
 * threads on two CPUs).
 *
 * A program with a tail call in it gets none. This one is never done: cfg_never is a constant for
 * the verifier, which then removes it. Programs that share a program array must be of one attach
 * type.
 */
#ifndef HEAPTAP_OWN_STACK_BPF_H
#define HEAPTAP_OWN_STACK_BPF_H

const volatile bool cfg_never;

#define NO_PROGRAMS(name)                                                                          \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, 1);                                                            \
		__uint(key_size, sizeof(__u32));                                                   \
		__uint(value_size, sizeof(__u32));                                                 \
	} name SEC(".maps")

NO_PROGRAMS(no_programs);
NO_PROGRAMS(no_session_programs);

#define KEEP_OWN_STACK(ctx, programs)                                                              \
	do {                                                                                       \
		if (cfg_never)                                                                     \
			bpf_tail_call(ctx, &(programs), 0);                                        \
	} while (0)

#endif
