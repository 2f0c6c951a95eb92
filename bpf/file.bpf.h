/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which file an address lies in, asked of the kernel at the moment itself (bpf_find_vma, 5.17), so
 * that no table of mappings has to be kept in step with mmap, dlopen, fork and exec, and a stack
 * can be named when its process is gone. A file's path is sent once, read from its dentries:
 * bpf_d_path is not for uprobe programs.
 */
#ifndef HEAPTAP_FILE_BPF_H
#define HEAPTAP_FILE_BPF_H

#define ENOENT 2
#define EBUSY 16

#define PATH_STEPS_MAX 40 /* names and mounts on the way to the root */
#define NAME_SZ_MAX 256	  /* NAME_MAX and its NUL */

struct path_buf {
	char bytes[FILE_PATH_MAX];
};

/* On the way from a file up to its root, name by name. Kernel pointers are numbers here, because a
 * function that is not static can't take them otherwise. */
struct path_walk {
	__u64 dentry;
	__u64 mount;
	__u64 used; /* bytes of path_buf */
};

/*
 * One step up; 0: that was the last. Not static, as all functions here that loop or are looped
 * over: the verifier then looks at them once, not once for each way to them. What they keep in
 * memory that they are given it does not follow, so each round of a loop looks the same to it (6.1
 * gives up on the loop otherwise).
 */
__noinline int path_step(struct path_walk *walk, struct path_buf *buf)
{
	struct dentry *dentry, *parent;
	struct mount *mount;
	__u64 at;
	long sz;

	if (!walk || !buf)
		return 0;
	dentry = (struct dentry *)walk->dentry;
	mount = (struct mount *)walk->mount;
	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		walk->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = (__u64)BPF_CORE_READ(mount, mnt_parent);
		return walk->mount != (__u64)mount;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	at = walk->used;
	barrier_var(at); /* what is compared is what is used: 6.1 forgets a copy's bounds */
	if (parent == dentry || at > FILE_PATH_MAX - NAME_SZ_MAX)
		return 0;
	sz = bpf_probe_read_kernel_str(
		buf->bytes + at, NAME_SZ_MAX, BPF_CORE_READ(dentry, d_name.name));
	if (sz <= 0 || sz > NAME_SZ_MAX)
		return 0;
	walk->used = at + sz;
	walk->dentry = (__u64)parent;
	return 1;
}

/* Writes the names from a file up to its root; returns the bytes written. */
static __always_inline __u32 path_read(__u64 file_address, struct path_buf *buf)
{
	struct file *file = (struct file *)file_address;
	void *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct path_walk walk = {
		.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry),
		.mount = (__u64)(vfsmount - bpf_core_field_offset(struct mount, mnt)),
	};

	for (int i = 0; i < PATH_STEPS_MAX; i++) {
		if (!path_step(&walk, buf))
			break;
	}
	return walk.used;
}

struct file_record {
	struct file_event header;
	struct path_buf path;
};

static __always_inline bool file_send(void *ring, struct task_struct *task, __u32 image, __u64 file,
	const struct file_key *key, __u32 number, __u8 flags)
{
	struct file_record *record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);

	if (!record)
		return false;
	event_fill(&record->header.event, EVENT_FILE, flags, 0, task, image);
	record->header.inode = key->inode;
	record->header.dev = key->dev;
	record->header.file = number;
	record->header.generation = key->generation;
	record->header.path_sz = path_read(file, &record->path);
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	return true;
}

/* Gives the file a number and sends its path. 0: lost (counted; tried again next time). */
static __always_inline __u32 file_introduce(
	struct task_struct *task, __u32 image, __u64 file, const struct file_key *key)
{
	__u32 number = __sync_fetch_and_add(&last_file, 1) + 1;

	bool sent = file_send(&new_files, task, image, file, key, number, 0);

	if (!file_send(&events, task, image, file, key, number, sent ? 0 : EVENT_F_ALONE)) {
		count_for(task->tgid, image, COUNTER_lost_files);
		return 0;
	}
	bpf_map_update_elem(&known_files, key, &number, BPF_ANY);
	return number;
}

static __always_inline struct file_key file_key_of(__u64 file_address)
{
	struct file *file = (struct file *)file_address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	return (struct file_key){
		.inode = BPF_CORE_READ(inode, i_ino),
		.dev = BPF_CORE_READ(inode, i_sb, s_dev),
		.generation = BPF_CORE_READ(inode, i_generation),
	};
}

/* 0: it has none yet. The collector may have given one without knowing the generation. */
static __always_inline __u32 file_lookup(const struct file_key *key)
{
	struct file_key any = {.inode = key->inode, .dev = key->dev};
	__u32 *number = bpf_map_lookup_elem(&known_files, key);

	if (!number)
		number = bpf_map_lookup_elem(&known_files, &any);
	return number ? *number : 0;
}

/* The number of the struct file at this kernel address; 0: it has none yet. */
static __always_inline __u32 file_known(__u64 file_address)
{
	struct file_key key = file_key_of(file_address);

	return file_lookup(&key);
}

/* The same, introduced if need be; 0: it is none, or lost. */
static __always_inline __u32 file_number(struct task_struct *task, __u32 image, __u64 file_address)
{
	struct file_key key = file_key_of(file_address);
	__u32 number = file_address ? file_lookup(&key) : 0;

	return number || !file_address ? number : file_introduce(task, image, file_address, &key);
}

/* Asked by the collector of a mapping of its own: on overlayfs a process's list of mappings has
 * another number for a file than the file that is probed. */
__u64 identity_address, identity_inode;
__u32 identity_dev;

static long identity_answer(struct task_struct *task, struct vm_area_struct *vma, void *arg)
{
	struct file_key key;
	__u64 file = 0;

	BPF_CORE_READ_INTO(&file, vma, vm_file);
	if (!file)
		return 0;
	key = file_key_of(file);
	identity_inode = key.inode;
	identity_dev = key.dev;
	return 0;
}

struct file_question {
	__u64 address;
	__u64 file_offset;
	__u32 image;
	__u32 file;
	__u32 epoch;
	bool is_code;
};

static __always_inline bool is_vdso(struct task_struct *task, struct vm_area_struct *vma)
{
	return BPF_CORE_READ(task, mm, context.vdso) == (void *)vma->vm_start;
}

static long file_answer(struct task_struct *task, struct vm_area_struct *vma, void *arg)
{
	struct file_question *question = arg;
	__u64 file = 0, start;

	question->is_code = vma->vm_flags & VM_EXEC;
	if (!question->is_code)
		return 0;
	BPF_CORE_READ_INTO(&file, vma, vm_file);
	if (file)
		question->file = file_number(task, question->image, file);
	else if (is_vdso(task, vma))
		question->file = FILE_VDSO;
	else
		return 0;
	start = file ? vma->vm_pgoff << cfg_page_shift : 0;
	question->file_offset = question->address - vma->vm_start + start;
	mapping_add(question->image, question->epoch, vma->vm_start, vma->vm_end, start,
		question->file);
	return 0;
}

/* Fills in where a frame's address lies. 0, also if there is no file; -ENOENT: no code is
 * mapped there; -EBUSY: the mappings are changing just now. */
__noinline long frame_resolve(__u64 address, __u32 image, struct stack_frame *frame)
{
	struct file_question question = {
		.address = address, .image = image, .epoch = map_epoch};
	long err;

	if (!frame || mapping_find(address, image, frame))
		return 0;
	err = bpf_find_vma(bpf_get_current_task_btf(), address, file_answer, &question, 0);
	frame->address = address;
	frame->file_offset = question.file_offset;
	frame->file = question.file;
	frame->reserved = 0;
	return !err && !question.is_code ? -ENOENT : err;
}

#endif
