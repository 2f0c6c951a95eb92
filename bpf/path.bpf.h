/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whole walks that are remembered, and verified exactly.
 *
 * A walk depends on where it begins (the probed function, its return address, the stack pointer,
 * and sometimes the frame pointer) and on what it reads from the stack on its way: return
 * addresses, and saved frame pointers where a later step goes by one. A path is that list of slots
 * with what they held. If they all hold the same, the walk would go the same way, and its name is
 * known: one bulk read and a compare, no search for rules.
 *
 * Different paths can begin alike (loops and recursions have frames of equal size). Where one differs
 * from what is there, the first slot that does, and what is in it, lead to the next one: so paths
 * that begin alike are a tree, and a branch is named by all that led to it.
 *
 * Only walks that came to a certain end, of stacks that the collector has, and that were met twice
 * are remembered; and of these one in REMEMBER_ONE_IN, by chance: what comes often is soon among
 * them, and where more paths take turns than there is room for, they do not drive each other out
 * all the time, which would cost more than it brings. Signal frames and other tracers' return
 * probes are not; nor more than PATH_SLOTS_MAX slots. A path holds as long as the rules on it
 * (unwind.bpf.h): its epoch.
 */
#ifndef HEAPTAP_PATH_BPF_H
#define HEAPTAP_PATH_BPF_H

struct path_key {
	__u64 return_address;
	__u64 sp;
	__u64 branch; /* 0, or a hash of where and how the path differs from those before it */
	__u32 image;
	__u32 epoch;
};

#define PATH_BRANCHES_MAX 16 /* tried; beyond, the last is replaced */
#define REMEMBER_ONE_IN 8

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct path_key);
	__type(value, struct unwind_path);
} paths SEC(".maps");

static __always_inline void path_begin(struct thread *thread, struct pt_regs *ctx)
{
	struct unwind_path *path = &thread->path;

	path->ip = PT_REGS_IP(ctx);
	path->bp = PT_REGS_FP(ctx);
	path->bp_matters = false;
	path->is_certain = true;
	path->slot_cnt = 0;
	thread->path_sp = PT_REGS_SP(ctx);
	thread->bp_slot = BP_OF_REGISTER;
}

/* The walk went by what this slot of the stack holds. */
static __always_inline void path_add(struct thread *thread, __u64 address, __u64 value)
{
	struct unwind_path *path = &thread->path;
	__u64 offset = address - thread->path_sp;
	__u32 at = path->slot_cnt;

	if (at >= PATH_SLOTS_MAX || offset & 7 || offset >> 3 > 0xffff) {
		path->is_certain = false;
		return;
	}
	path->offsets[at] = offset >> 3;
	path->values[at] = value;
	path->slot_cnt = at + 1;
}

/* The walk goes by the frame pointer: where that came from matters. */
static __always_inline void path_uses_bp(struct thread *thread)
{
	if (thread->bp_slot == BP_OF_REGISTER)
		thread->path.bp_matters = true;
	else if (thread->bp_slot != BP_NOTED)
		path_add(thread, thread->bp_slot, thread->unwind.bp);
	thread->bp_slot = BP_NOTED;
}

static __always_inline __u64 difference_of(__u64 what, __u64 value)
{
	return hash_mix(hash_mix(~0ull, what), value) | 1;
}

/* 0: the stack holds what the path does; else where and how it differs first. */
__noinline __u64 path_differs(struct thread *thread, const struct unwind_path *path)
{
	__u64 value = 0;

	if (!thread || !path)
		return 1;
	if (path->ip != thread->path.ip)
		return difference_of(~0ull, thread->path.ip);
	if (path->bp_matters && path->bp != thread->path.bp)
		return difference_of(~1ull, thread->path.bp);
	for (__u32 i = 0; i < PATH_SLOTS_MAX && i < path->slot_cnt; i++) {
		if (!window_read(thread, thread->path_sp + path->offsets[i] * 8ull, &value) ||
			value != path->values[i])
			return difference_of(path->offsets[i], value);
	}
	return 0;
}

/* The name of the stack that a remembered path leads to; 0: there is none. */
__noinline __u64 path_follow(struct thread *thread, __u64 return_address)
{
	struct path_key key = {.return_address = return_address, .epoch = map_epoch};
	struct unwind_path *path;
	__u64 difference;

	if (!thread)
		return 0;
	key.sp = thread->path_sp;
	key.image = thread->image;
	for (int i = 0; i < PATH_BRANCHES_MAX; i++) {
		thread->path_branch = key.branch;
		path = bpf_map_lookup_elem(&paths, &key);
		if (!path)
			return 0;
		difference = path_differs(thread, path);
		if (!difference)
			return path->stack;
		key.branch = hash_mix(key.branch, difference) | 1;
	}
	return 0;
}

/* Not inline, as the programs' stack has no room for one more key; and what such a function is given
 * in memory is no map's value to the verifier before 6.2, so the thread is asked for again. */
__noinline int path_remember(__u64 return_address, __u64 stack)
{
	struct path_key key = {.return_address = return_address, .epoch = map_epoch};
	struct thread *thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, 0);

	if (!thread || !thread->path.is_certain || bpf_get_prandom_u32() % REMEMBER_ONE_IN)
		return 0;
	key.sp = thread->path_sp;
	key.branch = thread->path_branch;
	key.image = thread->image;
	thread->path.stack = stack;
	bpf_map_update_elem(&paths, &key, &thread->path, BPF_ANY);
	return 0;
}

#endif
