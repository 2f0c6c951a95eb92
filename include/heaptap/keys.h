/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys of the maps that both sides use (bpf/maps.bpf.h, user/probe/tracer_*.c). They have no holes:
 * the kernel compares every byte. No system header may be included here, as in event.h.
 */
#ifndef HEAPTAP_KEYS_H
#define HEAPTAP_KEYS_H

struct file_key {
	__u64 inode;
	__u32 dev;
	__u32 generation; /* an inode number is used again, with another generation */
};

struct image_key {
	__u32 tgid;
	__u32 image;
};

struct sampled_key {
	__u64 addr;
	struct image_key books;
};

#endif
