/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The target's stack, read in pieces: ten times cheaper than slot by slot. */
#ifndef HEAPTAP_WINDOW_BPF_H
#define HEAPTAP_WINDOW_BPF_H

#define PAGE_MIN_SZ 4096

static __always_inline bool window_copy(struct unwind *unwind, __u64 address)
{
	__u64 room = unwind->readable_end - address, sz = WINDOW_SZ;

	if (room < sz)
		sz = room;
	asm volatile("" : "+r"(sz)); /* else the verifier does not see its bound */
	if (sz < sizeof(__u64) || sz > WINDOW_SZ)
		return false;
	if (bpf_probe_read_user(unwind->stack, sz, (void *)address))
		return false;
	unwind->window = address;
	unwind->window_sz = sz;
	return true;
}

/* What the main thread has called directly lies near the end of its stack, and a window may not. To
 * find that out takes a page fault, longer than all of the walk: it is done once. */
static __always_inline bool window_move(struct unwind *unwind, __u64 address)
{
	unwind->window_sz = 0;
	if (window_copy(unwind, address))
		return true;
	unwind->readable_end = (address + WINDOW_SZ) & -(__u64)PAGE_MIN_SZ;
	return window_copy(unwind, address);
}

static __always_inline bool window_read(struct thread *thread, __u64 address, __u64 *ret_value)
{
	struct unwind *unwind = &thread->unwind;
	__u64 offset = address - unwind->window;

	if (offset >= unwind->window_sz || unwind->window_sz - offset < sizeof(__u64)) {
		if (!window_move(unwind, address))
			return !bpf_probe_read_user(ret_value, sizeof(*ret_value), (void *)address);
		offset = 0;
	}
	*ret_value = unwind->stack[offset / sizeof(__u64) & (WINDOW_SZ / sizeof(__u64) - 1)];
	return true;
}

#endif
