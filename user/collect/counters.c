// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/counters.h"

const struct counter_row counter_rows[COUNTER_CNT] = {
#define COUNTER(name, is_loss, text) {#name, text, is_loss},
#include <heaptap/counters.def>
#undef COUNTER
};

void counters__add(struct counters *sum, const struct counters *counters)
{
	for (size_t i = 0; i < COUNTER_CNT; i++)
		sum->count[i] += counters->count[i];
	if (sum->lost_free_ns < counters->lost_free_ns)
		sum->lost_free_ns = counters->lost_free_ns;
}

uint64_t counters__lost(const struct counters *counters)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < COUNTER_CNT; i++)
		if (counter_rows[i].is_loss)
			lost += counters->count[i];
	return lost;
}

struct heap_doubt counters__doubt(const struct counters *counters)
{
	/* without its state nothing was seen of a thread, frees neither */
	uint64_t cnt = counters->count[COUNTER_lost_frees] + counters->count[COUNTER_no_memory];

	return (struct heap_doubt){
		/* with an arena there goes what is in it, which is not counted */
		.free_cnt = counters->count[COUNTER_lost_arenas] ? UINT64_MAX : cnt,
		.last_ns = counters->lost_free_ns,
	};
}
