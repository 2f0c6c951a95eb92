/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mappings of code that were met in an image: so that the kernel is asked once for each of them,
 * and not for each address. Asking (bpf_find_vma) fails while another thread changes mappings, or
 * waits to: threads that allocate at full speed can do that for milliseconds.
 *
 * A row is written by whoever meets the mapping, its end last; two threads can write the same one
 * twice, which does no harm. All rows are dropped when an epoch ends (unwind.bpf.h).
 */
#ifndef HEAPTAP_MAPPING_BPF_H
#define HEAPTAP_MAPPING_BPF_H

#define MAPPINGS_MAX 64 /* of code, in one image; what is beyond is asked for each time */

struct mapping {
	__u64 start;
	__u64 end; /* 0: not written yet */
	__u64 file_start; /* file offset of `start` */
	__u32 file;
	__u32 epoch;
};

struct mappings {
	__u32 cnt;
	struct mapping rows[MAPPINGS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct image_key);
	__type(value, struct mappings);
} image_mappings SEC(".maps");

__u32 map_epoch;

static const struct mappings no_mappings = {};

/* Of the current process; NULL if there is no room. */
static __always_inline struct mappings *mappings_of(__u32 image)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct image_key key = {task->tgid, image};
	struct mappings *mappings = bpf_map_lookup_elem(&image_mappings, &key);

	if (mappings)
		return mappings;
	bpf_map_update_elem(&image_mappings, &key, &no_mappings, BPF_NOEXIST);
	return bpf_map_lookup_elem(&image_mappings, &key);
}

/* `epoch` is that in which the file was asked for. */
static __always_inline void mapping_add(
	__u32 image, __u32 epoch, __u64 start, __u64 end, __u64 file_start, __u32 file)
{
	struct mappings *mappings = mappings_of(image);
	struct mapping *row;
	__u32 at;

	if (!mappings || !file)
		return;
	at = __sync_fetch_and_add(&mappings->cnt, 1);
	if (at >= MAPPINGS_MAX) {
		/* Full of old ones, perhaps: the next round begins. */
		mappings->cnt = 0;
		return;
	}
	row = &mappings->rows[at & (MAPPINGS_MAX - 1)];
	row->end = 0;
	barrier();
	row->start = start;
	row->file_start = file_start;
	row->file = file;
	row->epoch = epoch;
	barrier();
	row->end = end;
}

/* 1: found, and *frame filled in. */
__noinline int mapping_find(__u64 address, __u32 image, struct stack_frame *frame)
{
	struct mappings *mappings = mappings_of(image);

	if (!mappings || !frame)
		return 0;
	for (int i = 0; i < MAPPINGS_MAX; i++) {
		struct mapping *row = &mappings->rows[i];
		__u64 start = row->start, end = row->end;

		if (address >= end || address < start || row->epoch != map_epoch)
			continue;
		frame->address = address;
		frame->file = row->file;
		frame->file_offset = address - start + row->file_start;
		frame->reserved = 0;
		barrier();
		/* It was written anew meanwhile (there are more mappings than rows). */
		if (row->start != start || row->end != end)
			continue;
		return 1;
	}
	return 0;
}

static __always_inline void mappings_forget(__u32 tgid, __u32 image)
{
	struct image_key key = {tgid, image};

	bpf_map_delete_elem(&image_mappings, &key);
}

#endif
