/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Latencies of one function: powers of two, as bpftrace's hist() has them. */
#ifndef HEAPTAP_SPY_HISTOGRAM_H
#define HEAPTAP_SPY_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_BUCKETS 64

struct histogram {			   /* all zeros: nothing added */
	uint64_t count[HISTOGRAM_BUCKETS]; /* of values from 2^i to below 2^(i+1); 0 is in the first
					    */
	uint64_t cnt, sum, min, max;
};

void histogram__add(struct histogram *histogram, uint64_t value);

/* The buckets in use: [*ret_first, *ret_end); both 0 if there are none. */
void histogram__range(const struct histogram *histogram, int *ret_first, int *ret_end);

/* The least value of a bucket; of the one after the last: UINT64_MAX. */
uint64_t histogram__from(int bucket);

/* A line for each bucket from the first to the last in use. Values are in ns. */
void histogram__print(const struct histogram *histogram, FILE *out);

#endif
