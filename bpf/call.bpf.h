/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator call from its entry to its return. The outermost call wins: what it calls inside
 * itself (calloc → malloc, realloc → free, a preloaded wrapper → the real one) is not seen again.
 *
 * Calls are told apart by the stack pointer. A call in flight at sp X is active as long as the
 * thread runs below X; when the thread is seen at X or above, the call was left without a return
 * (longjmp, exception) and is dropped. At X itself both can be: a tail call (jmp) from the
 * function in flight, or a new call after it was left. The return address tells: in a tail call
 * it is still the kernel's own return trampoline. Below X, a call that was left is known when
 * something else has been written where its return address was; until then, what is called there
 * is taken for nested.
 *
 * What a declared function gives and takes (arenas, chains, strings) is in declared.bpf.h; one that
 * gives nothing is in flight all the same, so that what it does inside itself is known for that.
 * Where nothing is declared the verifier takes out what is asked for that (cfg_declared).
 *
 * A function that may throw has no return probe; its ret instructions are probed (user/probe/
 * exits.h), which others may come to as well. Theirs is another sp or another return address. A
 * tail call from such a function is a new call: the block is that one's then.
 *
 * Where frees are checked it matters by which name a block was asked for: there, such a tail call is
 * told from a new call by the other function that it enters, and the first one's name stays. And a
 * free is a call like others, in flight to its return, so that what it does inside itself is known.
 */
#ifndef HEAPTAP_CALL_BPF_H
#define HEAPTAP_CALL_BPF_H

/* A flag of cookies that only declared functions have. */
static __always_inline bool is_declared(__u64 cookie, __u64 flag)
{
	return cfg_declared && cookie & flag;
}

static __always_inline bool is_followed_free(__u64 cookie)
{
	return (cfg_declared || cfg_check) && cookie & COOKIE_F_FOLLOWED_FREE;
}

static __always_inline __u64 return_address_read(struct pt_regs *ctx)
{
	__u64 address = 0;

#if defined(__TARGET_ARCH_x86)
	bpf_probe_read_user(&address, sizeof(address), (void *)PT_REGS_SP(ctx));
#else
	address = PT_REGS_RET(ctx);
#endif
	return address;
}

/* Whether a return address is that of the call in flight: its own, or what the kernel (for us or
 * another tracer) has put in its place. */
static __always_inline bool returns_to(struct task_struct *task, __u64 expected, __u64 address)
{
	return address == expected || address == trampoline_of(task);
}

/* Seen from below: the function that was entered at `sp`, and was to return to an address. */
static __always_inline bool was_left(struct task_struct *task, __u64 sp, __u64 return_address)
{
#if defined(__TARGET_ARCH_x86)
	__u64 address;

	return !bpf_probe_read_user(&address, sizeof(address), (void *)sp) &&
	       !returns_to(task, return_address, address);
#else
	return false; /* the return address may lie anywhere, or nowhere */
#endif
}

/* Is the function that is being entered at `sp` inside the call in flight? Drops one that was left. */
static __always_inline bool call_is_nested(
	struct thread *thread, struct task_struct *task, __u64 sp, __u64 return_address)
{
	if (!thread->call.sp)
		return false;
	if ((sp < thread->call.sp &&
		    !was_left(task, thread->call.sp, thread->call.return_address)) ||
		(sp == thread->call.sp && return_address == trampoline_of(task))) {
		count_for(task->tgid, thread->image, COUNTER_nested_calls);
		return true;
	}
	thread->call.sp = 0;
	count_for(task->tgid, thread->image, COUNTER_abandoned_calls);
	return false;
}

static __always_inline __u64 size_asked(const __u64 *arguments, __u64 cookie)
{
	__u64 size = ARGUMENT(arguments, COOKIE_SIZE_ARG(cookie));

	__u64 count = ARGUMENT(arguments, COOKIE_COUNT_ARG(cookie)), most = ~0ull;

	if (!COOKIE_COUNT_ARG(cookie))
		return size;
	if (count)
		most /= count;
	barrier_var(most); /* or the compiler makes a 128-bit product of it, which BPF has not */
	/* A product that overflows belongs to a call that fails; it must not look like none. */
	return size > most ? ~0ull : size * count;
}

/* What is allocated here belongs to this arena: the function's own, or of the one that it is inside. */
static __always_inline __u64 arena_of(struct thread *thread, struct task_struct *task, __u64 cookie)
{
	struct growth *growth = &thread->growth;

	if (!growth->sp || COOKIE_ARENA_ARG(cookie))
		return ARGUMENT(thread->arguments, COOKIE_ARENA_ARG(cookie));
	return was_left(task, growth->sp, growth->return_address) ? 0 : growth->arena;
}

static __always_inline void growth_enter(struct thread *thread, struct task_struct *task,
	__u64 cookie, __u64 sp, __u64 return_address)
{
	struct growth *growth = &thread->growth;

	if (growth->sp > sp && !was_left(task, growth->sp, growth->return_address))
		return; /* the outermost wins */
	growth->arena = ARGUMENT(thread->arguments, COOKIE_ARENA_ARG(cookie));
	growth->return_address = return_address;
	growth->sp = sp;
}

/* A call that gives no block begins: what it takes, its entry tells. True: its return is of interest. */
static __always_inline bool followed_enter(struct thread *thread, struct task_struct *task,
	__u64 cookie, __u64 sp, __u64 return_address)
{
	if (cookie & COOKIE_F_GROWS) {
		growth_enter(thread, task, cookie, sp, return_address);
		return true;
	}
	thread->call.cookie = cookie;
	thread->call.return_address = return_address;
	thread->call.sp = sp;
	take_back(thread, cookie, 0);
	return true;
}

/* The kernel has no return probe left for the thread. */
static __always_inline void too_deep(struct thread *thread, struct task_struct *task, __u64 cookie)
{
	if (is_declared(cookie, COOKIE_F_FOLLOWED_FREE))
		take_back(thread, cookie, 0);
	else
		count_for(task->tgid, thread->image, COUNTER_too_deep);
}

/* A tail call from a function without a return probe. (One that was left by an exception, and after
 * it another function that is called through a pointer at the very same place, look the same. The
 * size is that one's then, and only the name is wrong.) */
static __always_inline bool call_goes_on(
	struct thread *thread, __u64 cookie, __u64 sp, __u64 return_address)
{
	const struct call *call = &thread->call;

	return call->sp == sp && call->return_address == return_address &&
	       call->cookie & COOKIE_F_RETURN_SITES &&
	       COOKIE_FUNCTION(call->cookie) != COOKIE_FUNCTION(cookie);
}

/* A free that is checked is told at its entry as any other, but with its stack. */
static __always_inline bool free_enter(struct thread *thread, struct task_struct *task,
	struct pt_regs *ctx, __u64 cookie, __u64 return_address)
{
	__u64 block = PT_REGS_PARM1(ctx);

	if (!block)
		return false;
	thread->call.cookie = cookie;
	thread->call.stack = stack_note(thread, task, ctx, return_address);
	emit_free(thread, task, cookie, 0, block);
	if (task->utask->depth >= RETURN_INSTANCES_MAX)
		return false; /* there will be no return: what is inside it seems to be another */
	thread->call.return_address = return_address;
	thread->call.sp = PT_REGS_SP(ctx);
	return true;
}

/* True: its return is of interest. */
static __always_inline bool call_enter(struct pt_regs *ctx, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_current(task);
	__u64 sp = PT_REGS_SP(ctx), return_address, *arguments;

	if (!thread)
		return false;
	return_address = return_address_read(ctx);
	arguments = thread->arguments;
	arguments_read(ctx, arguments);
	if (cfg_check && call_goes_on(thread, cookie, sp, return_address)) {
		thread->call.size = size_asked(arguments, cookie);
		return true;
	}
	if (call_is_nested(thread, task, sp, return_address)) {
		if (is_declared(thread->call.cookie, COOKIE_F_DECLARED))
			take_back(thread, cookie, EVENT_F_INSIDE);
		return false;
	}
	if (cfg_check && cookie & COOKIE_F_FOLLOWED_FREE)
		return free_enter(thread, task, ctx, cookie, return_address);
	if (task->utask->depth >= RETURN_INSTANCES_MAX) {
		too_deep(thread, task, cookie);
		return false;
	}
	if (cfg_ranges && ROLE_MAPS(COOKIE_ROLE(cookie)))
		return range_enter(thread, task, ctx, arguments, cookie, return_address);
	if (is_declared(cookie, COOKIE_F_FOLLOWED_FREE | COOKIE_F_GROWS))
		return followed_enter(thread, task, cookie, sp, return_address);
	thread->call.size = size_asked(arguments, cookie);
	thread->call.block = ARGUMENT(arguments, COOKIE_BLOCK_ARG(cookie));
	thread->call.out = ARGUMENT(arguments, COOKIE_OUT_ARG(cookie));
	if (cfg_declared)
		thread->call.arena = arena_of(thread, task, cookie);
	thread->call.cookie = cookie;
	thread->call.return_address = return_address;
	thread->call.sp = sp;
	thread->call.is_sampled = sampler_takes(&thread->sampler, thread->call.size);
	if (thread->call.is_sampled)
		thread->call.stack = stack_note(thread, task, ctx, return_address);
	if (thread->call.block && !sampler_remove(&thread->sampler, thread->call.block))
		thread->call.block = 0; /* nobody was told of it */
	if (thread->call.block)
		emit_free(thread, task, thread->call.cookie, EVENT_F_REALLOC, thread->call.block);
	return true;
}

/* The block that a finished call gave: false if it could not be read (counted). */
static __always_inline bool call_result(struct thread *thread, struct task_struct *task,
	struct pt_regs *ctx, __u64 *ret_block)
{
	*ret_block = PT_REGS_RC(ctx);
	if (!COOKIE_OUT_ARG(thread->call.cookie))
		return true;
	if ((int)*ret_block) { /* an error number: there is no block */
		*ret_block = 0;
		return true;
	}
	if (!bpf_probe_read_user(ret_block, sizeof(*ret_block), (void *)thread->call.out))
		return true;
	count_for(task->tgid, thread->image, COUNTER_unreadable);
	return false;
}

/* There is a block: if it is not sampled, a realloc whose old one was has ended all the same. */
static __always_inline void call_tell_block(
	struct thread *thread, struct task_struct *task, __u8 flags, __u64 block)
{
	bool is_followed = (!cfg_sample_bytes || thread->call.is_sampled) &&
			   sampler_add(&thread->sampler, block);
	bool is_told;

	if (!is_followed && !(flags & EVENT_F_REALLOC))
		return;
	if (!is_followed)
		flags |= EVENT_F_UNSAMPLED;
	is_told = emit_alloc(thread, task, thread->call.cookie, flags, block);
	if (is_told && is_followed && cfg_stops)
		stop_count(thread);
	else if (!is_told && is_followed)
		sampler_remove(&thread->sampler, block);
}

/* There is none. A realloc's old block is the caller's still, unless it asked for no bytes. */
static __always_inline void call_tell_failure(
	struct thread *thread, struct task_struct *task, __u8 flags)
{
	if (flags & EVENT_F_REALLOC && thread->call.size &&
		!sampler_add(&thread->sampler, thread->call.block))
		emit_alloc(thread, task, thread->call.cookie, flags | EVENT_F_UNSAMPLED,
			thread->call.block);
	else
		emit_alloc_failed(thread, task, thread->call.cookie, flags);
}

/* Of the call in flight, whichever function's return told of it: by tail calls it may be several. */
static __always_inline void call_end(
	struct thread *thread, struct task_struct *task, struct pt_regs *ctx)
{
	__u64 block;
	__u8 flags = thread->call.block ? EVENT_F_REALLOC : 0;

	if (cfg_ranges && ROLE_MAPS(COOKIE_ROLE(thread->call.cookie)))
		range_end(thread, task, PT_REGS_RC(ctx));
	else if (is_followed_free(thread->call.cookie))
		; /* told at its entry */
	else if (!call_result(thread, task, ctx, &block))
		; /* counted */
	else if (cfg_declared && (thread->call.cookie & COOKIE_F_DECLARED || thread->call.arena))
		give(thread, thread->call.cookie, block, flags);
	else if (block)
		call_tell_block(thread, task, flags, block);
	else
		call_tell_failure(thread, task, flags);
	thread->call.sp = 0;
}

/* A return probe: the function has returned. */
static __always_inline void call_return(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 entry_sp = PT_REGS_SP(ctx) - RETURN_POPS;

	barrier_var(entry_sp); /* or ctx is read through a changed pointer, which the verifier refuses */
	if (!thread)
		return;
	if (thread->call.sp && thread->call.sp == entry_sp)
		call_end(thread, task, ctx);
	else if (cfg_declared && thread->growth.sp == entry_sp)
		thread->growth.sp = 0;
}

/* A probe at a ret: somebody is about to return. */
static __always_inline void call_return_site(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 sp = PT_REGS_SP(ctx);

	barrier_var(sp);
	if (!thread)
		return;
	if (thread->call.sp && thread->call.sp == sp &&
		returns_to(task, thread->call.return_address, return_address_read(ctx)))
		call_end(thread, task, ctx);
	else if (cfg_declared && thread->growth.sp == sp)
		thread->growth.sp = 0;
}

/* free and its like: told at entry, before the address can be given out again. There is no return
 * probe (half the cost), so a free inside a free is not known by a call in flight: it is hinted at,
 * and the collector, which knows whether the block is still there, decides. */
static __always_inline void call_free(struct pt_regs *ctx, __u64 cookie)
{
	/* Every function that only frees takes the block first, whatever else it is told. */
	__u64 block = PT_REGS_PARM1(ctx), sp = PT_REGS_SP(ctx);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread;
	__u8 flags;

	if (!block)
		return;
	thread = thread_current(task);
	if (!thread)
		return;
	if (thread->call.sp && call_is_nested(thread, task, sp, return_address_read(ctx))) {
		if (is_declared(thread->call.cookie, COOKIE_F_DECLARED))
			emit_free(thread, task, cookie, EVENT_F_INSIDE, block);
		return;
	}
	if (!sampler_remove(&thread->sampler, block))
		return;
	flags = block == thread->freed_addr && sp <= thread->freed_sp ? EVENT_F_NESTED_HINT : 0;
	thread->freed_addr = block;
	thread->freed_sp = sp;
	emit_free(thread, task, cookie, flags, block);
}

/* Somebody asks an allocator something, also from inside another call. */
static __always_inline void call_query(__u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_current(task);

	if (!thread)
		return;
	if (COOKIE_SIZE_ARG(cookie) == QUERY_EXIT)
		exit_hold(thread, task);
	else
		count_for(task->tgid, thread->image,
			COUNTER_size_queries + COOKIE_SIZE_ARG(cookie) - QUERY_SIZE);
}

#endif
