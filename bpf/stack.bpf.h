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
 * By frame pointers alone (bpf_get_stack). At a function's entry the kernel skips the direct
 * caller, unless the instruction there tells it otherwise (cfa7f3d2c526, 6.11): the return address
 * is on top of the stack, so it is put in where it is missing. addresses[0] is kept free for that.
 */
static __always_inline struct stack stack_by_frame_pointers(
	struct thread *thread, struct pt_regs *ctx, __u64 return_address)
{
	struct stack stack = {.first = 1, .end = STACK_END_UNKNOWN};
	long sz = bpf_get_stack(ctx, &thread->addresses[1], (STACK_FRAMES_MAX - 1) * sizeof(__u64),
		BPF_F_USER_STACK);

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

/* Most stacks are short, and take a quarter of the ring's room then. */
#define SHORT_FRAMES_MAX 32

struct short_frames {
	struct stack_frame frames[SHORT_FRAMES_MAX];
};

struct long_frames {
	struct stack_frame frames[STACK_FRAMES_MAX];
};

static __always_inline int frames_resolve(const struct thread *thread, __u32 first, __u32 frame_cnt,
	struct stack_frame *frames, __u32 frames_max)
{
	int resolved = 1;

	for (__u32 i = 0; i < frames_max && i < frame_cnt; i++) {
		__u64 address = thread->addresses[(i + first) & 127];

		if (frame_place(address, thread->image, &frames[i]) == -EBUSY)
			resolved = 0;
	}
	return resolved;
}

/* Fill in where the frames lie: 1, or 0 if some could not be asked for just now. Two, as what is
 * known of the memory that a function is given is its type. */
__noinline int short_resolve(
	const struct thread *thread, __u32 first, __u32 frame_cnt, struct short_frames *out)
{
	return thread && out
		       ? frames_resolve(thread, first, frame_cnt, out->frames, SHORT_FRAMES_MAX)
		       : 0;
}

__noinline int long_resolve(
	const struct thread *thread, __u32 first, __u32 frame_cnt, struct long_frames *out)
{
	return thread && out
		       ? frames_resolve(thread, first, frame_cnt, out->frames, STACK_FRAMES_MAX)
		       : 0;
}

static __always_inline void stack_fill(struct stack_event *record, struct thread *thread,
	struct task_struct *task, const struct stack *stack)
{
	event_fill(&record->event, EVENT_STACK, COOKIE_FAMILIES_OF(thread->call.cookie), 0, task,
		thread->image);
	record->stack = stack->hash;
	record->frame_cnt = stack->frame_cnt;
	record->end = stack->end;
}

struct short_record {
	struct stack_event header;
	struct short_frames frames;
};

struct long_record {
	struct stack_event header;
	struct long_frames frames;
};

#define STACK_SEND(kind, thread, task, stack, ret_resolved)                                        \
	({                                                                                         \
		struct kind##_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);   \
		if (record) {                                                                      \
			*(ret_resolved) = kind##_resolve(                                          \
				thread, (stack)->first, (stack)->frame_cnt, &record->frames);      \
			stack_fill(&record->header, thread, task, stack);                          \
			bpf_ringbuf_submit(record, wakeup_flags(thread));                          \
		}                                                                                  \
		record != NULL;                                                                    \
	})

/* Sends the frames. False: it has to be done again, next time. */
static __always_inline bool stack_send(
	struct thread *thread, struct task_struct *task, const struct stack *stack)
{
	int resolved = 0;
	bool sent = stack->frame_cnt <= SHORT_FRAMES_MAX
			    ? STACK_SEND(short, thread, task, stack, &resolved)
			    : STACK_SEND(long, thread, task, stack, &resolved);

	if (!sent)
		count_for(task->tgid, thread->image, COUNTER_lost_stacks);
	return resolved;
}

static __always_inline struct stack stack_take(
	struct thread *thread, struct task_struct *task, struct pt_regs *ctx, __u64 return_address)
{
	if (cfg_unwind)
		return stack_unwind(thread, ctx, return_address, trampoline_of(task));
	if (!cfg_no_stacks)
		return stack_by_frame_pointers(thread, ctx, return_address);
	thread->addresses[0] = PT_REGS_IP(ctx);
	return (struct stack){
		.frame_cnt = 1, .end = STACK_END_NOT_TAKEN, .hash = thread->addresses[0]};
}

/* Ends that a later walk of the same path will come to, too. */
static __always_inline bool end_is_certain(__u32 end)
{
	return end == STACK_END_ROOT || end == STACK_END_DEPTH || end == STACK_END_NO_ROWS;
}

/* Walks the current stack, and sends it first if it is new in this image. */
static __always_inline __u64 stack_name(
	struct thread *thread, struct task_struct *task, struct pt_regs *ctx, __u64 return_address)
{
	struct stack stack = stack_take(thread, task, ctx, return_address);
	__u64 key = stack.hash ^ (__u64)thread->image << 32 ^ task->tgid;
	__u8 known = 1;

	if (bpf_map_lookup_elem(&known_stacks, &key)) {
		if (cfg_unwind && end_is_certain(stack.end))
			path_remember(return_address, stack.hash);
	} else if (stack_send(thread, task, &stack)) {
		bpf_map_update_elem(&known_stacks, &key, &known, BPF_ANY);
	}
	return stack.hash;
}

/* The name of the stack of the call in flight. */
static __always_inline __u64 stack_note(
	struct thread *thread, struct task_struct *task, struct pt_regs *ctx, __u64 return_address)
{
	__u64 name;

	if (cfg_unwind) {
		thread->unwind.window_sz = 0;
		path_begin(thread, ctx);
		name = path_follow(thread, return_address);
		if (name)
			return name;
	}
	return stack_name(thread, task, ctx, return_address);
}

#endif
