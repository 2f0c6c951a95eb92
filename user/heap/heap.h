/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books: for each process image, which blocks are outstanding, and what each call stack has
 * allocated. Pure: no BPF, no I/O, no clock.
 *
 *   heap ──► process {tgid, image} ──► blocks: address ──► {size, stack, time, number, thread}
 *     │            │                                            │
 *     │            ├─► sites: per call stack totals ◄───────────┘  (index)
 *     │            └─► mapped: ranges that the program maps itself, with sites of their own
 *     │                  │
 *     └─► stacks: hash ──┴─► frames, shared by all processes, counted by reference
 *
 * Blocks may belong to arenas (arenas.h), which take them along when they end.
 */
#ifndef HEAPTAP_HEAP_HEAP_H
#define HEAPTAP_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <heaptap/range_kind.h>

struct heap;
struct process;

/* One frame of a stack: as in the stack event, with the collector's own number for the file
 * (0: none). */
struct heap_frame {
	uint64_t address;
	uint64_t file_offset;
	uint32_t file;
};

struct heap_stack {
	uint64_t hash;
	uint32_t frame_cnt; /* 0: the frames were lost */
	uint32_t end;	    /* enum stack_end of event.h */
	struct heap_frame *frames;
};

enum process_state {
	PROCESS_RUNNING,
	PROCESS_EXITED,	  /* with exit_code */
	PROCESS_KILLED,	  /* by signal */
	PROCESS_REPLACED, /* exec put another image in its place */
	PROCESS_VANISHED, /* it is there no more; how it ended is not known */
};

struct heap_totals { /* counted as valgrind's heap summary does */
	uint64_t allocs;
	uint64_t frees;
	uint64_t bytes_allocated; /* sizes asked for; a realloc counts as one alloc and one free */
	uint64_t outstanding_blocks;
	uint64_t outstanding_bytes;
	uint64_t peak_outstanding_bytes;
	uint64_t failed_allocs;
};

/* With sampling: what the totals are estimated from, and how surely. All 0 without. */
struct heap_sampled {
	uint64_t allocs; /* each counted once */
	double allocs_variance, frees_variance, bytes_allocated_variance;
};

/* What happened that the books cannot explain. */
struct heap_anomalies {
	/* Of blocks that the books never had. With sampling none: a forked image also tells of the
	 * frees of blocks that were not sampled. */
	uint64_t unmatched_frees;
	uint64_t thread_cache_frees; /* of freed blocks again, at their thread's end: no error */
	uint64_t nested_frees;	     /* a free inside a free of the same block: not counted twice */
	uint64_t replaced_blocks; /* allocated where a block was outstanding: its free was lost */
	uint64_t unknown_stacks;  /* allocations whose frames were lost */
};

/* What a program has mapped itself (mmap, mremap, brk, sbrk), not for its allocator. Bytes are of
 * whole pages, but of a break, which moves by bytes. */
struct mapped_totals {
	uint64_t maps;	 /* ranges made; an mremap is one, and an unmap of the old range */
	uint64_t unmaps; /* calls that took away any of them, or a part */
	uint64_t bytes_mapped;
	uint64_t outstanding_ranges; /* what is left of one is two, if the middle was unmapped */
	uint64_t outstanding_bytes;
	uint64_t peak_outstanding_bytes;
	uint64_t unseen_unmaps; /* mapped where a range was outstanding: it was unmapped unseen */
	uint64_t kind_bytes[RANGE_KIND_CNT]; /* outstanding */
};

/* Frees that were lost. Blocks that were there when the last of them was may be gone; not more of
 * them than frees were lost. UINT64_MAX: any number of frees. */
struct heap_doubt {
	uint64_t free_cnt;
	uint64_t last_ns; /* CLOCK_MONOTONIC */
};

/* ---- life of processes ---- */

struct heap *heap__new(void); /* NULL without memory */
/* Blocks come from sampling, with one point in `mean` bytes on the average (sampling.h): all counts
 * of blocks and bytes are estimates then. 0: every block comes. Before the first process. */
void heap__set_sampling(struct heap *heap, uint64_t mean);
void heap__free(struct heap *heap);

struct process *heap__find(struct heap *heap, pid_t tgid, uint32_t image); /* NULL: not known */

/* A process that is traced from now on. NULL without memory, or if it is there already. */
struct process *heap__begin(struct heap *heap, pid_t tgid, uint32_t image);

/* The child starts with a copy of the parent's outstanding blocks and stacks; its totals begin
 * with those blocks as allocated (allocs = outstanding blocks, frees = 0, and so on), its peak with
 * their bytes. */
struct process *heap__fork(
	struct heap *heap, struct process *parent, pid_t child_tgid, uint32_t child_image);

/* The child runs in the parent's memory (vfork): its events go into the parent's books, until it is
 * forgotten (exit) or begins an image of its own (exec), or the parent does (heap__bequeath). */
int heap__share(struct heap *heap, struct process *parent, pid_t child_tgid, uint32_t child_image);
void heap__unshare(struct heap *heap, pid_t child_tgid, uint32_t child_image);
/* The process leaves its memory, by its end or an exec. Of those that go on in it the first takes
 * the books over, a copy as fork makes it, which the others share from then on: that one; NULL if
 * there is nobody, or without memory. */
struct process *heap__bequeath(struct heap *heap, struct process *process);

/* The books are closed and stay readable until heap__forget. status: as wait(2) gives it. */
void process__exit(struct process *process, int status, uint64_t time_ns);
void process__replace(struct process *process, uint64_t time_ns);
void process__vanish(struct process *process, uint64_t time_ns); /* it is incomplete, then */

/* Drops a process's books and its stacks that no other uses. */
void heap__forget(struct heap *heap, struct process *process);

/* In order of birth: NULL gives the first; NULL after the last. */
struct process *heap__next(struct heap *heap, struct process *process);

/* ---- events ---- */

/* The frames behind a hash, for all processes; again if they were unresolved. Copies them.
 * It is dropped when the last process that used it is forgotten. 0 or -ENOMEM. */
int heap__add_stack(struct heap *heap, struct process *process, uint64_t hash,
	const struct heap_frame *frames, uint32_t frame_cnt, uint32_t end);

/* Calls `visit` for each stack that a process was seen with. */
void heap__each_stack(const struct heap *heap,
	void (*visit)(const struct heap_stack *stack, void *arg), void *arg);

/* NULL: no process uses a stack of this hash. */
const struct heap_stack *heap__stack(const struct heap *heap, uint64_t hash);

/* Brings the memory near that the next event about addr will look at: worth it some events ahead,
 * for processes with very many blocks. */
void process__prefetch(const struct process *process, uint64_t addr);

/* A block was allocated. 0, or -ENOMEM (the process is then marked incomplete). addr 0 is no block:
 * -EINVAL, and nothing is counted. */
int process__alloc(struct process *process, uint64_t addr, uint64_t size, uint64_t stack_hash,
	uint64_t time_ns, pid_t tid);
/* A block is freed. `nested_hint`: EVENT_F_NESTED_HINT. addr 0 is no free. */
void process__release(struct process *process, uint64_t addr, bool nested_hint, pid_t tid);
/* A declared function frees a block; what is freed inside it follows, */
void process__release_followed(struct process *process, uint64_t addr, pid_t tid);
/* and is no free of its own unless the books have the block (EVENT_F_INSIDE). If so, and the call's own
 * block was unmatched, that one was this one under another address. */
void process__release_inside(struct process *process, uint64_t addr, pid_t tid);
/* A thread has ended. glibc then hands back, through free, what it kept of freed blocks for the thread
 * (tcache): its unmatched frees since its last call that made sense become thread_cache_frees. */
void process__thread_exit(struct process *process, pid_t tid);
/* realloc's entry: the block is taken out, and kept aside for this thread. */
void process__realloc_begin(struct process *process, uint64_t addr, pid_t tid);
/* realloc's return with a block: process__alloc follows; this forgets what was kept aside. */
void process__realloc_done(struct process *process, pid_t tid);
/* realloc failed: the block is put back as it was, and neither alloc nor free was counted. */
void process__realloc_failed(struct process *process, pid_t tid);
/* realloc to no bytes, which has freed the block: and what belonged to it. */
void process__realloc_freed(struct process *process, pid_t tid);
void process__alloc_failed(struct process *process);

/* ---- events of mapped memory ---- */

struct mapping {
	uint64_t addr, size; /* bytes; neither is 0, and it ends in the address space */
	uint64_t old_addr; /* mremap's: the kind is that of what is or was there, if it is known */
	uint64_t stack_hash;
	uint64_t time_ns;
	enum range_kind kind;
	bool fixed; /* what is there is replaced; else there is nothing, or its unmap was not seen
		     */
};
/* 0, or -ENOMEM (the process is then marked incomplete). */
int process__map(struct process *process, const struct mapping *mapping, pid_t tid);
/* An unmap begins: what is there is taken out and kept aside for this thread. Nothing need be
 * there. 0, or -ENOMEM (incomplete, and nothing was taken out). */
int process__unmap_begin(struct process *process, uint64_t addr, uint64_t size, pid_t tid);
/* It has ended: what was kept aside is forgotten, */
void process__unmap_done(struct process *process, pid_t tid);
/* or put back, as if there had been no unmap. */
void process__unmap_failed(struct process *process, pid_t tid);
/* ---- arenas: blocks that go together ---- */

/* An arena was made at an address that the allocator chose; parent 0: it belongs to none. What was below
 * an older arena there must have been freed: that was lost (replaced_blocks, incomplete). 0 or -ENOMEM
 * (the process is then marked incomplete), also of the next two. */
int process__arena_made(
	struct process *process, uint64_t arena, uint64_t parent, uint64_t stack_hash);
/* The block at addr, just allocated, belongs to an arena; one that was never made is taken for made. */
int process__own(struct process *process, uint64_t addr, uint64_t arena);
/* An arena, or a block, belongs to `parent` from now on. */
int process__arena_moved(struct process *process, uint64_t addr, uint64_t parent);
/* What belongs to it is freed, and what belongs to that, and so on. */
void process__arena_emptied(struct process *process, uint64_t arena, pid_t tid);
/* And the arena itself, and a block at its address. `inside`: EVENT_F_INSIDE. */
void process__arena_ended(struct process *process, uint64_t arena, bool inside, pid_t tid);

/* Something about this process was lost: the books are incomplete from now on. */
void process__mark_incomplete(struct process *process);
/* The frees of this image that were lost so far. A fork's child inherits what its parent's were. */
void process__set_doubt(struct process *process, struct heap_doubt doubt);

/* ---- what a process is ---- */

struct process_info {
	pid_t tgid;
	uint32_t image;
	uint32_t exec;	   /* 0 for the first image seen, +1 at each exec */
	uint64_t start_ns; /* CLOCK_BOOTTIME; 0: unknown */
	char comm[16];
	char *exe;	 /* NULL: unknown */
	bool from_birth; /* traced since its first allocation; a fork's child is what its parent was
			  */
	bool incomplete;
	enum process_state state;
	int exit_code, signal;
	uint64_t end_ns; /* CLOCK_MONOTONIC */
	void *user;	 /* the collector's own; not copied by fork */
};
/* Filled in by the collector; exe is a new string that the books own and free. */
struct process_info *process__info(struct process *process);
const struct heap_totals *process__totals(const struct process *process);
const struct mapped_totals *process__mapped(const struct process *process);
const struct heap_anomalies *process__anomalies(const struct process *process);
const struct heap_sampled *process__sampled(const struct process *process);

/* ---- snapshots ---- */

/* The same of outstanding blocks and bytes. */
struct snapshot_sampled {
	uint64_t blocks; /* each counted once */
	double blocks_variance, bytes_variance;
};

struct snapshot_site {
	const struct heap_stack *stack;
	uint32_t number; /* by which blocks name it (struct heap_block) */
	uint64_t outstanding_bytes, outstanding_blocks; /* of blocks that pass the filter */
	struct snapshot_sampled sampled;		/* of these */
	uint64_t blocks_in_doubt;		 /* of these, at most so many may have been freed */
	uint64_t allocs, frees, bytes_allocated; /* of all */
	int64_t growth_bytes; /* outstanding bytes (of all) since the last process__mark */
	uint64_t since_bytes, since_blocks; /* outstanding (of any age), allocated since the last
					       process__checkpoint */
	uint64_t oldest_ns, newest_ns;	    /* allocation times; 0 if none is outstanding */
};

struct snapshot {
	struct snapshot_site *sites; /* those that ever allocated, in no order */
	size_t site_cnt;
	struct snapshot_sampled sampled; /* of all outstanding blocks, whatever the filter says */
	uint64_t blocks_in_doubt; /* of all sites together */
};

/* The sites as they are. min_age_ns: only blocks allocated at or before now_ns - min_age_ns count
 * as outstanding. The stacks stay the heap's. 0 or -ENOMEM. */
int process__snapshot(const struct process *process, uint64_t now_ns, uint64_t min_age_ns,
	struct snapshot *ret_snapshot);
/* The same of mapped memory: blocks are ranges, allocs are maps; frees are not counted (0). */
int process__snapshot_mapped(const struct process *process, uint64_t now_ns, uint64_t min_age_ns,
	struct snapshot *ret_snapshot);
/* Of arenas: the stacks that made those that are alive (or, if nobody saw that, their first block);
 * allocs is how many they are, outstanding is what belongs to them directly; the rest is 0. */
int process__snapshot_arenas(const struct process *process, struct snapshot *ret_snapshot);
void snapshot__destroy(struct snapshot *snapshot);
/* From here the next snapshots' growth is counted. */
void process__mark(struct process *process);

struct heap_checkpoint { /* all 0 before the first */
	uint64_t number; /* the last allocation's */
	uint64_t outstanding_bytes, outstanding_blocks;
};
/* From here the next snapshots' since_bytes and since_blocks are counted, also in a fork's child.
 */
void process__checkpoint(struct process *process);
const struct heap_checkpoint *process__last_checkpoint(const struct process *process);

struct heap_block {
	uint64_t addr, size, number, time_ns;
	uint32_t site;
	pid_t tid;
};
/* Calls `visit` for each outstanding block until it returns non-zero, which is returned. */
int process__each_block(const struct process *process,
	int (*visit)(const struct heap_block *block, void *arg), void *arg);
/* Bytes of memory that the process's books take. */
size_t process__memory(const struct process *process);

#endif
