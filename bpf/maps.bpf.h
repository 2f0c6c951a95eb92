/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map and knob of the kernel side. Sizes of 1 are set by the collector before loading. */
#ifndef HEAPTAP_MAPS_BPF_H
#define HEAPTAP_MAPS_BPF_H

/* Knobs: read-only once loaded, so the verifier drops the branches that are off. */
const volatile __u32 cfg_self_tgid;	   /* heaptap itself is never traced, */
const volatile __u32 cfg_helper_tgid;	   /* nor is this one, with its children */
const volatile bool cfg_targets_only;	   /* only processes in `targets` */
const volatile bool cfg_follow_children;   /* a target's children become targets */
const volatile bool cfg_filter_uid;
const volatile __u32 cfg_uid;
const volatile bool cfg_filter_comm;
const volatile char cfg_comm[TASK_COMM_LEN_MAX];
const volatile bool cfg_filter_exe;	    /* only programs in `wanted_exes` */
const volatile bool cfg_filter_cgroup;	    /* below the cgroup in `cgroup` */
const volatile bool cfg_no_stacks;	    /* only the allocator function itself */
const volatile bool cfg_unwind;		    /* by call frame information */
const volatile bool cfg_frame_pointers;	    /* where a file has none of it */
const volatile bool cfg_check;		    /* a free has a stack too, and is followed */
const volatile __u32 cfg_page_shift = 12;   /* of the kernel: vm_pgoff's unit */
const volatile bool cfg_declared;	    /* functions that the user declares are probed, too */
const volatile bool cfg_ranges;		    /* what programs map themselves is told, too */
const volatile bool cfg_stops;		    /* allocations are numbered, for stop_at */
const volatile bool cfg_stop_when;	    /* new stacks are judged: is this one to stop at? */
const volatile __u64 cfg_wakeup_bytes;	    /* the ring's fill that wakes the collector */
const volatile __u32 cfg_sample_bytes;	    /* between points, on the average; 0: all blocks */

/* One ring for all: a record's place in it is its order (see event.h). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* Files again, for the thread that loads their unwind rows and must not wait behind all else. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
} new_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, __u32); /* tgid */
	__type(value, __u8);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cgroup SEC(".maps");

/* Stacks that the collector has, by hash and image. An evicted one is only sent again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 128 * 1024);
	__type(key, __u64);
	__type(value, __u8);
} known_stacks SEC(".maps");

/* With generation 0: userspace cannot ask for it on every file system. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct file_key);
	__type(value, __u8);
} wanted_exes SEC(".maps");

/* Files that the collector has the path of, by the number that stands for them in frames. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16 * 1024);
	__type(key, struct file_key);
	__type(value, __u32);
} known_files SEC(".maps");

__u32 last_file = FILE_VDSO; /* the last file number given away */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct image_key);
	__type(value, struct counters);
} image_counters SEC(".maps");

/* The probes are being taken away, one after the other. From this moment on nothing is told but how
 * calls end that are in flight, or allocations would be seen without their frees, and frees without
 * their allocations. */
bool is_ending;

struct counters stray_counters; /* of images for which image_counters had no room */

#endif
