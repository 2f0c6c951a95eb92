/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sections: functions of a program whose calls are watched for what they allocate, and leave behind
 * at their return (--section).
 *
 *	enter ──► under way (of a thread) ──► return ──► counted
 *	                 └──► left: an exception or longjmp went past it, or the thread ended
 *
 * What a call allocates is what its thread allocates until the return; what is left behind is what
 * of that nobody, no thread, has freed by then. What the thread frees meanwhile of other blocks is
 * counted as freed. Of a recursion the outermost call counts.
 *
 * Calls are known by their stack pointers: a thread that is seen above a call, or in another one at
 * the same place, has left it. Threads that change stacks (coroutines, a section in a handler on a
 * signal stack) are not understood.
 *
 * A fork's child begins without calls.
 */
#ifndef HEAPTAP_HEAP_SECTIONS_H
#define HEAPTAP_HEAP_SECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heap/heap.h"

/* What is counted of each call. Append only: recordings have the numbers. */
enum section_quantity {
	SECTION_ALLOCS,
	SECTION_BYTES, /* allocated */
	SECTION_LEFT_BLOCKS,
	SECTION_LEFT_BYTES,
	SECTION_FREED_BLOCKS, /* from before the call, or of another thread */
	SECTION_FREED_BYTES,
	SECTION_QUANTITY_CNT,
};

struct section_totals {
	uint64_t calls;	     /* that have returned: only these are in the sums */
	uint64_t left;	     /* that were left without a return */
	uint64_t under_way;  /* that have not returned yet */
	uint64_t thread_cnt; /* that have returned from any */
	uint64_t sums[SECTION_QUANTITY_CNT];
	uint64_t most[SECTION_QUANTITY_CNT]; /* of one call */
};

/* What calls left behind by one stack. */
struct section_stack {
	const struct heap_stack *stack;
	uint64_t blocks, bytes;
};

/* From here on the calls of `cnt` functions are watched. 0 or -ENOMEM. */
int process__start_sections(struct process *process, size_t cnt);

bool process__has_sections(const struct process *process);

/* A thread enters function `section`, or is at a return of it; sp: at its entry, and there. Nothing
 * happens if there is no such section. */
void process__enter_section(struct process *process, size_t section, pid_t tid, uint64_t sp);
void process__return_section(struct process *process, size_t section, pid_t tid, uint64_t sp);

/* All 0 if there is no such section. */
struct section_totals process__section_totals(const struct process *process, size_t section);
/* Its stacks, in no order: *ret_cnt of them, to be freed. 0 or -ENOMEM. */
int process__section_stacks(const struct process *process, size_t section,
	struct section_stack **ret_stacks, size_t *ret_cnt);

#endif
