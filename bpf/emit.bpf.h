/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Putting records into the ring: reserved late, submitted at once, and each failure counted. */
#ifndef HEAPTAP_EMIT_BPF_H
#define HEAPTAP_EMIT_BPF_H

/* The collector looks into the ring by the clock. It is woken early only when the ring is filling,
 * which a thread asks about once in so many records: a wakeup per record costs far more. */
#define RECORDS_PER_FILL_CHECK 64

static __always_inline __u64 wakeup_flags(struct thread *thread)
{
	if (++thread->record_cnt % RECORDS_PER_FILL_CHECK)
		return BPF_RB_NO_WAKEUP;
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > cfg_wakeup_bytes ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

static __always_inline void event_fill(struct event *event, __u8 kind, __u8 flags, __u16 function,
	struct task_struct *task, __u32 image)
{
	event->kind = kind;
	event->flags = flags;
	event->function = function;
	event->tgid = task->tgid;
	event->tid = task->pid;
	event->image = image;
}

/* False (counted): it is not told of. */
static __always_inline bool emit_alloc(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u8 flags, __u64 addr)
{
	__u64 now = bpf_ktime_get_ns();
	struct alloc_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_allocs);
		return false;
	}
	event_fill(&record->event, EVENT_ALLOC, flags, COOKIE_FUNCTION(cookie), task, thread->image);
	record->time_ns = now;
	record->addr = addr;
	record->size = thread->call.size;
	record->stack = thread->call.stack;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
	return true;
}

static __always_inline void emit_alloc_failed(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u8 flags)
{
	struct alloc_failed_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_failed);
		return;
	}
	event_fill(&record->event, EVENT_ALLOC_FAILED, flags, COOKIE_FUNCTION(cookie), task,
		thread->image);
	record->old_addr = thread->call.block;
	record->size = thread->call.size;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

/* With the stack of the call in flight: the free's own, or the realloc's. */
static __always_inline void emit_checked_free(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u8 flags, __u64 addr)
{
	struct checked_free_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_frees);
		return;
	}
	event_fill(&record->free.event, EVENT_FREE, flags | EVENT_F_CHECKED,
		COOKIE_FUNCTION(cookie), task, thread->image);
	record->free.addr = addr;
	record->stack = thread->call.stack;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

static __always_inline void emit_free(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u8 flags, __u64 addr)
{
	struct free_event *record;

	if (cfg_check) {
		emit_checked_free(thread, task, cookie, flags, addr);
		return;
	}
	record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_frees);
		return;
	}
	event_fill(&record->event, EVENT_FREE, flags, COOKIE_FUNCTION(cookie), task, thread->image);
	record->addr = addr;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

static __always_inline bool point_is_frequent(__u64 cookie)
{
	return POINT_COOKIE_POINT(cookie) == POINT_SECTION_ENTER ||
	       POINT_COOKIE_POINT(cookie) == POINT_SECTION_RETURN;
}

static __always_inline void emit_point(
	struct thread *thread, struct task_struct *task, __u64 cookie, __u64 number)
{
	struct point_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_points);
		return;
	}
	event_fill(&record->event, EVENT_POINT, 0, POINT_COOKIE_PLACE(cookie), task, thread->image);
	record->time_ns = bpf_ktime_get_ns();
	record->number = number;
	record->stack = POINT_COOKIE_POINT(cookie) == POINT_CHECKPOINT ? 0 : thread->call.stack;
	record->point = POINT_COOKIE_POINT(cookie);
	record->reserved = 0;
	bpf_ringbuf_submit(
		record, point_is_frequent(cookie) ? wakeup_flags(thread) : BPF_RB_FORCE_WAKEUP);
}

static __always_inline void emit_map(struct thread *thread, struct task_struct *task, __u64 addr)
{
	__u64 now = bpf_ktime_get_ns();
	struct map_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_maps);
		return;
	}
	event_fill(&record->event, EVENT_MAP, 0, COOKIE_FUNCTION(thread->call.cookie), task,
		thread->image);
	record->time_ns = now;
	record->addr = addr;
	record->size = thread->range.new_size;
	record->stack = thread->call.stack;
	record->old_addr = thread->range.old_addr;
	record->kind = thread->range.kind;
	record->fixed = thread->range.fixed;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

static __always_inline void emit_unmap(
	struct thread *thread, struct task_struct *task, __u64 cookie, enum unmap_step step)
{
	struct unmap_event *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record) {
		count_for(task->tgid, thread->image, COUNTER_lost_unmaps);
		return;
	}
	event_fill(
		&record->event, EVENT_UNMAP, 0, COOKIE_FUNCTION(cookie), task, thread->image);
	record->addr = thread->range.addr;
	record->size = thread->range.size;
	record->step = step;
	bpf_ringbuf_submit(record, wakeup_flags(thread));
}

#endif
