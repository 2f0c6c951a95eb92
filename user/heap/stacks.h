/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The call stacks of all processes, each stored once, by hash. Every process that knows a stack
 * holds one reference (sites.h); a stack that nobody holds is gone.
 */
#ifndef HEAPTAP_HEAP_STACKS_H
#define HEAPTAP_HEAP_STACKS_H

#include <stdint.h>

#include "heap/heap.h"
#include "heap/index.h"

struct stack {
	struct heap_stack stack; /* stays where it is; its frames may be replaced by better ones */
	uint32_t ref_cnt;
};

struct stacks {
	struct index by_hash;
};

void stacks__init(struct stacks *stacks, uint64_t seed);
void stacks__destroy(struct stacks *stacks);

struct stack *stacks__find(const struct stacks *stacks, uint64_t hash); /* NULL: not there */
/* The stack, a frameless one if it is new, with one reference more. NULL without memory. */
struct stack *stacks__get(struct stacks *stacks, uint64_t hash);
void stacks__put(struct stacks *stacks, struct stack *stack);

/* Copies the frames into the stack if they are better than what it has: it had none, or fewer of
 * them are in no known file. 0 or -ENOMEM. */
int stack__improve(
	struct stack *stack, const struct heap_frame *frames, uint32_t frame_cnt, uint32_t end);

#endif
