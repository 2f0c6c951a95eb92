/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Unwinding by call frame information (include/heaptap/unwind.h).
 *
 * The stack is read in pieces of WINDOW_SZ and walked in the copy: ten times cheaper than reading
 * it slot by slot. The rule of each return address is remembered: {image, pc} → {file, offset,
 * rule}. Only on a miss is the kernel asked which file it lies in (file.bpf.h), and that file's
 * rows are searched. What is remembered holds as long as the code stays where it is: an exec makes
 * a new image, and unmapping a known file begins a new epoch.
 *
 * Code without rows (JIT, hand-written) is stepped over by its frame pointer if that looks like
 * one.
 */
#ifndef HEAPTAP_UNWIND_BPF_H
#define HEAPTAP_UNWIND_BPF_H

struct memo_key {
	__u64 pc;
	__u32 image;
	__u32 epoch; /* << 1, and whether pc is exact (not a return address) */
};

struct memo {
	__u64 file_offset;
	__u32 file;
	__u32 rule;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 128 * 1024);
	__type(key, struct memo_key);
	__type(value, struct memo);
} memos SEC(".maps");

/* Rows by file number: [0] says in file_offset how many follow. The collector makes one for each
 * file it is told of, also an empty one for a file without rows. */
struct file_rows {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct unwind_row));
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 16 * 1024);
	__type(key, __u32);
	__array(values, struct file_rows);
} rows_of_files SEC(".maps");

/* The rule for a file offset; *ret_found 0 if the file's rows are not there (yet). */
#define ROWS_LOG2_MAX 26

__noinline __u32 rule_find(__u32 file, __u64 file_offset, __u32 *ret_found)
{
	__u32 low = 0, high, middle;
	struct unwind_row *row;
	void *rows;

	if (!ret_found)
		return UNWIND_NONE;
	*ret_found = 0;
	rows = bpf_map_lookup_elem(&rows_of_files, &file);
	if (!rows)
		return UNWIND_NONE;
	row = bpf_map_lookup_elem(rows, &low);
	if (!row)
		return UNWIND_NONE;
	*ret_found = 1;
	high = row->file_offset;
	/* The last row at or below file_offset; row 0 is none, and so is the answer then. */
	for (int i = 0; i < ROWS_LOG2_MAX && low < high; i++) {
		middle = low + (high - low + 1) / 2;
		barrier_var(middle);
		row = bpf_map_lookup_elem(rows, &middle);
		if (!row)
			return UNWIND_NONE;
		if (row->file_offset <= file_offset)
			low = middle;
		else
			high = middle - 1;
		barrier_var(low);
		barrier_var(high);
	}
	row = low ? bpf_map_lookup_elem(rows, &low) : NULL;
	return row ? row->rule : UNWIND_NONE;
}

/*
 * A library that was loaded a moment ago: its rows are on their way, and come within a millisecond
 * or two. The thread waits for them here, some 5 ms at most, and some times for each file: it can
 * be preempted, and the alternative is stacks that end in the middle. A file that was waited for in
 * vain that often is not waited for again.
 */
#define ROWS_LOOKS_MAX (1 << 18)
#define ROWS_WAITS_MAX 8 /* where the kernel does not preempt, who loads them may wait for us */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);  /* file */
	__type(value, __u8); /* waits in vain */
} late_files SEC(".maps");

struct rows_wait {
	__u32 file;
	__u32 found;
};

static long rows_look(__u32 i, void *arg)
{
	struct rows_wait *wait = arg;

	wait->found = bpf_map_lookup_elem(&rows_of_files, &wait->file) != NULL;
	return wait->found;
}

static __always_inline bool rows_await(__u32 file)
{
	struct rows_wait wait = {.file = file};
	__u8 *waits = bpf_map_lookup_elem(&late_files, &file), more = waits ? *waits + 1 : 1;

	if (waits && *waits >= ROWS_WAITS_MAX)
		return false;
	bpf_loop(ROWS_LOOKS_MAX, rows_look, &wait, 0);
	if (!wait.found)
		bpf_map_update_elem(&late_files, &file, &more, BPF_ANY);
	return wait.found;
}

/* Another thread of the process that is just mapping something holds the lock for microseconds. */
#define BUSY_TRIES 128

/* What is not remembered is found out, and remembered if it is certain. */
__noinline int memo_fill(const struct memo_key *key, struct memo *out)
{
	struct stack_frame frame = {};
	struct memo_key own;
	struct memo memo = {};
	__u32 found = 0;
	long err;

	if (!key || !out)
		return 0;
	own = *key; /* before 6.2 an argument in memory is no map key to the verifier */
	/* A return address can be the first byte behind its function (a call that never returns).
	 */
	err = frame_resolve(key->pc - !(key->epoch & 1), key->image, &frame);
	if (err) {
		*out = memo;
		return err;
	}
	if (frame.file)
		memo.rule = rule_find(frame.file, frame.file_offset, &found);
	if (frame.file && !found && rows_await(frame.file))
		memo.rule = rule_find(frame.file, frame.file_offset, &found);
	memo.file = frame.file;
	memo.file_offset = frame.file ? frame.file_offset + !(key->epoch & 1) : 0;
	*out = memo;
	if (found || !frame.file)
		bpf_map_update_elem(&memos, &own, &memo, BPF_ANY);
	return found || !frame.file ? 0 : -ENOENT;
}

static __always_inline int memo_get(struct thread *thread, __u64 pc, bool exact, struct memo *out)
{
	struct memo_key key = {.pc = pc, .image = thread->image, .epoch = map_epoch << 1 | exact};
	struct memo *memo = bpf_map_lookup_elem(&memos, &key);

	if (!memo)
		return memo_fill(&key, out);
	*out = *memo;
	return 0;
}

/* Where a frame's address lies, for sending: remembered by the walk that has just been made, but
 * for the first frame. As frame_resolve. */
__noinline int frame_place(__u64 address, __u32 image, struct stack_frame *frame)
{
	struct memo_key key = {.pc = address, .image = image, .epoch = map_epoch << 1};
	struct memo *memo = bpf_map_lookup_elem(&memos, &key);

	if (!frame)
		return 0;
	if (!memo)
		return frame_resolve(address, image, frame);
	frame->address = address;
	frame->file_offset = memo->file_offset;
	frame->file = memo->file;
	frame->reserved = 0;
	return 0;
}

/* The address of the kernel's trampoline stands where another tracer's return probe is pending: the
 * thread's return instances have the true one (4a365eb8a6d9). */
__noinline __u64 hijacked_return(__u64 slot, __u64 found)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct return_instance *instance = BPF_CORE_READ(task, utask, return_instances);

	for (int i = 0; i < RETURN_INSTANCES_MAX && instance; i++) {
		if (BPF_CORE_READ(instance, stack) == slot)
			return BPF_CORE_READ(instance, orig_ret_vaddr);
		instance = BPF_CORE_READ(instance, next);
	}
	return found;
}

/* ---- steps: each sets pc, sp, bp to the caller's; false: it cannot be done ---- */

static __always_inline bool step_to_cfa(struct thread *thread, __u64 cfa)
{
	struct unwind *unwind = &thread->unwind;

	/* Stacks grow down: a caller's frame lies above. */
	if (cfa <= unwind->sp || !window_read(thread, cfa - 8, &unwind->pc))
		return false;
	path_add(thread, cfa - 8, unwind->pc);
	unwind->sp = cfa;
	unwind->exact = false;
	return true;
}

static __always_inline bool rule_uses_bp(__u32 rule)
{
	return UNWIND_RULE_KIND(rule) == UNWIND_RBP || UNWIND_RULE_KIND(rule) == UNWIND_RBP_DEREF ||
	       (UNWIND_RULE_BP_SAVED(rule) && UNWIND_RULE_BP_OFFSET(rule) == UNWIND_BP_AT_BP);
}

static __always_inline bool step_by_rule(struct thread *thread, __u32 rule)
{
	struct unwind *unwind = &thread->unwind;
	__u64 cfa, bp = unwind->bp, bp_at;

	if (rule_uses_bp(rule))
		path_uses_bp(thread);
	switch (UNWIND_RULE_KIND(rule)) {
	case UNWIND_RSP:
		cfa = unwind->sp + UNWIND_RULE_CFA_OFFSET(rule);
		break;
	case UNWIND_RBP:
		cfa = unwind->bp + UNWIND_RULE_CFA_OFFSET(rule);
		break;
	case UNWIND_RBP_DEREF:
		bp_at = unwind->bp + UNWIND_RULE_CFA_OFFSET_SIGNED(rule);
		if (!window_read(thread, bp_at, &cfa))
			return false;
		path_add(thread, bp_at, cfa);
		break;
	case UNWIND_PLT:
		cfa = unwind->sp + 8 +
		      ((unwind->pc & 15) >= UNWIND_RULE_CFA_OFFSET(rule) / 8 ? 8 : 0);
		break;
	default:
		return false;
	}
	if (UNWIND_RULE_BP_SAVED(rule)) {
		bp_at = UNWIND_RULE_BP_OFFSET(rule) == UNWIND_BP_AT_BP
				? bp
				: cfa + UNWIND_RULE_BP_OFFSET(rule);
		if (!window_read(thread, bp_at, &bp))
			return false;
		thread->bp_slot = bp_at;
	}
	if (!step_to_cfa(thread, cfa))
		return false;
	unwind->bp = bp;
	return true;
}

static __always_inline bool step_over_signal(struct thread *thread)
{
	struct unwind *unwind = &thread->unwind;
	__u64 sp = unwind->sp, pc, bp, next_sp;

	thread->path.is_certain = false;
	if (bpf_probe_read_user(&pc, sizeof(pc), (void *)(sp + SIGNAL_FRAME_RIP)) ||
		bpf_probe_read_user(&bp, sizeof(bp), (void *)(sp + SIGNAL_FRAME_RBP)) ||
		bpf_probe_read_user(&next_sp, sizeof(next_sp), (void *)(sp + SIGNAL_FRAME_RSP)))
		return false;
	unwind->pc = pc;
	unwind->sp = next_sp;
	unwind->bp = bp;
	unwind->exact = true;
	return true;
}

#define FRAME_SZ_PLAUSIBLE (1 << 20)

static __always_inline bool step_by_frame_pointer(struct thread *thread)
{
	struct unwind *unwind = &thread->unwind;
	__u64 frame = unwind->bp, bp;

	path_uses_bp(thread);
	if (!cfg_frame_pointers || frame < unwind->sp || frame & 7 ||
		frame - unwind->sp > FRAME_SZ_PLAUSIBLE)
		return false;
	if (!window_read(thread, frame, &bp) || !step_to_cfa(thread, frame + 16))
		return false;
	thread->bp_slot = frame;
	unwind->bp = bp;
	return true;
}

/* A frame is known by its place in its file, so that other code that is loaded at the same
 * addresses makes other stacks. */
static __always_inline void unwind_hash(struct unwind *unwind, const struct memo *memo)
{
	__u64 place = memo->file ? (__u64)memo->file << 40 ^ memo->file_offset : unwind->pc;

	unwind->hash = hash_mix(unwind->hash, place);
}

/* One frame outwards: STACK_END_CNT if there may be more, else how the stack ended. */
static __always_inline __u32 unwind_step(struct thread *thread)
{
	struct unwind *unwind = &thread->unwind;
	struct memo memo = {};
	int err = memo_get(thread, unwind->pc, unwind->exact, &memo);

	if (err == -ENOENT && !memo.file) {
		unwind->frame_cnt--; /* it is no code address, and no part of the stack's name */
		return STACK_END_BAD_PC;
	}
	unwind_hash(unwind, &memo);
	if (err)
		return STACK_END_LATE_ROWS;
	if (UNWIND_RULE_KIND(memo.rule) == UNWIND_ROOT)
		return STACK_END_ROOT;
	if (UNWIND_RULE_KIND(memo.rule) == UNWIND_SIGNAL)
		return step_over_signal(thread) ? STACK_END_CNT : STACK_END_FAULT;
	if (UNWIND_RULE_KIND(memo.rule) != UNWIND_NONE)
		return step_by_rule(thread, memo.rule) ? STACK_END_CNT : STACK_END_FAULT;
	if (step_by_frame_pointer(thread))
		return STACK_END_CNT;
	/* The ABI's mark of the outermost frame (x86-64 psABI 3.4.1, process initialization). */
	return unwind->bp ? STACK_END_NO_ROWS : STACK_END_ROOT;
}

/*
 * Walks from the entry of a function (sp at its return address) to the root, into
 * thread->addresses[0 … frame_cnt). Returns how it ended. State is kept in the map, where the
 * verifier does not follow it: each round of the loop looks the same to it.
 */
__noinline __u32 unwind_walk(struct thread *thread, __u64 trampoline)
{
	__u32 end = STACK_END_DEPTH;

	if (!thread)
		return STACK_END_FAULT;
	for (int i = 1; i < STACK_FRAMES_MAX; i++) {
		struct unwind *unwind = &thread->unwind;

		if (unwind->pc == trampoline) {
			unwind->pc = hijacked_return(unwind->sp - 8, unwind->pc);
			thread->path.is_certain = false;
		}
		thread->addresses[i] = unwind->pc;
		unwind->frame_cnt = i + 1;
		end = unwind_step(thread);
		if (end != STACK_END_CNT)
			return end;
	}
	return STACK_END_DEPTH;
}

/* A mapping was made: if it is code, the collector gets to know the file now, and not only with the
 * first stack that leads through it. */
static __always_inline void unwind_mapped(struct task_struct *task, struct vm_area_struct *vma)
{
	__u32 epoch = map_epoch;
	__u64 file = 0;

	if (!(vma->vm_flags & VM_EXEC) || !process_wanted())
		return;
	BPF_CORE_READ_INTO(&file, vma, vm_file);
	if (file)
		mapping_add(task_image(task), epoch, vma->vm_start, vma->vm_end,
			vma->vm_pgoff << cfg_page_shift, file_number(task, task_image(task), file));
}

/* A known file is being unmapped: what is remembered of its addresses may become wrong (its mapping, too,
 * before its rows are there). Not so when the whole address space goes (exit, exec). */
static __always_inline void unwind_unmapped(struct task_struct *task, struct vm_area_struct *vma)
{
	__u64 file = 0;

	if (vma->vm_mm != task->mm || !process_wanted())
		return;
	BPF_CORE_READ_INTO(&file, vma, vm_file);
	if (file && file_known(file))
		__sync_fetch_and_add(&map_epoch, 1);
}

/* The same by an address in the current process (for bpf_find_vma). */
static long address_mapped(struct task_struct *task, struct vm_area_struct *vma, void *arg)
{
	unwind_mapped(task, vma);
	return 0;
}

static long address_unmapped(struct task_struct *task, struct vm_area_struct *vma, void *arg)
{
	unwind_unmapped(task, vma);
	return 0;
}

#endif
