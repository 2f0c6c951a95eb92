/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is wrong with frees: a block that was freed before, an address that was never given out, a block
 * that is handed back by a function of another family than it came from (enum alloc_family of event.h).
 * Each pair of stacks is one finding, with a count. Only for processes that are checked.
 */
#ifndef HEAPTAP_HEAP_CHECK_H
#define HEAPTAP_HEAP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heap/heap.h"

enum finding_kind {
	FINDING_DOUBLE_FREE,
	FINDING_INVALID_FREE,
	FINDING_MISMATCHED_FREE,
	FINDING_KIND_CNT,
};

enum finding_stack {
	FINDING_STACK_FREE,	  /* the wrong one */
	FINDING_STACK_FIRST_FREE, /* the one before it, of a double free */
	FINDING_STACK_ALLOCATION, /* of the block that was, is, or (invalid) lies around there */
	FINDING_STACK_CNT,
};

#define FINDINGS_MAX 256 /* of a process; those beyond are counted */

struct finding {
	enum finding_kind kind;
	uint64_t count; /* how often; what follows is of the first time */
	uint64_t addr;	/* that was freed */
	uint64_t size;	/* of the block; 0: none is known */
	uint64_t offset; /* invalid: so far into the block */
	const struct heap_stack *stacks[FINDING_STACK_CNT]; /* the heap's; NULL: there is none */
};

/* Frees are checked from now on; those of blocks that were allocated up to since_ns (CLOCK_MONOTONIC)
 * not for their families: not all functions were probed until then. A fork's child is checked if its
 * parent is. 0 or -ENOMEM. */
int process__start_checks(struct process *process, uint64_t since_ns);
/* A later since_ns, for a process that is checked. */
void process__settle_checks(struct process *process, uint64_t since_ns);

/* The families (enum alloc_family) of the function at the top of a stack that was added. */
void process__set_families(struct process *process, uint64_t stack_hash, uint8_t families);

enum check_result {
	CHECK_DONE,    /* all is well, or what is not is noted */
	CHECK_UNKNOWN, /* an address that was never given out, of a process where all was seen */
};

/* A block is about to be freed, or (in a realloc) replaced: before the books are told. What is said to
 * be unknown is no finding before process__add_invalid_free. */
enum check_result process__check_free(
	struct process *process, uint64_t addr, uint64_t stack_hash, pid_t tid);
void process__add_invalid_free(struct process *process, uint64_t addr, uint64_t stack_hash);

size_t process__finding_cnt(const struct process *process);
/* In the order in which they were found. */
struct finding process__finding(const struct process *process, size_t number);
/* How often something was found that had no more room. */
uint64_t process__findings_left_out(const struct process *process);

#endif
