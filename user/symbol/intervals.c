/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A sorted array with prefix maxima instead of an interval tree: it is built once, and real tables
 * hardly overlap, so that the walk back is a step or two.
 */
#include "symbol/intervals.h"

#include <errno.h>
#include <stdlib.h>
#include "util/array.h"

#define LATEST_STEPS_MAX 1024

int intervals__add(struct intervals *intervals, uint64_t start, uint64_t end, uint64_t value)
{
	struct interval *list;

	if (end <= start)
		return 0;
	list = array__with_room(intervals->list, intervals->cnt, 1, &intervals->cap, sizeof(*list));
	if (!list)
		return -ENOMEM;
	intervals->list = list;
	intervals->list[intervals->cnt++] = (struct interval){start, end, value};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

int intervals__sort(struct intervals *intervals)
{
	uint64_t reach = 0;

	if (!intervals->cnt)
		return 0;
	free(intervals->reach);
	intervals->reach = calloc(intervals->cnt, sizeof(*intervals->reach));
	if (!intervals->reach)
		return -ENOMEM;
	qsort(intervals->list, intervals->cnt, sizeof(*intervals->list), compare);
	for (size_t i = 0; i < intervals->cnt; i++) {
		if (intervals->list[i].end > reach)
			reach = intervals->list[i].end;
		intervals->reach[i] = reach;
	}
	return 0;
}

/* How many intervals start at the address or before it. */
static size_t started_cnt(const struct intervals *intervals, uint64_t address)
{
	size_t low = 0, high = intervals->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (intervals->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct interval *intervals__find(const struct intervals *intervals, uint64_t address)
{
	for (size_t i = started_cnt(intervals, address); i > 0; i--) {
		if (intervals->reach[i - 1] <= address)
			return NULL;
		if (address < intervals->list[i - 1].end)
			return &intervals->list[i - 1];
	}
	return NULL;
}

const struct interval *intervals__find_latest(const struct intervals *intervals, uint64_t address)
{
	size_t last = started_cnt(intervals, address);
	size_t first = last > LATEST_STEPS_MAX ? last - LATEST_STEPS_MAX : 0;
	const struct interval *latest = NULL;

	for (size_t i = last; i > first && intervals->reach[i - 1] > address; i--) {
		const struct interval *interval = &intervals->list[i - 1];

		if (address < interval->end && (!latest || interval->value > latest->value))
			latest = interval;
	}
	return latest;
}

void intervals__free(struct intervals *intervals)
{
	free(intervals->list);
	free(intervals->reach);
	*intervals = (struct intervals){0};
}
