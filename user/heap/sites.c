/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocation sites: an array, because blocks name their site by number, and an index by the stack's
 * hash. Sites are never taken out while the process is known: a site that has nothing outstanding
 * still has totals.
 */
#include "heap/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SITES_CAP_MIN 8

void sites__init(struct sites *sites, struct stacks *stacks, uint64_t seed)
{
	*sites = (struct sites){.stacks = stacks};
	index__init(&sites->by_hash, seed);
}

void sites__destroy(struct sites *sites)
{
	for (uint32_t i = 0; i < sites->cnt; i++)
		stacks__put(sites->stacks, sites->sites[i].stack);
	free(sites->sites);
	index__destroy(&sites->by_hash);
	*sites = (struct sites){};
}

int sites__copy(const struct sites *sites, struct sites *copy)
{
	struct site *array = NULL;
	struct index by_hash;

	if (index__copy(&sites->by_hash, &by_hash))
		return -ENOMEM;
	if (sites->cnt) {
		array = malloc(sites->cnt * sizeof(*array));
		if (!array) {
			index__destroy(&by_hash);
			return -ENOMEM;
		}
		memcpy(array, sites->sites, sites->cnt * sizeof(*array));
	}
	for (uint32_t i = 0; i < sites->cnt; i++)
		array[i].stack->ref_cnt++;
	*copy = (struct sites){.stacks = sites->stacks,
		.sites = array,
		.cnt = sites->cnt,
		.cap = sites->cnt,
		.by_hash = by_hash};
	return 0;
}

void sites__restart(struct sites *sites)
{
	for (uint32_t i = 0; i < sites->cnt; i++) {
		struct site *site = &sites->sites[i];

		site->allocs = site->outstanding_blocks;
		site->frees = 0;
		site->bytes_allocated = site->outstanding_bytes;
		site->marked_bytes = site->outstanding_bytes;
	}
}

struct site *sites__find(const struct sites *sites, uint64_t stack_hash)
{
	uintptr_t number = index__find(&sites->by_hash, stack_hash);

	return number ? &sites->sites[number - 1] : NULL;
}

static int sites__make_room(struct sites *sites)
{
	uint64_t cap = sites->cap ? sites->cap * 2ULL : SITES_CAP_MIN;
	struct site *array;

	if (sites->cnt < sites->cap)
		return 0;
	if (cap > UINT32_MAX)
		return -ENOMEM;
	array = realloc(sites->sites, cap * sizeof(*array));
	if (!array)
		return -ENOMEM;
	sites->sites = array;
	sites->cap = cap;
	return 0;
}

static struct site *sites__add(struct sites *sites, uint64_t stack_hash)
{
	struct stack *stack;
	struct site *site;

	if (sites__make_room(sites))
		return NULL;
	stack = stacks__get(sites->stacks, stack_hash);
	if (!stack)
		return NULL;
	if (index__add(&sites->by_hash, stack_hash, sites->cnt + 1ULL)) {
		stacks__put(sites->stacks, stack);
		return NULL;
	}
	site = &sites->sites[sites->cnt++];
	*site = (struct site){.stack = stack, .frameless = !stack->stack.frame_cnt};
	return site;
}

struct site *sites__get(struct sites *sites, uint64_t stack_hash)
{
	struct site *site = sites__find(sites, stack_hash);

	return site ? site : sites__add(sites, stack_hash);
}

size_t sites__memory(const struct sites *sites)
{
	return sites->cap * sizeof(*sites->sites) + index__memory(&sites->by_hash);
}
