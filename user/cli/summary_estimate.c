// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Variances of blocks add up, so one of a sum is the sum of theirs. An interval of 95 % is told as
 * if sums were normally distributed: good from some tens of sampled blocks on. Of few it says
 * little, and of none nothing: 3 BYTES (e^-3 = 5 %) can be outstanding and not one of them sampled.
 */
#include <math.h>
#include "cli/summary_estimate.h"

#define NORMAL_QUANTILE 1.959964 /* of 97.5 % */

/* Half the width of a 95 % interval, if the sum is normally distributed. Not less than none:
 * variances that are added and taken away again can end a rounding error below 0. */
static uint64_t error_of(double variance)
{
	return variance > 0 ? ceil(NORMAL_QUANTILE * sqrt(variance)) : 0;
}

struct summary_estimate summary_estimate__of(const struct snapshot_sampled *sampled)
{
	return (struct summary_estimate){
		.sampled = sampled->blocks,
		.blocks_error = error_of(sampled->blocks_variance),
		.bytes_error = error_of(sampled->bytes_variance),
	};
}

void summary_process__estimate(struct summary_process *shown, const struct heap_sampled *sampled,
	const struct snapshot *snapshot)
{
	struct snapshot_sampled filtered = {0};

	for (size_t i = 0; i < snapshot->site_cnt; i++) {
		const struct snapshot_sampled *site = &snapshot->sites[i].sampled;

		filtered.blocks += site->blocks;
		filtered.blocks_variance += site->blocks_variance;
		filtered.bytes_variance += site->bytes_variance;
	}
	shown->filtered_estimate = summary_estimate__of(&filtered);
	shown->outstanding_estimate = summary_estimate__of(&snapshot->sampled);
	shown->frees_error = error_of(sampled->frees_variance);
	shown->allocs_estimate = (struct summary_estimate){
		.sampled = sampled->allocs,
		.blocks_error = error_of(sampled->allocs_variance),
		.bytes_error = error_of(sampled->bytes_allocated_variance),
	};
}
