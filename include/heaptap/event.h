/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of heaptap's two sides: what the kernel programs (bpf/) put into the ring, and what
 * the collector (user/collect/) takes out of it. Records are append-only: a kind is never renumbered,
 * a field never moves. No system header may be included here; both sides have __u8 … __u64 already.
 *
 * Order. There is one ring, and a record's place in it is taken while the traced thread waits in
 * its probe: an allocation's at the return of the allocator, before the caller sees the address; a
 * free's at entry, before the address can be given out again. So for each address the records
 * stand in the order in which things happened, across threads and CPUs.
 */
#ifndef HEAPTAP_EVENT_H
#define HEAPTAP_EVENT_H

#include "range_kind.h"

enum event_kind {
	EVENT_ALLOC = 1,	/* struct alloc_event: an allocator returned a block */
	EVENT_FREE = 2,		/* struct free_event: a block is handed back (at entry) */
	EVENT_ALLOC_FAILED = 3, /* struct alloc_failed_event: an allocator returned no block */
	EVENT_STACK = 4,	/* struct stack_event: the frames behind a stack's hash, sent once */
	EVENT_FILE = 5,		/* struct file_event: the path behind a file id, sent once */
	EVENT_FORK = 6,		/* struct fork_event */
	EVENT_EXEC = 7,		/* struct exec_event */
	EVENT_EXIT = 8,		/* struct exit_event: the process's last thread ended */
	EVENT_THREAD_EXIT = 9,	/* struct event: one of the others ended */
	EVENT_MAP = 11,		/* struct map_event: a program has mapped memory itself */
	EVENT_UNMAP = 12,	/* struct unmap_event: it takes some away, and how that ended */
	EVENT_ARENA = 10,	/* struct arena_event: an arena was made, emptied, ended or moved */
	EVENT_ARENA_ALLOC = 13, /* struct arena_alloc_event: as EVENT_ALLOC, in an arena */
	EVENT_POINT = 14,	/* struct point_event: a thread came to where somebody waits for it */
	EVENT_SPY_ENTER = 15,	/* struct spy_event: a spied call begins; without its results */
	EVENT_SPY_RETURN = 16,	/* struct spy_event: it has returned, or was left */
};

enum event_flag {
	/* EVENT_FREE: the first half of a realloc, whose second half (EVENT_ALLOC or
	 * EVENT_ALLOC_FAILED with this flag too) comes from the same thread. */
	EVENT_F_REALLOC = 1 << 0,
	/* EVENT_FREE: this thread's previous free was of the same address, from a frame that may
	 * still be active: a wrapper's free calling the real one, if the block is gone already. */
	EVENT_F_NESTED_HINT = 1 << 1,
	/* EVENT_FORK: the child runs in the parent's address space (vfork, posix_spawn). */
	EVENT_F_SHARED_VM = 1 << 2,
	/* EVENT_EXEC: the new image is not traced; the old one was, and ends. */
	EVENT_F_LEFT = 1 << 4,
	/* EVENT_ALLOC with EVENT_F_REALLOC: the block is not sampled, and its free will not be told
	 * of; this only ends the realloc, whose old block was. */
	EVENT_F_UNSAMPLED = 1 << 7,
	/* EVENT_FILE: the ring of new files had no room for it; it is here alone. */
	EVENT_F_ALONE = 1 << 3,
	/* EVENT_FREE, EVENT_ARENA: inside a call of a declared function. It is of what that one has
	 * got for itself, and not in the books, unless it is. */
	EVENT_F_INSIDE = 1 << 5,
	/* EVENT_SPY_RETURN: the call was left without a return (an exception, longjmp, the thread's
	 * end): known later, and without its results. */
	EVENT_F_SPY_LEFT = 1 << 5,
	/* EVENT_FREE: it is a struct checked_free_event. */
	EVENT_F_CHECKED = 1 << 6,
};

/* What a block must be handed back by: a function of the family that it came from. Functions that are
 * one and the same code are of several. As bits, in the flags of EVENT_STACK: those of the function at
 * the stack's top (0: not known; only if frees are checked). */
enum alloc_family {
	FAMILY_MALLOC = 1 << 0,	     /* malloc, memalign, … free, realloc */
	FAMILY_NEW = 1 << 1,	     /* C++: new, delete */
	FAMILY_NEW_ARRAY = 1 << 2,   /* new[], delete[] */
	FAMILY_NEW_ALIGNED = 1 << 3, /* both with std::align_val_t, [expr.delete] */
	FAMILY_NEW_ARRAY_ALIGNED = 1 << 4,
};

/* What every record begins with. {tgid, image} names one image of one process: `image` is a hash of
 * the process's start time and its exec generation, so that a pid's lives are never mixed. */
struct event {
	__u8 kind;	/* enum event_kind */
	__u8 flags;	/* enum event_flag */
	__u16 function; /* the allocator function: index into the collector's function table */
	__u32 tgid;	/* process, thread: numbers of the initial pid namespace */
	__u32 tid;
	__u32 image;
};

struct alloc_event {
	struct event event;
	__u64 time_ns; /* CLOCK_MONOTONIC at the allocator's return */
	__u64 addr;
	__u64 size;  /* bytes asked for; calloc's product */
	__u64 stack; /* hash of the call stack at the allocator's entry */
};

struct free_event {
	struct event event;
	__u64 addr;
};

/* A block that belongs to an arena, and goes with it. */
struct arena_alloc_event {
	struct alloc_event alloc;
	__u64 arena;
};

enum arena_op {
	ARENA_CREATED = 1,   /* at the return */
	ARENA_RESET = 2,     /* at the entry: what belongs to it is freed */
	ARENA_DESTROYED = 3, /* at the entry: and it, and a block at its address */
	ARENA_MOVED = 4,     /* at the entry: it, or a block, belongs to `parent` from now on */
};

struct arena_event {
	struct event event;
	__u64 time_ns;
	__u64 arena;  /* its address; not 0 */
	__u64 parent; /* the arena that it belongs to; 0: none */
	__u64 stack;  /* of ARENA_CREATED */
	__u32 op;     /* enum arena_op */
	__u32 reserved;
};

struct checked_free_event {
	struct free_event free;
	__u64 stack; /* hash of the call stack at the entry */
};

struct alloc_failed_event {
	struct event event;
	__u64 old_addr; /* realloc's block, which is still the caller's unless size is 0; else 0 */
	__u64 size;
};

/* size: as mapped, in whole pages; of a break, as it was moved. */
struct map_event {
	struct event event;
	__u64 time_ns; /* CLOCK_MONOTONIC at the call's return */
	__u64 addr;
	__u64 size;	/* bytes; not 0, and does not reach beyond the address space */
	__u64 stack;	/* hash of the call stack at the call's entry */
	__u64 old_addr; /* mremap's: the new range is of the kind of what is there; 0: none */
	__u8 kind;	/* enum range_kind; with old_addr: if nothing is known to be there */
	__u8 fixed;	/* it takes the place of what is there (MAP_FIXED) */
	__u8 reserved[6];
};

/* An unmap is told when it begins, before the addresses can be given out again, and when it ends. In
 * between, the same thread's EVENT_MAP may come (mremap). */
enum unmap_step { UNMAP_BEGINS, UNMAP_DONE, UNMAP_FAILED, UNMAP_STEP_CNT };

struct unmap_event {
	struct event event;
	__u64 addr;
	__u64 size; /* as in map_event; there need not be anything */
	__u32 step; /* enum unmap_step */
	__u32 reserved;
};

/* What a point is. Append only; from 20 on they are of stops. */
enum point {
	POINT_STOP = 0, /* the process is being stopped: its allocation `number` has just been told */
	POINT_CHECKPOINT = 2, /* the thread enters a function where a checkpoint is to be taken */
	POINT_SECTION_ENTER = 3, /* it enters a function whose calls are watched, */
	POINT_SECTION_RETURN = 4, /* and is about to return from it, or from what it has jumped to */
	/* The stack of its allocation `number` is to be judged (enum answer): the thread waits a
	 * little. */
	POINT_JUDGE = 20,
	POINT_EXIT = 21, /* it is about to end: the thread waits a little, too */
};

/* The cookie of a place where somebody waits for a thread: its row in the table of points
 * (user/probe/points.h), which is the record's `function`, and what it is. */
#define POINT_COOKIE(place, point) ((__u64)(place) | (__u64)(point) << 16)
#define POINT_COOKIE_PLACE(cookie) ((__u16)(cookie))
#define POINT_COOKIE_POINT(cookie) ((cookie) >> 16 & 0xff)

/* What a thread waits for that has come to a POINT_JUDGE (of a stack: is the process to be stopped?)
 * or a POINT_EXIT (it may end now). Whoever answers first has answered: the collector, or the kernel
 * side, when it has waited in vain. */
enum answer { ANSWER_NONE, ANSWER_GO_ON, ANSWER_STOP, ANSWER_LATE };
#define EXIT_QUESTION(tgid, image) ((__u64)(image) << 32 | (__u32)(tgid))

struct point_event {
	struct event event;
	__u64 time_ns;
	__u64 number; /* of POINT_STOP: the allocation's; else the stack pointer */
	__u64 stack; /* of POINT_STOP: hash of the call stack that led there; else 0 */
	__u32 point; /* enum point */
	__u32 reserved;
};

/* The file number of the vDSO, code that the kernel maps from no file. Others come after it. */
#define FILE_VDSO 1

#define STACK_FRAMES_MAX 127 /* PERF_MAX_STACK_DEPTH: the deepest stack that bpf_get_stack gives */

/* One frame: address as found (the probed pc, then return addresses), and where it lies in which
 * file. file 0: no file is mapped there (JIT code, an address that is none). */
struct stack_frame {
	__u64 address;
	__u64 file_offset; /* bytes from the start of the file */
	__u32 file;
	__u32 reserved;
};

/* How a stack's last frame was reached: one row each in stack_ends.def. */
enum stack_end {
#define STACK_END(name, key, text) STACK_END_##name,
#include "stack_ends.def"
#undef STACK_END
	STACK_END_CNT,
};

struct stack_event {
	struct event event;
	__u64 stack; /* the hash that alloc events carry */
	__u32 frame_cnt;
	__u32 end; /* enum stack_end */
	struct stack_frame frames[];
};

#define FILE_PATH_MAX 1024

/* path: the names from the file up to its root, each with its NUL, the file's own first
 * ("libc.so.6\0x86_64-linux-gnu\0lib\0usr\0"), in the process's mount namespace. */
struct file_event {
	struct event event;
	__u64 inode;
	__u32 dev; /* the kernel's own encoding: major << 20 | minor */
	__u32 file;
	__u32 path_sz; /* bytes of path in use; FILE_PATH_MAX at most */
	__u32 generation; /* of the inode, whose number can be used again (i_generation) */
	char path[];
};

#define SPY_ARGUMENTS 4 /* a power of two */

/* One call of an allocator function, nested or not. */
struct spy_event {
	struct event event;
	__u64 time_ns;	   /* CLOCK_MONOTONIC at its entry */
	__u64 duration_ns; /* until its return: the time inside, probes of nested calls included */
	__u64 number;	   /* of the thread's calls, from 1, in the order of their entries */
	__u64 arguments[SPY_ARGUMENTS]; /* integer ones, whether it has them or not */
	__u64 result;	   /* as returned, likewise */
	__u64 out;	   /* ROLE_ALLOC_OUT: the block that it stored; 0: none */
	__u64 stack;	   /* hash of the call stack at its entry; 0: not taken */
	__u32 depth;	   /* of the calls in flight, this one is in: 0 for the outermost */
	__u32 reserved;
};

#define TASK_COMM_LEN_MAX 16

/* event.tgid/tid/image: the parent. */
struct fork_event {
	struct event event;
	__u64 time_ns;
	__u64 child_start_ns; /* CLOCK_BOOTTIME */
	__u32 child_tgid;
	__u32 child_image;
};

/* event.image: the new image. */
struct exec_event {
	struct event event;
	__u64 time_ns;
	__u64 start_ns; /* the process's start, CLOCK_BOOTTIME */
	__u32 old_image;
	__u32 exe; /* the program's file number (file_event); 0: unknown */
	char comm[TASK_COMM_LEN_MAX];
};

struct exit_event {
	struct event event;
	__u64 time_ns;
	__u32 status; /* as wait(2) gives it */
	/* The image that the process had before its last exec: its own still, if it died in that,
	 * when there was no way back. (Without an exec it is nobody's.) */
	__u32 old_image;
	char comm[TASK_COMM_LEN_MAX];
};

/* What an allocator function does with memory; travels in a probe's cookie. */
enum alloc_role {
	ROLE_ALLOC = 1,	    /* returns the block, or NULL */
	ROLE_ALLOC_OUT = 2, /* returns 0 and stores the block through a pointer argument */
	ROLE_REALLOC = 3,   /* takes a block (or NULL), returns the block that replaces it */
	ROLE_FREE = 4,	    /* takes a block (or NULL) */
	ROLE_QUERY = 5,	    /* asks the allocator something: counted, no more */
	ROLE_ARENA_CREATE = 6,	/* returns an arena, or stores it as ROLE_ALLOC_OUT does */
	ROLE_ARENA_RESET = 7,	/* frees all that belongs to an arena */
	ROLE_ARENA_DESTROY = 8, /* and the arena */
	ROLE_ARENA_MOVE = 9,	/* gives an arena, or a block, to another arena */
	/* From here: what a program maps itself. size is the new length, count the old one. */
	ROLE_MAP = 10,	 /* returns the range's address, or MAP_FAILED; out is the flags */
	ROLE_UNMAP = 11, /* takes a range: block and count */
	ROLE_REMAP = 12, /* takes a range, returns the one that replaces it; out is the flags */
	ROLE_BREAK = 13, /* moves the break: to block (brk), or by size (sbrk) */
};
#define ROLE_MAPS(role) ((role) >= ROLE_MAP)

/* What a ROLE_QUERY asks; it stands where other roles have the size argument. */
enum query {
	QUERY_SIZE = 1,	 /* how large is this block? */
	QUERY_TRIM = 2,	 /* not asked but told: give memory back */
	QUERY_STATE = 3, /* how is the allocator? */
	QUERY_EXIT = 4,	 /* not asked either: the process ends */
};

/* How many functions are built in; those that a user declares are numbered from here on. */
enum {
	BUILTIN_FUNCTION_CNT = 0
#define ALLOCATOR(symbol, role, size, count, block, out) +1
#include "allocators.def"
#undef ALLOCATOR
};

/*
 * A probe's cookie: which function this is and which argument is what, so that one pair of programs
 * serves every allocator. Arguments are counted from 1; 0 means there is none.
 *
 *   bits 0-15 function   16-19 role   20-23 size   24-27 count   28-31 block   32-35 out
 *        36-39 arena     40-47 COOKIE_F_…   48-52 families
 *
 * out: where the function stores what it gives (a block, an arena). Of a ROLE_FREE: how far into each
 * block the address of the next one stands; it frees them all. Of a ROLE_ARENA_MOVE: where the
 * address of what is moved stands.
 * arena: what a block belongs to; of an arena that is made or moved, its (new) parent.
 */
#define COOKIE(function, role, size, count, block, out)                                            \
	((__u64)(function) | (__u64)(role) << 16 | (__u64)(size) << 20 | (__u64)(count) << 24 |    \
		(__u64)(block) << 28 | (__u64)(out) << 32)
#define COOKIE_FUNCTION(cookie) ((__u16)(cookie))
#define COOKIE_ROLE(cookie) ((cookie) >> 16 & 0xf)
#define COOKIE_SIZE_ARG(cookie) ((cookie) >> 20 & 0xf)
#define COOKIE_COUNT_ARG(cookie) ((cookie) >> 24 & 0xf)
#define COOKIE_BLOCK_ARG(cookie) ((cookie) >> 28 & 0xf)
#define COOKIE_OUT_ARG(cookie) ((cookie) >> 32 & 0xf)
#define COOKIE_ARENA(arg) ((__u64)(arg) << 36)
#define COOKIE_ARENA_ARG(cookie) ((cookie) >> 36 & 0xf)
/* A free that is followed to its return: what it does inside itself is its own. */
#define COOKIE_F_FOLLOWED_FREE (1ull << 40)
/* Not one of the built-in functions: frees inside it are told (EVENT_F_INSIDE). */
#define COOKIE_F_DECLARED (1ull << 41)
/* It gives no block; those that are allocated inside it count, and belong to the arena. */
#define COOKIE_F_GROWS (1ull << 42)
/* It has no return probe, as an exception may leave it: its ret instructions are probed. */
#define COOKIE_F_RETURN_SITES (1ull << 43)
#define COOKIE_FAMILIES(families) ((__u64)(families) << 48)
#define COOKIE_FAMILIES_OF(cookie) ((cookie) >> 48 & 0x1f)

#define SPY_NO_FUNCTION (~0ull) /* in place of a function: of none that has a return probe */

/* Instead of a size argument: the block is a string, and its length is read at the return. */
#define SIZE_OF_STRING 0xf

/* What the kernel side counts, per process image: one row each in counters.def. */
enum counter {
#define COUNTER(name, is_loss, text) COUNTER_##name,
#include "counters.def"
#undef COUNTER
	COUNTER_CNT,
};

struct counters {
	__u64 count[COUNTER_CNT];
	__u64 lost_free_ns; /* CLOCK_MONOTONIC of the last free that was not told; 0: none */
};

/* What the spy could not tell of, of all processes. */
struct spy_losses {
	__u64 lost;	 /* records: the ring was full */
	__u64 too_deep;	 /* calls: too many of the thread were in flight */
	__u64 no_memory; /* calls: there was none for the thread's state */
};

_Static_assert(sizeof(struct event) == 16, "event layout");
_Static_assert(sizeof(struct alloc_event) == 48, "alloc_event layout");
_Static_assert(sizeof(struct free_event) == 24, "free_event layout");
_Static_assert(sizeof(struct arena_alloc_event) == 56, "arena_alloc_event layout");
_Static_assert(sizeof(struct arena_event) == 56, "arena_event layout");
_Static_assert(sizeof(struct checked_free_event) == 32, "checked_free_event layout");
_Static_assert(sizeof(struct alloc_failed_event) == 32, "alloc_failed_event layout");
_Static_assert(sizeof(struct map_event) == 64, "map_event layout");
_Static_assert(sizeof(struct unmap_event) == 40, "unmap_event layout");
_Static_assert(sizeof(struct point_event) == 48, "point_event layout");
_Static_assert(sizeof(struct spy_event) == 104, "spy_event layout");
_Static_assert(sizeof(struct stack_frame) == 24, "stack_frame layout");
_Static_assert(sizeof(struct stack_event) == 32, "stack_event layout");
_Static_assert(sizeof(struct file_event) == 40, "file_event layout");
_Static_assert(sizeof(struct fork_event) == 40, "fork_event layout");
_Static_assert(sizeof(struct exec_event) == 56, "exec_event layout");
_Static_assert(sizeof(struct exit_event) == 48, "exit_event layout");

#endif
