/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which kind the blocks of a stack are, by its frames: a person's rules first, then what is known
 * of the language runtimes (runtime_rules.def). */
#ifndef HEAPTAP_REPORT_KINDS_H
#define HEAPTAP_REPORT_KINDS_H

#include "report/kind_rules.h"
#include "report/summary.h"

/* Who wanted the memory: the first frame that is neither an allocator's nor operator new's. NULL:
 * there is none. */
const struct summary_frame *stack__caller(const struct summary_stack *stack);

/* Whether the pattern (pattern.h) is found in a frame's function, source file or module. */
bool stack__matches(const struct summary_stack *stack, const char *pattern);

/* Sets kind and tag (the rule's) of a stack that has its frames. */
void kinds__set(const struct kind_rules *rules, struct summary_stack *stack);
/* Whether kinds__set could find a runtime's block, told before the names are known: `module` has
 * the frame behind the allocator's, `called_by` the next one that lies in another. NULL: unknown.
 */
bool kinds__may_be_runtime(const char *module, const char *called_by);

/* The same of stacks that have a kind already (a recording's), and of the process's sums and listed
 * blocks; those of the kinds in left_out are no longer listed. rules: NULL for none. 0 or -ENOMEM.
 */
int kinds__set_again(
	const struct kind_rules *rules, unsigned int left_out, struct summary_process *process);

/* Counts the process's kinds anew, by its stacks, which must be all. */
void kinds__count(struct summary_process *process);
/* Sums over these kinds. */
uint64_t kinds__bytes(const struct summary_process *process, unsigned int kinds);
uint64_t kinds__blocks(const struct summary_process *process, unsigned int kinds);
/* Of blocks that were freed. */
uint64_t kinds__free_bytes(const struct summary_process *process);

#endif
