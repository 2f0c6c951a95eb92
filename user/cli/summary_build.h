/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the books to a summary: takes the snapshot, picks the stacks that are shown (all of them for
 * a recording), and asks for the names of these, no others. */
#ifndef HEAPTAP_CLI_SUMMARY_BUILD_H
#define HEAPTAP_CLI_SUMMARY_BUILD_H

#include "cli/trace.h"

struct summary_draft;

/* The stack that the books know by this number, with the names of its frames: 0 or -ENOMEM;
 * *ret_stack is set in both cases, its frames are the caller's (free()), what they name is not. */
int summary_stack__make(struct trace *trace, const struct process_info *info, uint64_t id,
	struct summary_stack *ret_stack);

/* A summary of `only`, or (NULL) of all processes. NULL without memory. */
struct summary_draft *summary_draft__new(
	struct trace *trace, enum summary_kind kind, struct process *only);
const struct summary *summary_draft__summary(const struct summary_draft *draft);
void summary_draft__free(struct summary_draft *draft);

#endif
