// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side's programs. The way of an event through the headers:
 *
 *   probe ─► call (entry, return; range, if it maps) ─► thread (in flight) ─► stack ─► unwind ─► file ─► emit ─► ring
 *             ├──► declared (what a user's own allocators give and take) ──────────────────────────────────────┤
 *             └──► sample (is it told of?)
 *   probe ─► point (where somebody waits for a thread) ────────────────────────────────────────┤
 *   tracepoint ─► life (fork, exec, exit) ────────────────────────────────────────────────────┘
 *   mapping made or taken away ─► unwind (what is known of addresses)
 *
 * Each allocator function has its cookie (event.h), so one pair of programs serves them all. The
 * pair comes in two forms: one session program for entry and return (kernel 6.13), or two programs
 * (uprobe.multi, 6.6; perf uprobes, 5.15). The collector loads the form that it will attach.
 * Functions that may throw have no return probe, but on_return_site at their rets.
 *
 * The spy (spy.bpf.h) has programs of its own for the same places; they are loaded instead.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <heaptap/event.h>
#include <heaptap/keys.h>
#include <heaptap/unwind.h>
#include "maps.bpf.h"
#include "own_stack.bpf.h"
#include "count.bpf.h"
#include "process.bpf.h"
#include "sample.bpf.h"
#include "thread.bpf.h"
#include "emit.bpf.h"
#include "ask.bpf.h"
#include "stop.bpf.h"
#include "exit.bpf.h"
#include "mapping.bpf.h"
#include "file.bpf.h"
#include "window.bpf.h"
#include "path.bpf.h"
#include "unwind.bpf.h"
#include "stack.bpf.h"
#include "arguments.bpf.h"
#include "range.bpf.h"
#include "declared.bpf.h"
#include "call.bpf.h"
#include "point.bpf.h"
#include "spy.bpf.h"
#include "life.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * A session's entry may say that its return is of no interest: 1. bpf_get_func_ip gives the probed
 * address at both; at the return, ip is already where the function returns to. (The kernel function
 * made to tell them apart, bpf_session_is_return, takes nothing in 6.18 and an argument in 7.2, and
 * libbpf 1.1 loads nothing that names a kernel function with another prototype.)
 */
SEC("uprobe")
int on_call_session(struct pt_regs *ctx)
{
	__u64 cookie;

	KEEP_OWN_STACK(ctx, no_session_programs);
	if (PT_REGS_IP(ctx) != bpf_get_func_ip(ctx)) {
		call_return(ctx);
		return 0;
	}
	cookie = bpf_get_attach_cookie(ctx);
	return !call_enter(ctx, cookie) || cookie & COOKIE_F_RETURN_SITES;
}

SEC("uprobe")
int on_call_enter(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	call_enter(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uprobe")
int on_call_return(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	call_return(ctx);
	return 0;
}

SEC("uprobe")
int on_return_site(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	call_return_site(ctx);
	return 0;
}

SEC("uprobe")
int on_free(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	call_free(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uprobe")
int on_query(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	call_query(bpf_get_attach_cookie(ctx));
	return 0;
}

/* A function of the program's own, where somebody waits for a thread. */
SEC("uprobe")
int on_point(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	point_reach(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

/* The spy's. A free is a call as all others. */
SEC("uprobe")
int on_spy_session(struct pt_regs *ctx)
{
	__u64 cookie;

	KEEP_OWN_STACK(ctx, no_session_programs);
	if (PT_REGS_IP(ctx) != bpf_get_func_ip(ctx)) {
		spy_return(ctx, bpf_get_attach_cookie(ctx));
		return 0;
	}
	cookie = bpf_get_attach_cookie(ctx);
	return !spy_enter(ctx, cookie) || cookie & COOKIE_F_RETURN_SITES;
}

SEC("uprobe")
int on_spy_enter(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	spy_enter(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uprobe")
int on_spy_return(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	spy_return(ctx, bpf_get_attach_cookie(ctx));
	return 0;
}

SEC("uprobe")
int on_spy_return_site(struct pt_regs *ctx)
{
	KEEP_OWN_STACK(ctx, no_programs);
	spy_return_site(ctx);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_spy_exit, struct task_struct *task)
{
	spy_exit(task);
	return 0;
}

/*
 * Mappings. These two functions of the kernel are called for each mapping of a file that is made
 * (mm/vma.c), and for each part of one that is taken away, before it is (mm/memory.c).
 */
SEC("fentry/uprobe_mmap")
int BPF_PROG(on_mapped, struct vm_area_struct *vma)
{
	unwind_mapped(bpf_get_current_task_btf(), vma);
	return 0;
}

SEC("fentry/uprobe_munmap")
int BPF_PROG(on_unmapped, struct vm_area_struct *vma)
{
	unwind_unmapped(bpf_get_current_task_btf(), vma);
	return 0;
}

/* Where the kernel's functions are not open to tracing: the system calls, which costs every process
 * of the machine a little at each of its system calls. */
struct syscall_exit { /* events/syscalls/sys_exit_mmap/format in tracefs */
	__u64 common;
	__u64 number;
	__s64 result;
};

struct syscall_enter { /* events/syscalls/sys_enter_munmap/format */
	__u64 common;
	__u64 number;
	__u64 arguments[6];
};

SEC("tracepoint")
int on_mmap(struct syscall_exit *ctx)
{
	if (ctx->result > 0)
		bpf_find_vma(bpf_get_current_task_btf(), ctx->result, address_mapped, NULL, 0);
	return 0;
}

SEC("tracepoint")
int on_munmap(struct syscall_enter *ctx)
{
	bpf_find_vma(bpf_get_current_task_btf(), ctx->arguments[0], address_unmapped, NULL, 0);
	return 0;
}

/* Never attached: the collector runs it. */
SEC("raw_tp")
int on_identify(void *ctx)
{
	return bpf_find_vma(
		bpf_get_current_task_btf(), identity_address, identity_answer, NULL, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	life_fork(parent, child);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	life_exec(task);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	life_exit(task);
	return 0;
}
