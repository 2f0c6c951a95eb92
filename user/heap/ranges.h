/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ranges of addresses that don't overlap, in order. What lies in an interval is taken out as a
 *whole; ranges that reach over its ends are cut there first.
 *
 *	     ┌─────── 1 ───────┐┌─ 2 ─┐         ┌──── 3 ────┐
 *	─────┴─────────────────┴┴─────┴─────────┴───────────┴─────
 *	             ├──────── [addr, end) ────────┤
 *	     ┌── 1 ──┐                             ┌── 3 ───┐       stays
 *	             ┌─── 1 ───┐┌─ 2 ─┐         ┌3─┐                taken
 *
 * The parts of a cut range have its number, by which they are known when they are put back.
 */
#ifndef HEAPTAP_HEAP_RANGES_H
#define HEAPTAP_HEAP_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t addr, end; /* end: the first address behind it */
	uint64_t number;    /* of the mapping that it is (a part) of */
	uint64_t time_ns;
	uint32_t site; /* index into the process's sites of mappings */
	uint32_t priority;
	struct range *low, *high;
	uint8_t kind; /* enum range_kind */
};

struct ranges {
	struct range *root;
	uint64_t multiplier;  /* of the hash that priorities are */
	uint64_t created_cnt; /* hashed */
};

/* seed: random, and nobody else's. Takes no memory before the first range. */
void ranges__init(struct ranges *ranges, uint64_t seed);
void ranges__destroy(struct ranges *ranges);
/* copy: initialised, and empty. 0, or -ENOMEM: then the copy is empty again. */
int ranges__copy(const struct ranges *ranges, struct ranges *copy);

/* The first range that reaches beyond addr, or NULL: so all ranges, in order, are
 * for (r = ranges__beyond(ranges, 0); r; r = ranges__beyond(ranges, r->end)).
 * Good until it is taken out, cut, or glued. */
struct range *ranges__beyond(const struct ranges *ranges, uint64_t addr);

/* Adds a copy of a range that overlaps with no other. NULL without memory. */
struct range *ranges__add(struct ranges *ranges, const struct range *range);
/* Adds the range itself, which ranges__pop has given out. */
void ranges__put(struct ranges *ranges, struct range *range);

/* Cuts the range that addr is in the midst of, if there is one: its upper part is then in
 * *ret_part, else NULL. 0 or -ENOMEM. */
int ranges__cut(struct ranges *ranges, uint64_t addr, struct range **ret_part);
/* Undoes a cut: if two ranges of one number touch at addr, the upper becomes part of the lower one,
 * which is returned; else NULL. */
struct range *ranges__glue(struct ranges *ranges, uint64_t addr);

/* Takes out what begins in [addr, end), for ranges__pop or ranges__destroy. */
struct ranges ranges__take(struct ranges *ranges, uint64_t addr, uint64_t end);
/* Takes out the lowest range, which is the caller's (free) then; NULL if there is none. */
struct range *ranges__pop(struct ranges *ranges);

#endif
