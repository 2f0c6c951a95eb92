/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The spy: every call of an allocator function, nested ones too, from its entry to its return. It
 * has programs and thread state of its own; those of the books know nothing of it.
 *
 *   entry ─► calls that were left are told and dropped ─► the call is pushed (and told, if asked)
 *   return ─► the call is found by its stack pointer, told, and popped
 *
 * A thread's calls in flight are a stack, ordered as the thread's own: the outermost has the
 * highest sp. Two have the same sp if one tail-calls the other (operator delete: jmp free). What
 * returns at an sp is the innermost call there; what lies below it was left without a return
 * (exception, longjmp), and is told as left. As in call.bpf.h, an entry at the sp of a call in
 * flight is a tail call or a new one; and below it, a call was left if its return address is not
 * there any more.
 *
 * Functions without a return probe (COOKIE_F_RETURN_SITES) return at their ret instructions, which
 * several may share: all such calls at that sp end there. One that ends by a jump to a function
 * that has a return probe, ends with that.
 */
#ifndef HEAPTAP_SPY_BPF_H
#define HEAPTAP_SPY_BPF_H

const volatile bool cfg_spy_enters; /* calls are told at their entry, too */
const volatile bool cfg_spy_stacks; /* with the call stack */
const volatile __u32 cfg_spy_tid;   /* of this thread only; 0: any */
const volatile bool cfg_spy_sizes;  /* only of calls that ask for so many bytes */
const volatile __u64 cfg_spy_size_min, cfg_spy_size_max;
const volatile __u64 cfg_spy_slower_ns; /* only of calls that took longer */

#define SPY_CALLS_MAX 16 /* in flight at once; a power of two */

struct spy_call {
	__u64 sp; /* at its entry */
	__u64 return_address;
	__u64 cookie;
	__u64 time_ns; /* of its entry */
	__u64 number;
	__u64 stack;
	__u64 arguments[SPY_ARGUMENTS];
	bool is_told;
};

struct spy_thread {
	__u64 exec_id; /* of the image that all this belongs to */
	__u64 call_cnt;
	__u32 depth;
	struct spy_call calls[SPY_CALLS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct spy_thread);
} spy_threads SEC(".maps");

struct spy_losses spy_losses;

#define SPY_CALL(spy, index) (&(spy)->calls[(index) & (SPY_CALLS_MAX - 1)])

static __always_inline bool spy_has_return_probe(const struct spy_call *call)
{
	return !(call->cookie & COOKIE_F_RETURN_SITES);
}

/* ---- telling ---- */

struct spy_end { /* how a call ended; all 0: it has just begun */
	__u64 duration_ns, result, out;
	__u8 kind, flags;
};

static __always_inline void spy_emit(
	struct thread *thread, const struct spy_call *call, __u32 depth, const struct spy_end *end)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct spy_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&spy_losses.lost, 1);
		return;
	}
	event_fill(&record->event, end->kind, end->flags, COOKIE_FUNCTION(call->cookie), task,
		thread->image);
	record->time_ns = call->time_ns;
	record->duration_ns = end->duration_ns;
	record->number = call->number;
	for (int i = 0; i < SPY_ARGUMENTS; i++)
		record->arguments[i] = call->arguments[i];
	record->result = end->result;
	record->out = end->out;
	record->stack = call->stack;
	record->depth = depth;
	record->reserved = 0;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

/* What posix_memalign and its like have stored; 0: nothing. */
static __always_inline __u64 spy_out(const struct spy_call *call, __u64 result)
{
	__u64 out = 0, number = COOKIE_OUT_ARG(call->cookie);

	if (COOKIE_ROLE(call->cookie) == ROLE_ALLOC_OUT && !(int)result && number)
		bpf_probe_read_user(&out, sizeof(out),
			(void *)call->arguments[(number - 1) & (SPY_ARGUMENTS - 1)]);
	return out;
}

static __always_inline void spy_tell_return(
	struct thread *thread, const struct spy_call *call, __u32 depth, __u64 now, __u64 result)
{
	struct spy_end end = {
		.kind = EVENT_SPY_RETURN, .duration_ns = now - call->time_ns, .result = result};

	if (!call->is_told || end.duration_ns < cfg_spy_slower_ns)
		return;
	end.out = spy_out(call, result);
	spy_emit(thread, call, depth, &end);
}

static __always_inline void spy_tell_left(
	struct thread *thread, const struct spy_call *call, __u32 depth)
{
	struct spy_end end = {.kind = EVENT_SPY_RETURN, .flags = EVENT_F_SPY_LEFT};

	if (call->is_told && !cfg_spy_slower_ns && !is_ending) /* or its return was missed */
		spy_emit(thread, call, depth, &end);
}

/* ---- entry ---- */

/* Is a call of this function in flight at this very place? Then it was left: nobody tail-calls
 * itself. */
static __always_inline bool spy_repeats(const struct spy_thread *spy, __u64 sp, __u16 function)
{
	for (__u32 i = 0; i < SPY_CALLS_MAX && i < spy->depth; i++) {
		const struct spy_call *call = SPY_CALL(spy, i);

		if (call->sp == sp && COOKIE_FUNCTION(call->cookie) == function)
			return true;
	}
	return false;
}

/* Was the innermost call left, if the thread enters another at `sp`? */
static __always_inline bool spy_was_left(
	const struct spy_call *call, __u64 sp, __u64 return_address, __u64 trampoline, bool repeats)
{
	__u64 address;

	if (sp > call->sp)
		return true;
	if (sp == call->sp)
		return spy_has_return_probe(call)
			       ? return_address != trampoline
			       : repeats || return_address != call->return_address;
	return !bpf_probe_read_user(&address, sizeof(address), (void *)call->sp) &&
	       address != call->return_address && address != trampoline;
}

__noinline int spy_drop_left(struct thread *thread, struct spy_thread *spy, __u64 sp,
	__u64 return_address, __u16 function)
{
	__u64 trampoline = trampoline_of(bpf_get_current_task_btf());
	bool repeats;

	if (!thread || !spy)
		return 0;
	repeats = spy_repeats(spy, sp, function);
	for (int i = 0; i < SPY_CALLS_MAX && spy->depth; i++) {
		struct spy_call *call = SPY_CALL(spy, spy->depth - 1);

		if (!spy_was_left(call, sp, return_address, trampoline, repeats))
			break;
		spy_tell_left(thread, call, spy->depth - 1);
		spy->depth--;
	}
	return 0;
}

static __always_inline struct spy_thread *spy_current(struct task_struct *task)
{
	struct spy_thread *spy =
		bpf_task_storage_get(&spy_threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (spy && spy->exec_id != task->self_exec_id) {
		spy->exec_id = task->self_exec_id;
		spy->depth = 0;
	}
	return spy;
}

static __always_inline bool spy_wants_size(const __u64 *arguments, __u64 cookie)
{
	__u64 size;

	if (!cfg_spy_sizes)
		return true;
	if (!COOKIE_SIZE_ARG(cookie) || COOKIE_ROLE(cookie) == ROLE_QUERY)
		return false;
	size = size_asked(arguments, cookie);
	return size >= cfg_spy_size_min && size <= cfg_spy_size_max;
}

/* No room for another, of ours or of the kernel's return probes. */
static __always_inline bool spy_is_full(const struct spy_thread *spy, struct task_struct *task)
{
	if (spy->depth < SPY_CALLS_MAX && task->utask->depth < RETURN_INSTANCES_MAX)
		return false;
	__sync_fetch_and_add(&spy_losses.too_deep, 1);
	return true;
}

static __always_inline void spy_push(struct thread *thread, struct task_struct *task,
	struct spy_thread *spy, struct pt_regs *ctx, __u64 cookie, __u64 return_address)
{
	struct spy_call *call = SPY_CALL(spy, spy->depth);
	struct spy_end begun = {.kind = EVENT_SPY_ENTER};

	arguments_read(ctx, thread->arguments);
	for (int i = 0; i < SPY_ARGUMENTS; i++)
		call->arguments[i] = thread->arguments[i + 1];
	call->sp = PT_REGS_SP(ctx);
	call->return_address = return_address;
	call->cookie = cookie;
	call->number = ++spy->call_cnt;
	call->is_told = spy_wants_size(thread->arguments, cookie);
	call->stack =
		cfg_spy_stacks && call->is_told ? stack_note(thread, task, ctx, return_address) : 0;
	call->time_ns = bpf_ktime_get_ns();
	if (cfg_spy_enters && call->is_told)
		spy_emit(thread, call, spy->depth, &begun);
	spy->depth++;
}

/* True: its return is of interest. */
static __always_inline bool spy_enter(struct pt_regs *ctx, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread;
	struct spy_thread *spy;
	__u64 return_address;

	if (cfg_spy_tid && (__u32)task->pid != cfg_spy_tid)
		return false;
	thread = thread_current(task);
	if (!thread)
		return false;
	spy = spy_current(task);
	if (!spy) {
		__sync_fetch_and_add(&spy_losses.no_memory, 1);
		return false;
	}
	return_address = return_address_read(ctx);
	spy_drop_left(thread, spy, PT_REGS_SP(ctx), return_address, COOKIE_FUNCTION(cookie));
	if (spy_is_full(spy, task))
		return false;
	spy_push(thread, task, spy, ctx, cookie, return_address);
	return true;
}

/* ---- return ---- */

enum spy_turn { SPY_STAYS, SPY_RETURNS, SPY_LEFT };

/* What becomes of the innermost call when one with a return probe returns at `sp`; has_returned:
 * that one was told already. */
static __always_inline enum spy_turn spy_turn_of(
	const struct spy_call *call, __u64 sp, __u16 function, bool has_returned)
{
	if (call->sp != sp)
		return call->sp < sp ? SPY_LEFT : SPY_STAYS;
	if (!spy_has_return_probe(call))
		return SPY_RETURNS;
	if (has_returned)
		return SPY_STAYS;
	return COOKIE_FUNCTION(call->cookie) == function ? SPY_RETURNS : SPY_LEFT;
}

/* The function has returned to its caller, and what tail-called it without a return probe. */
__noinline int spy_end_call(
	struct thread *thread, struct spy_thread *spy, __u64 sp, __u64 function, __u64 result)
{
	__u64 now = bpf_ktime_get_ns();
	bool has_returned = function == SPY_NO_FUNCTION;

	if (!thread || !spy)
		return 0;
	for (int i = 0; i < SPY_CALLS_MAX && spy->depth; i++) {
		struct spy_call *call = SPY_CALL(spy, spy->depth - 1);
		enum spy_turn turn = spy_turn_of(call, sp, function, has_returned);

		if (turn == SPY_STAYS)
			break;
		spy->depth--;
		if (turn == SPY_LEFT)
			spy_tell_left(thread, call, spy->depth);
		else
			spy_tell_return(thread, call, spy->depth, now, result);
		has_returned |= turn == SPY_RETURNS && spy_has_return_probe(call);
	}
	return 0;
}

static __always_inline void spy_return(struct pt_regs *ctx, __u64 cookie)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct spy_thread *spy = bpf_task_storage_get(&spy_threads, task, NULL, 0);
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);

	if (spy && spy->depth && thread)
		spy_end_call(thread, spy, PT_REGS_SP(ctx) - RETURN_POPS, COOKIE_FUNCTION(cookie),
			PT_REGS_RC(ctx));
}

/* Does a call without a return probe end at this place of the stack? Others come to the same rets.
 */
static __always_inline bool spy_ends_at(
	const struct spy_thread *spy, __u64 sp, __u64 address, __u64 trampoline)
{
	for (__u32 i = 0; i < SPY_CALLS_MAX && i < spy->depth; i++) {
		const struct spy_call *call = SPY_CALL(spy, i);

		if (call->sp == sp && !spy_has_return_probe(call) &&
			(address == call->return_address || address == trampoline))
			return true;
	}
	return false;
}

static __always_inline void spy_return_site(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct spy_thread *spy = bpf_task_storage_get(&spy_threads, task, NULL, 0);
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 sp = PT_REGS_SP(ctx);

	if (spy && spy->depth && thread &&
		spy_ends_at(spy, sp, return_address_read(ctx), trampoline_of(task)))
		spy_end_call(thread, spy, sp, SPY_NO_FUNCTION, PT_REGS_RC(ctx));
}

/* The thread ends: its calls will not return (abort in a free of a corrupt heap). */
static __always_inline void spy_exit(struct task_struct *task)
{
	struct spy_thread *spy = bpf_task_storage_get(&spy_threads, task, NULL, 0);
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);

	if (spy && spy->depth && thread && spy->exec_id == task->self_exec_id)
		spy_drop_left(thread, spy, ~0ull, 0, 0);
}

#endif
