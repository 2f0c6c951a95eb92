/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side counted of an image, or of several. */
#ifndef HEAPTAP_COLLECT_COUNTERS_H
#define HEAPTAP_COLLECT_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "heap/heap.h"

/* A row of counters.def. */
struct counter_row {
	const char *name, *text;
	bool is_loss;
};
extern const struct counter_row counter_rows[COUNTER_CNT];

/* The last lost free is the later one's. */
void counters__add(struct counters *sum, const struct counters *counters);
/* The sum of those that are losses. */
uint64_t counters__lost(const struct counters *counters);
/* What they say of lost frees. */
struct heap_doubt counters__doubt(const struct counters *counters);

#endif
