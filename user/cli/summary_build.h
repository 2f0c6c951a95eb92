/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the books to a summary: takes the snapshot, picks the stacks that are shown (all of them for
 * a recording), and asks for the names of these, no others. */
#ifndef HEAPTAP_CLI_SUMMARY_BUILD_H
#define HEAPTAP_CLI_SUMMARY_BUILD_H

#include "cli/trace.h"

struct summary_draft;

/* A summary of `only`, or (NULL) of all processes. NULL without memory. */
struct summary_draft *summary_draft__new(
	struct trace *trace, enum summary_kind kind, struct process *only);
const struct summary *summary_draft__summary(const struct summary_draft *draft);
void summary_draft__free(struct summary_draft *draft);

#endif
