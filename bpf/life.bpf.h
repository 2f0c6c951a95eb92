/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process's turns: fork, exec, exit. Told in the same ring as its allocations, so that they stand
 * in the right place among them. */
#ifndef HEAPTAP_LIFE_BPF_H
#define HEAPTAP_LIFE_BPF_H

#define SIGNAL_GROUP_EXIT 0x04 /* include/linux/sched/signal.h */

static __always_inline void life_fork(struct task_struct *parent, struct task_struct *child)
{
	__u32 child_tgid = child->tgid, child_image = task_image(child);
	__u32 image = task_image(parent);
	struct fork_event *record;
	bool shared = child->mm == parent->mm;
	__u8 one = 1;

	if (child->tgid == parent->tgid || !process_wanted())
		return;
	if (cfg_targets_only) {
		if (!cfg_follow_children)
			return;
		bpf_map_update_elem(&targets, &child_tgid, &one, BPF_ANY);
	}
	image_decide(child_tgid, child_image, 1);
	sample_fork((struct image_key){parent->tgid, image},
		(struct image_key){child_tgid, child_image}, child->mm == parent->mm);
	if (cfg_stops && !shared)
		stop_fork(parent->tgid, image, child_tgid, child_image);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		/* The child's books lack what it has from its parent. */
		count_for(parent->tgid, image, COUNTER_lost_lifecycle);
		count_for(child_tgid, child_image, COUNTER_lost_lifecycle);
		return;
	}
	event_fill(&record->event, EVENT_FORK, shared ? EVENT_F_SHARED_VM : 0, 0, parent, image);
	record->time_ns = bpf_ktime_get_ns();
	record->child_start_ns = child->start_boottime;
	record->child_tgid = child_tgid;
	record->child_image = child_image;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* What is kept of an image that has ended. */
__noinline int image_forget(__u32 tgid, __u32 image)
{
	image_undecide(tgid, image);
	mappings_forget(tgid, image);
	sample_end(tgid, image);
	stop_forget(tgid, image);
	return 0;
}

static __always_inline void life_exec(struct task_struct *task)
{
	__u32 image = task_image(task), tgid = task->tgid, exe = 0, old_image;
	__u64 start_ns = task->group_leader->start_boottime, exe_file = 0;
	struct exec_event *record;
	bool wanted = process_wanted(), was_wanted;

	old_image = task_old_image(task);
	was_wanted = has_filters() ? image_was_wanted(tgid, old_image) : wanted;
	image_forget(tgid, old_image);
	if (!wanted && !was_wanted)
		return;
	BPF_CORE_READ_INTO(&exe_file, task, mm, exe_file);
	if (wanted)
		exe = file_number(task, image, exe_file);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_for(tgid, image, COUNTER_lost_lifecycle);
		return;
	}
	event_fill(&record->event, EVENT_EXEC, wanted ? 0 : EVENT_F_LEFT, 0, task, image);
	record->time_ns = bpf_ktime_get_ns();
	record->start_ns = start_ns;
	record->old_image = old_image;
	record->exe = exe;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* The last thread ends. What wait(2) will say is the group's code if a signal or exit_group ended
 * it, else the main thread's own (kernel/exit.c, wait_task_zombie). */
static __always_inline __u32 exit_status(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;

	return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code
						 : task->group_leader->exit_code;
}

/* Only of threads that called an allocator. */
static __always_inline void life_thread_exit(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	struct event *record;

	if (!thread || !thread->traced)
		return;
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_lifecycle);
		return;
	}
	event_fill(record, EVENT_THREAD_EXIT, 0, 0, task, thread->image);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline void life_exit(struct task_struct *task)
{
	__u32 tgid = task->tgid, image = task_image(task), old_image = task_old_image(task);
	struct exit_event *record;
	bool wanted;

	if (task->signal->live.counter) {
		life_thread_exit(task);
		return;
	}
	wanted = process_wanted() || (has_filters() && image_was_wanted(tgid, old_image));
	image_forget(tgid, image);
	image_forget(tgid, old_image);
	if (!wanted)
		return;
	if (cfg_targets_only)
		bpf_map_delete_elem(&targets, &tgid);
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_for(tgid, image, COUNTER_lost_lifecycle);
		return;
	}
	event_fill(&record->event, EVENT_EXIT, 0, 0, task, image);
	record->time_ns = bpf_ktime_get_ns();
	record->status = exit_status(task);
	record->old_image = old_image;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->group_leader->comm);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

#endif
