/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the functions that a user declares do beyond the built-in ones: blocks that belong to an
 * arena, arenas that are made, emptied, ended and moved, chains of blocks that are freed at once,
 * and strings whose length nobody was asked for.
 *
 * A declared call in flight has allocator calls inside itself, by which it gets and gives back its
 * own store. What is allocated there is part of what it gives, and not told. What is freed there is
 * told with EVENT_F_INSIDE: most often the books do not have it, but where they do (a destructor
 * that frees somebody else's block, a block that was made before the probes were there) it is gone.
 *
 * None of this is on the way of a built-in function, so these are functions for the verifier, too.
 */
#ifndef HEAPTAP_DECLARED_BPF_H
#define HEAPTAP_DECLARED_BPF_H

/* ---- chains of blocks ---- */

#define CHAIN_BLOCKS_MAX (1 << 20)

struct chain {
	__u64 cookie;
	__u64 block; /* the next one to be freed; 0: no more */
	__u64 next;  /* how far into a block the address of the next one stands */
	__u32 flags;
};

static long chain_step(__u32 i, struct chain *chain)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	void *next = (void *)(chain->block + chain->next);

	if (!thread || !chain->block)
		return 1;
	emit_free(thread, task, chain->cookie, chain->flags, chain->block);
	if (!bpf_probe_read_user(&chain->block, sizeof(chain->block), next))
		return 0;
	count_for(task->tgid, thread->image, COUNTER_unreadable);
	chain->block = 0;
	return 1;
}

/* All blocks of a chain are freed. What is beyond the longest is counted as one lost free. */
__noinline int chain_free(struct thread *thread, __u64 cookie, __u64 block, __u64 next, __u32 flags)
{
	struct chain chain = {.cookie = cookie, .block = block, .next = next, .flags = flags};

	if (!thread)
		return 0;
	bpf_loop(CHAIN_BLOCKS_MAX, chain_step, &chain, 0);
	if (chain.block)
		count_for(bpf_get_current_task_btf()->tgid, thread->image, COUNTER_lost_frees);
	return 0;
}

/* ---- arenas ---- */

/* By its role: an arena was made, emptied or ended, or it or a block was moved. */
__noinline int arena_tell(
	struct thread *thread, __u64 cookie, __u64 arena, __u64 parent, __u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct arena_event *record;

	if (!thread || !arena)
		return 0;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_arenas);
		return 0;
	}
	event_fill(
		&record->event, EVENT_ARENA, flags, COOKIE_FUNCTION(cookie), task, thread->image);
	record->time_ns = now;
	record->arena = arena;
	record->parent = parent;
	record->stack = thread->call.stack;
	record->op = COOKIE_ROLE(cookie) - ROLE_ARENA_CREATE + ARENA_CREATED;
	record->reserved = 0;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
	return 0;
}

/* False: it was lost. */
static __always_inline bool emit_arena_alloc(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u8 flags, __u64 addr)
{
	__u64 now = bpf_ktime_get_ns();
	struct arena_alloc_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_allocs);
		return false;
	}
	event_fill(&record->alloc.event, EVENT_ARENA_ALLOC, flags, COOKIE_FUNCTION(cookie), task,
		thread->image);
	record->alloc.time_ns = now;
	record->alloc.addr = addr;
	record->alloc.size = thread->call.size;
	record->alloc.stack = thread->call.stack;
	record->arena = thread->call.arena;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
	return true;
}

/* ---- strings ---- */

#define STRING_PIECES_MAX 512 /* of WINDOW_SZ: a megabyte */

/* The bytes of a string, its NUL too; of one that is longer, so much of it. */
static __always_inline __u64 string_size(struct thread *thread, __u64 address)
{
	__u64 size = 0;

	thread->unwind.window_sz = 0; /* its place is used here */
	for (int i = 0; i < STRING_PIECES_MAX; i++) {
		long read = bpf_probe_read_user_str(
			thread->unwind.stack, WINDOW_SZ, (void *)(address + size));

		if (read <= 0)
			return size;
		if (read < WINDOW_SZ)
			return size + read;
		size += WINDOW_SZ - 1; /* the last byte that was read is a NUL of the helper's */
	}
	return size;
}

/* ---- what a call gives, and what it takes back ---- */

/* A call that is not a built-in one's, or in an arena, has returned. */
__noinline int give(struct thread *thread, __u64 cookie, __u64 block, __u32 flags)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool is_told;

	if (!thread)
		return 0;
	if (COOKIE_ROLE(cookie) == ROLE_ARENA_CREATE)
		return arena_tell(thread, cookie, block, thread->call.arena, 0);
	if (!block) {
		emit_alloc_failed(thread, task, cookie, flags);
		return 0;
	}
	if (COOKIE_SIZE_ARG(cookie) == SIZE_OF_STRING)
		thread->call.size = string_size(thread, block);
	is_told = thread->call.arena ? emit_arena_alloc(thread, task, cookie, flags, block)
				     : emit_alloc(thread, task, cookie, flags, block);
	if (is_told && cfg_stops)
		stop_count(thread);
	return 0;
}

static __always_inline void take_back_blocks(struct thread *thread, __u64 cookie, __u32 flags)
{
	__u64 block = ARGUMENT(thread->arguments, COOKIE_BLOCK_ARG(cookie));

	if (block && COOKIE_ROLE(cookie) == ROLE_FREE && COOKIE_OUT_ARG(cookie))
		chain_free(thread, cookie, block,
			ARGUMENT(thread->arguments, COOKIE_OUT_ARG(cookie)), flags);
	else if (block)
		emit_free(thread, bpf_get_current_task_btf(), cookie, flags, block);
}

static __always_inline void tell_move(struct thread *thread, __u64 cookie, __u32 flags)
{
	__u64 moved = ARGUMENT(thread->arguments, COOKIE_BLOCK_ARG(cookie));
	__u64 out = ARGUMENT(thread->arguments, COOKIE_OUT_ARG(cookie));

	if (out && bpf_probe_read_user(&moved, sizeof(moved), (void *)out))
		count_for(bpf_get_current_task_btf()->tgid, thread->image, COUNTER_unreadable);
	else
		arena_tell(thread, cookie, moved,
			ARGUMENT(thread->arguments, COOKIE_ARENA_ARG(cookie)), flags);
}

/* A function was entered that frees, or moves, what its arguments say. Of a realloc (inside another
 * call) it is the old block: the new one is that call's own. */
__noinline int take_back(struct thread *thread, __u64 cookie, __u32 flags)
{
	if (!thread)
		return 0;
	switch (COOKIE_ROLE(cookie)) {
	case ROLE_FREE:
	case ROLE_REALLOC:
		take_back_blocks(thread, cookie, flags);
		break;
	case ROLE_ARENA_RESET:
	case ROLE_ARENA_DESTROY:
		arena_tell(thread, cookie, ARGUMENT(thread->arguments, COOKIE_ARENA_ARG(cookie)), 0,
			flags);
		break;
	case ROLE_ARENA_MOVE:
		tell_move(thread, cookie, flags);
		break;
	}
	return 0;
}

#endif
