/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process's books from inside: for the files of this folder only. */
#ifndef HEAPTAP_HEAP_PROCESS_H
#define HEAPTAP_HEAP_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "heap/arenas.h"
#include "heap/blocks.h"
#include "heap/check_books.h"
#include "heap/heap.h"
#include "heap/index.h"
#include "heap/mapped.h"
#include "heap/section_books.h"
#include "heap/sites.h"

/* One more name of a process: a vfork child's. */
struct alias {
	struct alias *next;
	uint64_t key;
};

struct process {
	struct heap_totals totals;
	struct heap_anomalies anomalies;
	struct heap_sampled sampled;
	uint64_t sampling_mean; /* 0: there is no sampling */
	uint64_t sampling_seed; /* of the blocks' chances; a fork's child has its parent's blocks
				   and seed */
	struct heap_doubt doubt, inherited_doubt;
	struct check *check; /* NULL: frees are not checked */
	struct sections *sections; /* NULL: no function's calls are watched */
	struct blocks blocks;
	struct sites sites;
	struct arenas arenas;
	struct index lifted;	/* tid → node of the block that a realloc has taken out */
	struct index followed;	/* tid → 1: its last call was a declared free that was unmatched */
	struct index unmatched; /* tid → unmatched frees since the thread's last other call */
	struct index pending;	/* tid → struct block * that a realloc has taken out */
	struct mapped mapped;
	uint64_t last_number; /* of an allocation */
	struct heap_checkpoint checkpoint;
	uint64_t base_ns; /* block.time counts from here */
	bool has_base;

	struct process_info info;
	uint64_t key; /* by which heap__find knows it */
	struct alias *aliases;
	struct process *prev, *next; /* in order of birth */
};

/* For a table's seed: the next of a row of random numbers (splitmix64, Steele and others 2014). */
static inline uint64_t seed__next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* NULL without memory. */
struct process *process__new(struct stacks *stacks, uint64_t sampling_mean, uint64_t *seed);
struct process *process__copy(const struct process *parent, uint64_t *seed);
void process__free(struct process *process);

/* The frames of a stack that had none have come: its allocations are no longer unknown ones. */
void process__stack_is_known(struct process *process, uint64_t stack_hash);
/* The block's site: until the next one is added. */
static inline struct site *process__site(struct process *process, const struct block *block)
{
	return &process->sites.sites[block->site];
}
/* How many blocks it counts as. */
uint64_t process__weight(const struct process *process, const struct block *block);
/* Takes a block out of the books, as freed by a thread: false if it isn't there. */
bool process__take(struct process *process, uint64_t addr, pid_t tid, struct block *ret_block);
/* Adds an outstanding block of that weight to what is outstanding; */
void process__count_in(struct process *process, const struct block *block, uint64_t weight);
/* an allocation to the variances of the sampled totals. */
void process__count_sampled(struct process *process, const struct block *block, uint64_t weight);
/* A block was allocated at the address, so that it is no freed block's any longer. */
void process__is_no_freed_block(struct process *process, uint64_t addr);
/* A free that found nothing. `followed`: of a declared function, whose inner frees are told too. */
void process__count_unmatched(struct process *process, pid_t tid, bool followed);
/* The thread does other things: its unmatched frees were not its end. */
void process__thread_goes_on(struct process *process, pid_t tid);

/* What reallocs have taken out and not yet freed (process_realloc.c). The process ends: threads that
 * end inside a realloc will not free its block; */
void process__put_all_back(struct process *process);
/* it was forked: the child knows of no realloc, the blocks that the parent's have taken out are its
 * own. */
void process__copy_pending(struct process *child, const struct process *parent);

/* What blocks do to arenas (owned.c). The block at addr is gone, but not by a realloc; */
void process__release_node(struct process *process, uint64_t addr);
/* by a realloc's begin; a block was allocated at addr; the realloc has failed (addr: the old block's). */
void process__lift_node(struct process *process, uint64_t addr, pid_t tid);
void process__place_node(struct process *process, uint64_t addr, pid_t tid);
void process__land_node(struct process *process, uint64_t addr, pid_t tid);

/* Of its own and its ancestors' lost frees, those that are still in doubt. */
struct heap_doubt process__doubt(const struct process *process);
/* A block's allocation time. */
uint64_t process__block_ns(const struct process *process, const struct block *block);

#endif
