/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* With --sample: how sure the numbers of a summary are. */
#ifndef HEAPTAP_CLI_SUMMARY_ESTIMATE_H
#define HEAPTAP_CLI_SUMMARY_ESTIMATE_H

#include "heap/heap.h"
#include "report/summary.h"

/* Of a number of outstanding blocks. */
struct summary_estimate summary_estimate__of(const struct snapshot_sampled *sampled);
/* Of a process's totals, all estimates there are. */
void summary_process__estimate(struct summary_process *shown, const struct heap_sampled *sampled,
	const struct snapshot *snapshot);

#endif
