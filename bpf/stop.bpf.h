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
 *
 * With --stop-when it is a stack that counts, and names are known in user space alone. So the thread
 * that comes to an allocation with a new stack waits here, in its probe, until the collector has
 * looked at that one (ask.bpf.h): mostly for some 100 us, but the first names of a file with much
 * debug information can take some 100 ms. If that is too late, the collector stops the process itself.
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

/* ---- by stack */

__u32 stop_when_done; /* somebody has been stopped: that is all */

/* Once in a heaptap's life. */
static __always_inline bool stop_by_stack(
	struct thread *thread, struct task_struct *task, __u64 number)
{
	__u64 stack = thread->call.stack;
	__u8 *known;
	int answer;

	if (stop_when_done)
		return false;
	known = bpf_map_lookup_elem(&answers, &stack);
	if (known) {
		answer = *known;
	} else {
		emit_point(thread, task, POINT_COOKIE(0, POINT_JUDGE), number);
		answer = answer_await(stack);
	}
	return answer == ANSWER_STOP && !__sync_val_compare_and_swap(&stop_when_done, 0, 1);
}

/* ---- allocations */

/* An allocation's record is in the ring. */
__noinline int stop_count(struct thread *thread)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct image_key owner;
	__u64 number;

	if (!thread)
		return 0;
	owner = stop_owner(thread, task);
	number = stop_next_number(&owner);
	if (!number)
		return 0;
	if (!(number == stop_at && (!stop_tgid || stop_tgid == owner.tgid)) &&
		!(cfg_stop_when && stop_by_stack(thread, task, number)))
		return 0;
	emit_point(thread, task, POINT_COOKIE(0, POINT_STOP), number);
	bpf_send_signal(SIGSTOP);
	return 0;
}

#endif
