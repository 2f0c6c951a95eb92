/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The call stack at an allocator's entry: its addresses, their 64-bit hash, and, for a stack that
 * the collector does not have yet, the files in which its frames lie. A hash names a stack in every
 * later record; two stacks of one process share one with a chance of n^2 / 2^65 for n stacks.
 */
#ifndef HEAPTAP_STACK_BPF_H
#define HEAPTAP_STACK_BPF_H

struct stack {
	__u32 first; /* thread->addresses[first … first + frame_cnt) */
	__u32 frame_cnt;
	__u32 end; /* enum stack_end */
	__u64 hash;
};

/* By call frame information, from the function's own frame, of which nothing is pushed yet. */
static __always_inline struct stack stack_unwind(
	struct thread *thread, struct pt_regs *ctx, __u64 return_address, __u64 trampoline)
{
	struct unwind *unwind = &thread->unwind;
	struct stack stack = {};

	thread->addresses[0] = PT_REGS_IP(ctx);
	unwind->pc = return_address;
	unwind->sp = PT_REGS_SP(ctx) + RETURN_POPS;
	unwind->bp = PT_REGS_FP(ctx);
	unwind->window = 0;
	unwind->exact = false;
	unwind->hash = hash_mix(thread->layout, PT_REGS_IP(ctx));
	stack.end = unwind_walk(thread, trampoline);
	stack.frame_cnt = unwind->frame_cnt;
	stack.hash = hash_mix(unwind->hash, stack.end);
	return stack;
}

/* Of addresses alone. */
__noinline __u64 stack_hash(const struct thread *thread, __u32 first, __u32 frame_cnt)
{
	__u64 hash = frame_cnt;

	if (!thread)
		return 0;
	for (__u32 i = 0; i < STACK_FRAMES_MAX && i < frame_cnt; i++)
		hash = hash_mix(hash, thread->addresses[(i + first) & 127]);
	return hash;
}

/*
 * By frame pointers alone (bpf_get_stack). At a function's entry the kernel skips the direct caller,
 * unless the instruction there tells it otherwise (cfa7f3d2c526, 6.11): the return address is on
 * top of the stack, so it is put in where it is missing. addresses[0] is kept free for that.
 */
static __always_inline struct stack stack_by_frame_pointers(
	struct thread *thread, struct pt_regs *ctx, __u64 return_address)
{
	struct stack stack = {.first = 1, .end = STACK_END_UNKNOWN};
	long sz = bpf_get_stack(ctx, &thread->addresses[1],
		(STACK_FRAMES_MAX - 1) * sizeof(__u64), BPF_F_USER_STACK);

	if (sz > 0)
		stack.frame_cnt = sz / sizeof(__u64);
	if (stack.frame_cnt < 2 || thread->addresses[2] != return_address) {
		thread->addresses[0] = PT_REGS_IP(ctx);
		thread->addresses[1] = return_address;
		stack.first = 0;
		stack.frame_cnt = stack.frame_cnt < 2 ? 2 : stack.frame_cnt + 1;
	}
	stack.hash = stack_hash(thread, stack.first, stack.frame_cnt);
	return stack;
}

struct stack_frames {
	struct stack_frame frames[STACK_FRAMES_MAX];
};

/* Fills in where the frames lie: 1, or 0 if some could not be asked for just now. */
__noinline int stack_resolve(
	const struct thread *thread, __u32 first, __u32 frame_cnt, struct stack_frames *out)
{
	int resolved = 1;

	if (!thread || !out)
		return 0;
	for (__u32 i = 0; i < STACK_FRAMES_MAX && i < frame_cnt; i++) {
		__u64 address = thread->addresses[(i + first) & 127];

		if (frame_place(address, thread->image, &out->frames[i]) == -EBUSY)
			resolved = 0;
	}
	return resolved;
}

struct stack_record {
	struct stack_event header;
	struct stack_frames frames;
};

/* Sends the frames. False: it has to be done again, next time. */
static __always_inline bool stack_send(
	struct thread *thread, struct task_struct *task, struct stack stack)
{
	struct stack_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	int resolved;

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_stacks);
		return false;
	}
	resolved = stack_resolve(thread, stack.first, stack.frame_cnt, &record->frames);
	event_fill(&record->header.event, EVENT_STACK, 0, 0, task,
		thread->image);
	record->header.stack = stack.hash;
	record->header.frame_cnt = stack.frame_cnt;
	record->header.end = stack.end;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	return resolved;
}

static __always_inline struct stack stack_take(struct thread *thread, struct task_struct *task,
	struct pt_regs *ctx, __u64 return_address)
{
	if (cfg_unwind)
		return stack_unwind(thread, ctx, return_address, trampoline_of(task));
	if (!cfg_no_stacks)
		return stack_by_frame_pointers(thread, ctx, return_address);
	thread->addresses[0] = PT_REGS_IP(ctx);
	return (struct stack){
		.frame_cnt = 1, .end = STACK_END_NOT_TAKEN, .hash = thread->addresses[0]};
}

/* The current stack's name; sends it first if it is new in this image. */
static __always_inline __u64 stack_note(struct thread *thread, struct task_struct *task,
	struct pt_regs *ctx, __u64 return_address)
{
	struct stack stack = stack_take(thread, task, ctx, return_address);
	__u64 key = stack.hash ^ (__u64)thread->image << 32 ^ task->tgid;
	__u8 known = 1;

	if (!bpf_map_lookup_elem(&known_stacks, &key) && stack_send(thread, task, stack))
		bpf_map_update_elem(&known_stacks, &key, &known, BPF_ANY);
	return stack.hash;
}

#endif
