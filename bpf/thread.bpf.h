/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is remembered of a thread between its probes. It lives in task storage: per-CPU scratch is
 * unsafe in uprobe programs, which another task's probe can interrupt on the same CPU; and it ends
 * with the thread, by itself.
 */
#ifndef HEAPTAP_THREAD_BPF_H
#define HEAPTAP_THREAD_BPF_H

/* What a return adds to sp. */
#if defined(__TARGET_ARCH_x86)
#define RETURN_POPS 8
#else
#define RETURN_POPS 0
#endif

#define NO_TRAMPOLINE (~0ull)

struct call {	  /* the outermost allocator call that has not returned yet */
	__u64 sp; /* at its entry; 0: there is none */
	__u64 cookie;
	__u64 return_address;
	__u64 size;
	__u64 block; /* realloc's block */
	__u64 out;   /* where posix_memalign stores the block */
	__u64 stack;
	__u64 arena;	 /* what the block will belong to */
	bool is_sampled; /* where blocks are */
};

struct growth {	  /* a declared function (COOKIE_F_GROWS) that has not returned yet */
	__u64 sp; /* at its entry; 0: there is none */
	__u64 return_address;
	__u64 arena; /* what is allocated inside it belongs to this one */
};

struct range_call { /* of the call in flight, if it maps: what it takes away, and what it makes */
	__u64 addr;
	__u64 size;	/* 0: nothing */
	__u64 new_addr; /* 0: what the call returns */
	__u64 new_size; /* 0: nothing */
	__u64 old_addr;
	__u8 kind;
	__u8 fixed;
};

#define WINDOW_SZ 2048		/* of the stack, read at once: most stacks lie in one or two */
#define RETURN_INSTANCES_MAX 64 /* the kernel's limit of nested return probes */

struct unwind { /* a walk under way: the registers of the frame that it has come to */
	__u64 pc, sp, bp;
	__u64 window;	 /* the address that `stack` is a copy from, */
	__u32 window_sz; /* of so many bytes */
	__u32 frame_cnt;
	__u64 readable_end; /* no window reached beyond: of all walks */
	__u64 hash;	    /* of the frames so far: where they lie in which files */
	bool exact;	    /* pc is where it was interrupted, not a return address */
	__u64 stack[WINDOW_SZ / sizeof(__u64)];
};

#define PATH_SLOTS_MAX 128

struct unwind_path {  /* a walk that was made: what it read, and what it found (path.bpf.h) */
	__u64 ip, bp; /* at its beginning */
	__u64 stack;  /* the hash that names what was found */
	__u32 slot_cnt;
	bool bp_matters;
	bool is_certain;
	__u16 offsets[PATH_SLOTS_MAX]; /* from the stack pointer, in 8 bytes */
	__u64 values[PATH_SLOTS_MAX];
};

#define BP_OF_REGISTER 0 /* the walk's frame pointer is what it was at its beginning, */
#define BP_NOTED 1	 /* or its slot is in the path already */

#define ARGUMENTS 8 /* a power of two; arguments[0] is none */

struct thread {
	struct call call;
	__u64 arguments[ARGUMENTS]; /* of a call that begins */
	struct growth growth;
	__u64 freed_addr; /* the last free: address, and sp at its entry */
	__u64 freed_sp;
	__u64 exec_id; /* of the image that the next three belong to */
	__u32 image;
	__u64 layout;
	bool known;
	bool traced;
	__u32 record_cnt; /* put into the ring */
	struct sampler sampler;
	__u64 addresses[128]; /* a power of two above STACK_FRAMES_MAX */
	__u64 path_sp;
	__u64 path_branch;
	__u64 bp_slot; /* where the walk's frame pointer was saved */
	struct unwind_path path;
	struct unwind unwind;
	struct range_call range; /* here, out of the way of what every call needs */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/* Where pending return probes return to: the kernel's trampoline stands at the beginning of its
 * page in the process (kernel/events/uprobes.c, uprobe_get_trampoline_vaddr). */
static __always_inline __u64 trampoline_of(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct xol_area *area = mm ? mm->uprobes_state.xol_area : NULL;

	return area ? area->vaddr : NO_TRAMPOLINE;
}

static __always_inline void thread_begin_image(struct thread *thread, struct task_struct *task)
{
	thread->exec_id = task->self_exec_id;
	thread->image = task_image(task);
	thread->layout = layout_of(task);
	thread->traced = process_wanted();
	thread->known = true;
	thread->call.sp = 0;
	thread->growth.sp = 0;
	thread->freed_addr = 0;
	sampler_begin(&thread->sampler, task->tgid, thread->image);
}

/* The current thread's state; NULL if it isn't traced (any more), or (counted) if there is no memory. */
static __always_inline struct thread *thread_current(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);

	if (!thread) {
		/* Threads that are not traced cost no memory. */
		if (!process_wanted())
			return NULL;
		thread = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	}
	if (!thread) {
		count_for(task->tgid, task_image(task), COUNTER_no_memory);
		return NULL;
	}
	if (!thread->known || thread->exec_id != task->self_exec_id)
		thread_begin_image(thread, task);
	return thread->traced && !is_ending ? thread : NULL;
}

#endif
