// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See histogram.h. */
#include "spy/histogram.h"

#include <inttypes.h>

#define BAR_WIDTH 40

static int bucket_of(uint64_t value)
{
	return value ? 63 - __builtin_clzll(value) : 0;
}

void histogram__add(struct histogram *histogram, uint64_t value)
{
	histogram->count[bucket_of(value)]++;
	if (!histogram->cnt++ || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->sum += value;
}

void histogram__range(const struct histogram *histogram, int *ret_first, int *ret_end)
{
	int first = 0, end = HISTOGRAM_BUCKETS;

	while (end && !histogram->count[end - 1])
		end--;
	while (first < end && !histogram->count[first])
		first++;
	*ret_first = first;
	*ret_end = end;
}

uint64_t histogram__from(int bucket)
{
	if (bucket == HISTOGRAM_BUCKETS)
		return UINT64_MAX;
	return bucket ? 1ull << bucket : 0;
}

/* "512", "4K", "2M": of powers of two it is exact */
static const char *power(char *buf, size_t buf_sz, uint64_t value)
{
	static const char units[] = " KMGTPE";
	int unit = 0;

	for (; value >= 1024 && !(value % 1024); value /= 1024)
		unit++;
	snprintf(buf, buf_sz, unit ? "%" PRIu64 "%c" : "%" PRIu64, value, units[unit]);
	return buf;
}

static void print_bucket(const struct histogram *histogram, int bucket, uint64_t most, FILE *out)
{
	char from[32], below[32], range[72];
	int width = (double)histogram->count[bucket] / most * BAR_WIDTH + 0.5;

	snprintf(range, sizeof(range), "[%s, %s)",
		power(from, sizeof(from), histogram__from(bucket)),
		power(below, sizeof(below), histogram__from(bucket + 1)));
	fprintf(out, "  %-16s %12" PRIu64 " |%.*s%*s|\n", range, histogram->count[bucket], width,
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@", BAR_WIDTH - width, "");
}

void histogram__print(const struct histogram *histogram, FILE *out)
{
	uint64_t most = 1;
	int first, end;

	histogram__range(histogram, &first, &end);
	for (int i = first; i < end; i++)
		if (histogram->count[i] > most)
			most = histogram->count[i];
	for (int i = first; i < end; i++)
		print_bucket(histogram, i, most, out);
}
