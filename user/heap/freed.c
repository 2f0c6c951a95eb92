/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A circle of slots in the order of the frees, and an index from the address. A block that is taken out
 * leaves its slot empty until the circle comes round to it.
 */
#include "heap/freed.h"

#include <errno.h>
#include <string.h>

#include "heap/region.h"

#define SLOTS_SZ (FREED_BLOCKS_MAX * sizeof(struct freed_block))

void freed_blocks__init(struct freed_blocks *freed, uint64_t seed)
{
	*freed = (struct freed_blocks){};
	index__init(&freed->by_addr, seed);
}

void freed_blocks__destroy(struct freed_blocks *freed)
{
	if (freed->slots)
		region__free(freed->slots, SLOTS_SZ);
	index__destroy(&freed->by_addr);
	freed->slots = NULL;
	freed->next = freed->used = 0;
}

int freed_blocks__copy(const struct freed_blocks *freed, struct freed_blocks *copy)
{
	*copy = (struct freed_blocks){.next = freed->next, .used = freed->used};
	if (index__copy(&freed->by_addr, &copy->by_addr))
		return -ENOMEM;
	if (!freed->slots)
		return 0;
	copy->slots = region__resize(NULL, 0, SLOTS_SZ);
	if (!copy->slots) {
		freed_blocks__destroy(copy);
		return -ENOMEM;
	}
	memcpy(copy->slots, freed->slots, freed->used * sizeof(*freed->slots));
	return 0;
}

void freed_blocks__put(struct freed_blocks *freed, const struct freed_block *block)
{
	struct freed_block *slot;

	if (!freed->slots)
		freed->slots = region__resize(NULL, 0, SLOTS_SZ);
	if (!freed->slots)
		return;
	slot = &freed->slots[freed->next];
	if (slot->addr)
		index__remove(&freed->by_addr, slot->addr);
	*slot = (struct freed_block){};
	if (index__add(&freed->by_addr, block->addr, freed->next + 1ULL))
		return;
	*slot = *block;
	if (freed->used <= freed->next)
		freed->used = freed->next + 1;
	freed->next = (freed->next + 1) % FREED_BLOCKS_MAX;
}

const struct freed_block *freed_blocks__find(const struct freed_blocks *freed, uint64_t addr)
{
	uintptr_t number = index__find(&freed->by_addr, addr);

	return number ? &freed->slots[number - 1] : NULL;
}

void freed_blocks__remove(struct freed_blocks *freed, uint64_t addr)
{
	uintptr_t number = index__remove(&freed->by_addr, addr);

	if (number)
		freed->slots[number - 1] = (struct freed_block){};
}

size_t freed_blocks__memory(const struct freed_blocks *freed)
{
	return (freed->slots ? region__memory(SLOTS_SZ) : 0) + index__memory(&freed->by_addr);
}
