/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A treap (Aragon and Seidel, "Randomized search trees", 1989): a binary tree, by address from left
 * to right, by random priority from the root down. So it is as deep as a tree that was made in
 * random order, whatever the order of addresses: 2 ln n on the average. All is done by splitting it
 * at an address and joining two trees, each a walk down one path; an interval is taken out at the
 * same price as a range.
 *
 * A program can have more ranges than the kernel has mappings (which it joins where they touch),
 * and most new ones lie below all others: an array would move millions for each.
 */
#include "heap/ranges.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/hash.h"

void ranges__init(struct ranges *ranges, uint64_t seed)
{
	*ranges = (struct ranges){.multiplier = seed | 1};
}

/* Splits a tree into what begins below addr, and the rest. */
static void split(
	struct range *root, uint64_t addr, struct range **ret_low, struct range **ret_high)
{
	while (root) {
		if (root->addr < addr) {
			*ret_low = root;
			ret_low = &root->high;
			root = root->high;
		} else {
			*ret_high = root;
			ret_high = &root->low;
			root = root->low;
		}
	}
	*ret_low = *ret_high = NULL;
}

/* All of `low` lies below all of `high`. */
static struct range *join(struct range *low, struct range *high)
{
	struct range *root, **at = &root;

	while (low && high) {
		if (low->priority > high->priority) {
			*at = low;
			at = &low->high;
			low = low->high;
		} else {
			*at = high;
			at = &high->low;
			high = high->low;
		}
	}
	*at = low ? low : high;
	return root;
}

void ranges__destroy(struct ranges *ranges)
{
	struct range *root = ranges->root;

	while (root) {
		struct range *rest = join(root->low, root->high);

		free(root);
		root = rest;
	}
	ranges->root = NULL;
}

struct range *ranges__beyond(const struct ranges *ranges, uint64_t addr)
{
	struct range *range = ranges->root, *found = NULL;

	while (range) {
		if (range->end > addr) {
			found = range;
			range = range->low;
		} else {
			range = range->high;
		}
	}
	return found;
}

void ranges__put(struct ranges *ranges, struct range *range)
{
	struct range *low, *high;

	split(ranges->root, range->addr, &low, &high);
	range->low = range->high = NULL;
	ranges->root = join(join(low, range), high);
}

struct range *ranges__add(struct ranges *ranges, const struct range *range)
{
	struct range *added = malloc(sizeof(*added));

	if (!added)
		return NULL;
	*added = *range;
	added->priority = hash__of(++ranges->created_cnt, ranges->multiplier);
	ranges__put(ranges, added);
	return added;
}

int ranges__copy(const struct ranges *ranges, struct ranges *copy)
{
	struct range *range = ranges__beyond(ranges, 0);

	for (; range; range = ranges__beyond(ranges, range->end)) {
		if (ranges__add(copy, range))
			continue;
		ranges__destroy(copy);
		return -ENOMEM;
	}
	return 0;
}

int ranges__cut(struct ranges *ranges, uint64_t addr, struct range **ret_part)
{
	struct range *range = ranges__beyond(ranges, addr);
	struct range part;

	*ret_part = NULL;
	if (!range || range->addr >= addr)
		return 0;
	part = *range;
	part.addr = addr;
	*ret_part = ranges__add(ranges, &part);
	if (!*ret_part)
		return -ENOMEM;
	range->end = addr;
	return 0;
}

struct range *ranges__glue(struct ranges *ranges, uint64_t addr)
{
	struct range *lower = ranges__beyond(ranges, addr - 1);
	struct range *upper = ranges__beyond(ranges, addr);
	struct ranges taken;

	if (!lower || !upper || lower == upper || lower->end != addr || upper->addr != addr ||
		lower->number != upper->number)
		return NULL;
	taken = ranges__take(ranges, addr, upper->end);
	lower->end = upper->end;
	ranges__destroy(&taken);
	return lower;
}

struct ranges ranges__take(struct ranges *ranges, uint64_t addr, uint64_t end)
{
	struct ranges taken = {};
	struct range *low, *rest, *high;

	split(ranges->root, addr, &low, &rest);
	split(rest, end, &taken.root, &high);
	ranges->root = join(low, high);
	return taken;
}

struct range *ranges__pop(struct ranges *ranges)
{
	struct range **link = &ranges->root, *lowest;

	while (*link && (*link)->low)
		link = &(*link)->low;
	lowest = *link;
	if (lowest)
		*link = lowest->high;
	return lowest;
}
