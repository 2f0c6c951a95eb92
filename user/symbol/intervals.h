/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Address ranges with a value each, which may overlap; asked for the one that an address is in.
 *
 *   sorted by start      reach[i]: the highest end among list[0..i], so a search that walks back
 *   [----------------)   from the last start <= address knows when nothing before it can match
 *     [---)  [--)
 */
#ifndef HEAPTAP_SYMBOL_INTERVALS_H
#define HEAPTAP_SYMBOL_INTERVALS_H

#include <stddef.h>
#include <stdint.h>

struct interval {
	uint64_t start, end; /* [start, end) */
	uint64_t value;
};

struct intervals { /* all zeros: none */
	struct interval *list;
	uint64_t *reach;
	size_t cnt, cap;
};

/* Empty ranges are left out. 0 or -ENOMEM. */
int intervals__add(struct intervals *intervals, uint64_t start, uint64_t end, uint64_t value);

/* To be called after the last add and before the first find. 0 or -ENOMEM. */
int intervals__sort(struct intervals *intervals);

/* The interval around the address that starts latest; of equal starts the highest value. NULL:
 * none. */
const struct interval *intervals__find(const struct intervals *intervals, uint64_t address);

/* The interval around the address with the highest value, among the last 1024 that start at it or
 * before it. NULL: none. */
const struct interval *intervals__find_latest(const struct intervals *intervals, uint64_t address);

void intervals__free(struct intervals *intervals);

#endif
