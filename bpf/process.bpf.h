/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which processes are traced, and what names one image of one process. */
#ifndef HEAPTAP_PROCESS_BPF_H
#define HEAPTAP_PROCESS_BPF_H

static __always_inline __u64 hash_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* A hash of when the process started and how often it has called exec: pids come back, this does
 * not. (Two lives of one pid collide once in 2^32.) self_exec_id: 5.7, commit d1e7fd6462ca. */
static __always_inline __u32 image_of(__u64 start_ns, __u64 exec_id)
{
	__u64 hash = (start_ns ^ exec_id << 48 ^ exec_id) * 0x9e3779b97f4a7c15ull;

	return hash >> 32 ? hash >> 32 : 1;
}

static __always_inline __u32 task_image(struct task_struct *task)
{
	return image_of(task->group_leader->start_boottime, task->self_exec_id);
}

/* The one that it had before its last exec. */
static __always_inline __u32 task_old_image(struct task_struct *task)
{
	return image_of(task->group_leader->start_boottime, task->self_exec_id - 1);
}

/* What tells address spaces apart in which the same file lies at other addresses, and is inherited
 * by fork, which copies them: where the kernel put the stack and the program, at random. */
static __always_inline __u64 layout_of(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	return mm ? mm->start_stack ^ mm->start_code << 16 : 0;
}

static __always_inline bool comm_wanted(struct task_struct *task)
{
	char comm[TASK_COMM_LEN_MAX];

	bpf_probe_read_kernel(comm, sizeof(comm), task->group_leader->comm);
	for (int i = 0; i < TASK_COMM_LEN_MAX; i++) {
		if (comm[i] != cfg_comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool exe_wanted(struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct file *exe = mm ? mm->exe_file : NULL;
	struct inode *inode = exe ? exe->f_inode : NULL;
	struct file_key key = {};

	if (!inode)
		return false;
	key.inode = inode->i_ino;
	key.dev = inode->i_sb->s_dev;
	return bpf_map_lookup_elem(&wanted_exes, &key);
}

/* Whether a filter lets an image pass is decided once: what it is called, whose it is and where it runs
 * can change, and half-seen books are worse than none. Needed only where there are filters. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, struct image_key);
	__type(value, __u8); /* 1: wanted */
} decided_images SEC(".maps");

static __always_inline bool has_filters(void)
{
	return cfg_filter_uid || cfg_filter_comm || cfg_filter_exe || cfg_filter_cgroup;
}

static __always_inline __u8 filters_pass(struct task_struct *task)
{
	if (cfg_filter_uid && task->cred->uid.val != cfg_uid)
		return 0;
	if (cfg_filter_comm && !comm_wanted(task))
		return 0;
	if (cfg_filter_exe && !exe_wanted(task))
		return 0;
	return !cfg_filter_cgroup || bpf_current_task_under_cgroup(&cgroup, 0) == 1;
}

static __always_inline void image_decide(__u32 tgid, __u32 image, __u8 wanted)
{
	struct image_key key = {tgid, image};

	if (has_filters())
		bpf_map_update_elem(&decided_images, &key, &wanted, BPF_ANY);
}

static __always_inline bool image_was_wanted(__u32 tgid, __u32 image)
{
	struct image_key key = {tgid, image};
	__u8 *decided = bpf_map_lookup_elem(&decided_images, &key);

	return decided && *decided && !is_ending;
}

static __always_inline void image_undecide(__u32 tgid, __u32 image)
{
	struct image_key key = {tgid, image};

	if (has_filters())
		bpf_map_delete_elem(&decided_images, &key);
}

/* Is the current process traced? */
__noinline int process_wanted(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 tgid = task->tgid;
	struct image_key key = {tgid, 0};
	__u8 *decided, wanted;

	if (is_ending || tgid == cfg_self_tgid || tgid == cfg_helper_tgid ||
		(__u32)task->real_parent->tgid == cfg_helper_tgid)
		return 0;
	if (cfg_targets_only)
		return bpf_map_lookup_elem(&targets, &tgid) != NULL;
	if (!has_filters())
		return 1;
	key.image = task_image(task);
	decided = bpf_map_lookup_elem(&decided_images, &key);
	if (decided)
		return *decided;
	wanted = filters_pass(task);
	image_decide(key.tgid, key.image, wanted);
	return wanted;
}

#endif
