/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stopping a process in its allocation number N (--stop-at, heaptap stop-at).
 *
 * The numbers are those of the books, so the same things are counted as there: records of
 * allocations that are in the ring, for each image; a fork's child goes on with its parent's count,
 * and who runs in its parent's memory (vfork) adds to that one's. Threads that allocate at the same
 * time can get each other's numbers, as their records' order is decided elsewhere.
 *
 * It is stopped by a signal to the process, which takes effect when this thread goes back to the
 * program: the allocation has returned, and its caller has not gone on. There the stack is whole,
 * and the kernel's return trampoline is out of a debugger's way.
 */
#ifndef HEAPTAP_STOP_BPF_H
#define HEAPTAP_STOP_BPF_H

#define SIGSTOP 19

__u64 stop_at;	 /* the number; 0: none */
__u32 stop_tgid; /* whose; 0: anybody's */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct image_key);
	__type(value, __u64);
} alloc_numbers SEC(".maps"); /* the last allocation's */

static __always_inline void stop_begin(__u32 tgid, __u32 image, __u64 number)
{
	struct image_key key = {tgid, image};

	bpf_map_update_elem(&alloc_numbers, &key, &number, BPF_ANY);
}

static __always_inline void stop_forget(__u32 tgid, __u32 image)
{
	struct image_key key = {tgid, image};

	if (cfg_stops)
		bpf_map_delete_elem(&alloc_numbers, &key);
}

static __always_inline void stop_fork(__u32 tgid, __u32 image, __u32 child_tgid, __u32 child_image)
{
	struct image_key key = {tgid, image};
	__u64 *number = bpf_map_lookup_elem(&alloc_numbers, &key);

	if (number)
		stop_begin(child_tgid, child_image, *number);
}

/* Whose books the task's allocations are in. */
static __always_inline struct image_key stop_owner(struct thread *thread, struct task_struct *task)
{
	struct task_struct *parent = task->real_parent;
	struct image_key key = {task->tgid, thread->image};

	if (parent->mm == task->mm) {
		key.tgid = parent->tgid;
		key.image = image_of(parent->group_leader->start_boottime, parent->self_exec_id);
	}
	return key;
}

/* The next number, 0 without memory. */
static __always_inline __u64 stop_next_number(struct image_key *key)
{
	__u64 *number = bpf_map_lookup_elem(&alloc_numbers, key), none = 0;

	if (!number) {
		bpf_map_update_elem(&alloc_numbers, key, &none, BPF_NOEXIST);
		number = bpf_map_lookup_elem(&alloc_numbers, key);
	}
	return number ? __sync_fetch_and_add(number, 1) + 1 : 0;
}

/* An allocation's record is in the ring. */
static __always_inline void stop_count(struct thread *thread, struct task_struct *task)
{
	struct image_key owner = stop_owner(thread, task);
	__u64 number = stop_next_number(&owner);

	if (!number || number != stop_at || (stop_tgid && stop_tgid != owner.tgid))
		return;
	emit_point(thread, task, POINT_COOKIE(0, POINT_STOP), number);
	bpf_send_signal(SIGSTOP);
}

#endif
