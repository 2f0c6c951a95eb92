/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that map memory for the program itself: mmap, munmap, mremap, brk, sbrk. They are calls
 * like an allocator's (call.bpf.h), so what an allocator maps inside of malloc is nested in it, and
 * not told a second time.
 *
 * Order. An unmapped address is free for other threads before munmap returns. So a range is told to
 * be taken away when the call begins, and how that ended when it returns: then the collector
 * forgets the range, or puts it back. A range that is made is told at the return, before the caller
 * knows of it. mremap and a break that is moved down are no different. An address that is taken
 * over by MAP_FIXED is nobody else's at any moment, so there the return will do for what was there,
 * too.
 *
 *   thread 1: munmap(X) ─ begins ┐                                          ┌ done
 *   the kernel:                  └─ X is free ─ thread 2 gets X ────────────┘
 *   thread 2:                         mmap ─────────────────── returns X
 *   the ring:                    X gone                        X made        (X forgotten)
 *
 * An unmap that fails leaves X mapped throughout, so nobody can have been given it in between.
 *
 * Most ranges that are taken away are an allocator's, inside of free, which has no return probe;
 * only the collector knows that it does not know them.
 *
 * Limits: where the break is, is the kernel's word at the entry; other threads may be moving it
 * (brk and sbrk are not safe for threads). Of two threads that unmap the same range at once, one of
 * them in vain, the latter's is put back. A call with MAP_FIXED that fails can have taken away what
 * was there all the same, which stays in the books. A length of huge pages (MAP_HUGETLB) is told as
 * it was asked for.
 */
#ifndef HEAPTAP_RANGE_BPF_H
#define HEAPTAP_RANGE_BPF_H

/* include/uapi/asm-generic/mman-common.h, include/uapi/linux/mman.h */
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MREMAP_FIXED 2
#define MREMAP_DONTUNMAP 4

#define ADDRESS_MAX (1ull << 57) /* of user space, with five levels of page tables */

/* A length as the kernel takes it. What cannot be mapped anyway is none. */
static __always_inline __u64 whole_pages(__u64 size)
{
	__u64 page = 1ull << cfg_page_shift;

	return size > ADDRESS_MAX ? 0 : (size + page - 1) & -page;
}

/* But where no range can lie: the call will fail then. */
static __always_inline void range_take_away(struct range_call *range, __u64 addr, __u64 size)
{
	if (addr && addr < ADDRESS_MAX && size <= ADDRESS_MAX - addr) {
		range->addr = addr;
		range->size = size;
	}
}

static __always_inline void range_of_break(
	struct range_call *range, struct task_struct *task, __u64 *arguments, __u64 cookie)
{
	struct mm_struct *mm = task->mm;
	__u64 old = mm ? mm->brk : 0, lowest = mm ? mm->start_brk : 0;
	__u64 new = COOKIE_BLOCK_ARG(cookie) ? ARGUMENT(arguments, COOKIE_BLOCK_ARG(cookie))
					     : old + ARGUMENT(arguments, COOKIE_SIZE_ARG(cookie));

	if (new < lowest || new > ADDRESS_MAX)
		return; /* it asks where the break is, or fails */
	range->kind = RANGE_BREAK;
	if (new < old) {
		range_take_away(range, new, old - new);
		return;
	}
	range->new_size = new - old;
	/* sbrk returns what was the break; it may have been moved a moment ago */
	range->new_addr = COOKIE_BLOCK_ARG(cookie) ? old : 0;
}

static __always_inline void range_of_mapping(
	struct range_call *range, __u64 *arguments, __u64 cookie)
{
	__u64 size = whole_pages(ARGUMENT(arguments, COOKIE_COUNT_ARG(cookie)));
	__u64 old = ARGUMENT(arguments, COOKIE_BLOCK_ARG(cookie));
	__u64 flags = ARGUMENT(arguments, COOKIE_OUT_ARG(cookie));
	bool moves = COOKIE_ROLE(cookie) == ROLE_REMAP;

	range->new_size = whole_pages(ARGUMENT(arguments, COOKIE_SIZE_ARG(cookie)));
	range->fixed = !!(flags & (moves ? MREMAP_FIXED : MAP_FIXED));
	range->kind = moves || flags & MAP_ANONYMOUS ? RANGE_ANONYMOUS : RANGE_FILE;
	range->old_addr = old;
	if (whole_pages(old) == old && !(moves && flags & MREMAP_DONTUNMAP))
		range_take_away(range, old, size);
}

/* True: its return is of interest. */
static __always_inline bool range_enter(struct thread *thread, struct task_struct *task,
	struct pt_regs *ctx, __u64 *arguments, __u64 cookie, __u64 return_address)
{
	struct range_call *range = &thread->range;

	*range = (struct range_call){};
	if (COOKIE_ROLE(cookie) == ROLE_BREAK)
		range_of_break(range, task, arguments, cookie);
	else
		range_of_mapping(range, arguments, cookie);
	if (!range->size && !range->new_size)
		return false;
	if (range->new_size)
		thread->call.stack = stack_note(thread, task, ctx, return_address);
	thread->call.cookie = cookie;
	thread->call.return_address = return_address;
	thread->call.sp = PT_REGS_SP(ctx);
	if (range->size)
		emit_unmap(thread, task, cookie, UNMAP_BEGINS);
	return true;
}

/* The C library's brk takes a break that the kernel left where it was for success. */
static __always_inline bool range_failed(
	struct thread *thread, struct task_struct *task, __u64 result)
{
	__u64 cookie = thread->call.cookie;
	struct mm_struct *mm = task->mm;

	if (COOKIE_ROLE(cookie) == ROLE_BREAK && thread->range.size)
		return !mm || mm->brk > thread->range.addr;
	if (COOKIE_ROLE(cookie) == ROLE_UNMAP || thread->range.new_addr)
		return (int)result == -1;
	return result == ~0ull;
}

static __always_inline void range_end(struct thread *thread, struct task_struct *task, __u64 result)
{
	bool failed = range_failed(thread, task, result);
	__u64 addr = thread->range.new_addr ? thread->range.new_addr : result;

	if (thread->range.new_size && !failed)
		emit_map(thread, task, addr);
	if (thread->range.size)
		emit_unmap(thread, task, thread->call.cookie, failed ? UNMAP_FAILED : UNMAP_DONE);
}

#endif
