/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Outstanding blocks: a hash table that stays in order.
 *
 * The problem: ten million blocks at 40 bytes each, a few hundred nanoseconds for an event, and no
 * event that takes much longer, because the ring fills while the table is being rearranged.
 *
 * The mechanism: open addressing, linear probing, and the blocks stand in the order of their
 * hashes (Amble and Knuth, "Ordered hash tables", 1974). A hash's home is
 * hash * capacity / 2^64, so that the order of hashes is the order of homes:
 *
 *	slots  0                                               capacity    tail
 *	       ┌──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┬──┐
 *	       │ 3│  │17│18│20│31│  │40│44│  │  │60│61│62│70│  │95│97│  │  │
 *	       └──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┴──┘
 *	            └─ a run: each block is at its home or right of it, no gap between
 *
 * - A search begins at the home and ends at the first hash that is not smaller; an empty slot has
 *   the greatest hash of all. The last slot is always empty, so every walk ends.
 * - Putting a block in moves the rest of its run right by one, taking it out moves it left. There
 *   are no tombstones.
 * - Nothing wraps around: blocks that the last homes cannot hold go to a tail of spare slots.
 *
 * Resizing happens in place, a few slots with each operation. The slots grow first. Then hashes
 * from `split` on are placed by the new capacity, those below by the old one, and the split moves
 * down, block by block, each being taken out and put in again at a place further right. A table
 * shrinks in the same way from the other end. At each moment homes are in the order of the hashes,
 * so all operations work as ever; only the choice of the capacity depends on the hash.
 *
 * Limits: a table whose process stops using it in the middle of a resize stays in the middle.
 * A copy (fork) copies all slots at once.
 */
#include "heap/blocks.h"

#include <errno.h>
#include <string.h>

#include "heap/hash.h"
#include "heap/region.h"

#define BLOCKS_CAP_MIN 8
#define BLOCKS_CAP_SHRINKS 128	    /* smaller tables do not shrink */
#define BLOCKS_CAP_LARGE (64 << 10) /* from here a table grows by a twelfth, below it doubles */
#define BLOCKS_TAIL_MAX 512
/* A resize goes on by STEP_SLOTS every STEP_OPS operations: 32 slots an operation. A table that
 * grew by a twelfth at 7/8 full has to grow again after 0.073 * capacity more blocks, so 14 would
 * do; but until it is done its low part is the fuller, and the slower, for each of them. The top of
 * the table is placed first, so all new slots are in use when an eighth is done: at 7/8 of the old
 * capacity that makes 32 * 13/12 / (7/8) = 39.6 bytes a block, the most there is. */
#define BLOCKS_STEP_SLOTS 256 /* less than BLOCKS_TAIL_MAX */
#define BLOCKS_STEP_OPS 8

static uint64_t blocks__hash(const struct blocks *blocks, uint64_t addr)
{
	return hash__of(addr, blocks->multiplier);
}

static size_t home_of(uint64_t hash, size_t cap)
{
	return (unsigned __int128)hash * cap >> 64;
}

/* The smallest hash whose home is not left of the slot. */
static uint64_t first_hash(size_t slot, size_t cap)
{
	if (slot >= cap)
		return UINT64_MAX;
	return (((unsigned __int128)slot << 64) + cap - 1) / cap;
}

static size_t blocks__home(const struct blocks *blocks, uint64_t hash)
{
	return home_of(hash, hash < blocks->split ? blocks->low_cap : blocks->high_cap);
}

static bool blocks__is_resizing(const struct blocks *blocks)
{
	return blocks->low_cap != blocks->high_cap;
}

/* The slot of the first block whose hash is not smaller, or the empty slot where it would be. */
static size_t blocks__search(const struct blocks *blocks, uint64_t hash)
{
	size_t i = blocks__home(blocks, hash);

	while (blocks__hash(blocks, blocks->slots[i].addr) < hash)
		i++;
	return i;
}

/* Whether runs may get longer by cnt blocks; the last slot has to stay empty. No home is in the
 * tail, so if one of its slots is empty then so are all to the right. */
static bool blocks__has_room(const struct blocks *blocks, size_t cnt)
{
	size_t i = blocks->slot_cnt - 1 - cnt;

	return i >= blocks->high_cap && !blocks->slots[i].addr;
}

/* Needs room. Runs are short: moving block by block beats looking for the end and memmove. */
static void blocks__insert_at(struct blocks *blocks, size_t i, const struct block *block)
{
	struct block *slot = &blocks->slots[i];
	struct block carried = *block;

	for (; slot->addr; slot++) {
		struct block next = *slot;

		*slot = carried;
		carried = next;
	}
	*slot = carried;
}

static void blocks__remove_at(struct blocks *blocks, size_t i)
{
	struct block *slots = blocks->slots;

	for (i++; slots[i].addr; i++) {
		if (blocks__home(blocks, blocks__hash(blocks, slots[i].addr)) == i)
			break;
		slots[i - 1] = slots[i];
	}
	slots[i - 1] = (struct block){};
}

/* ---- resizing ---- */

static size_t slots_for(size_t cap)
{
	size_t tail = 4 + cap / 4;

	return cap + (tail < BLOCKS_TAIL_MAX ? tail : BLOCKS_TAIL_MAX);
}

static int blocks__set_slot_cnt(struct blocks *blocks, size_t slot_cnt)
{
	struct block *slots = region__resize(
		blocks->slots, blocks->slot_cnt * sizeof(*slots), slot_cnt * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	blocks->slots = slots;
	blocks->slot_cnt = slot_cnt;
	return 0;
}

/* A tail that is full gets longer. No seed that is random should ever lead to that. */
static int blocks__make_room(struct blocks *blocks)
{
	if (blocks__has_room(blocks, 1))
		return 0;
	return blocks__set_slot_cnt(blocks, blocks->slot_cnt + BLOCKS_TAIL_MAX);
}

/* Moves the block in slot i to where the split's new value wants it. Needs room. */
static void blocks__move(struct blocks *blocks, size_t i, uint64_t new_split)
{
	struct block block = blocks->slots[i];

	blocks__remove_at(blocks, i);
	blocks->split = new_split;
	blocks__insert_at(blocks, blocks__search(blocks, blocks__hash(blocks, block.addr)), &block);
}

/* One past the last block below the split. */
static size_t blocks__low_end(const struct blocks *blocks)
{
	size_t i = home_of(blocks->split, blocks->low_cap);

	while (blocks__hash(blocks, blocks->slots[i].addr) < blocks->split)
		i++;
	return i;
}

/* Moves the blocks in slots [first, end) one by one, the last one first. False if there is no room
 * and no memory for more: some are moved, and the table is as good as before. */
static bool blocks__move_near(struct blocks *blocks, size_t first, size_t end)
{
	while (end-- > first) {
		uint64_t addr = blocks->slots[end].addr;

		if (!addr)
			continue;
		if (blocks__make_room(blocks))
			return false;
		blocks__move(blocks, end, blocks__hash(blocks, addr));
	}
	return true;
}

/* The same, if all of them go to slots from `end` on, and there is room for all: in the order of
 * their hashes, without a search. That is the case for nearly all of a large table. */
static void blocks__move_far(struct blocks *blocks, size_t first, size_t end)
{
	struct block *slots = blocks->slots;
	size_t free_slot = 0;

	for (size_t i = first; i < end; i++) {
		struct block block = slots[i];
		uint64_t hash = blocks__hash(blocks, block.addr);
		size_t to = home_of(hash, blocks->high_cap);

		if (!block.addr)
			continue;
		if (!free_slot)
			blocks->split = hash;
		slots[i] = (struct block){};
		to = to < free_slot ? free_slot : to;
		blocks__insert_at(blocks, to, &block);
		free_slot = to + 1;
	}
}

/* Whether move_far may be used. */
static bool blocks__are_far(const struct blocks *blocks, size_t first, size_t end)
{
	while (first < end && !blocks->slots[first].addr)
		first++;
	return home_of(blocks__hash(blocks, blocks->slots[first].addr), blocks->high_cap) >= end &&
	       blocks__has_room(blocks, BLOCKS_STEP_SLOTS);
}

static void blocks__grow_step(struct blocks *blocks)
{
	size_t end = blocks__low_end(blocks);
	size_t first = end > BLOCKS_STEP_SLOTS ? end - BLOCKS_STEP_SLOTS : 0;
	uint64_t first_home_hash = first_hash(first, blocks->low_cap);

	if (blocks__are_far(blocks, first, end))
		blocks__move_far(blocks, first, end);
	else if (!blocks__move_near(blocks, first, end))
		return;			     /* the next step tries again */
	if (first_home_hash < blocks->split) /* what is left of `first` has its home there too */
		blocks->split = first_home_hash;
	if (!first)
		blocks->low_cap = blocks->high_cap;
}

static void blocks__finish_shrink(struct blocks *blocks)
{
	size_t end = blocks->low_cap, slot_cnt = slots_for(end);

	blocks->high_cap = blocks->low_cap;
	while (blocks->slots[end].addr)
		end++;
	/* Without memory, or if the last run is longer than the tail: it keeps all its slots. */
	if (end + 1 < slot_cnt)
		blocks__set_slot_cnt(blocks, slot_cnt);
}

/* A block moves left, into room that it leaves itself. If the run goes on where the step leaves
 * off, then what is right of there need not move: no slot is empty down to its new home. */
static void blocks__shrink_step(struct blocks *blocks)
{
	size_t i = home_of(blocks->split, blocks->high_cap);
	size_t stop = i + BLOCKS_STEP_SLOTS;

	if (stop > blocks->high_cap)
		stop = blocks->high_cap;
	while (i < stop) {
		uint64_t addr = blocks->slots[i].addr, hash = blocks__hash(blocks, addr);

		if (addr && hash >= blocks->split)
			blocks__move(blocks, i, hash + 1);
		else
			i++;
	}
	if (first_hash(i, blocks->high_cap) > blocks->split)
		blocks->split = first_hash(i, blocks->high_cap);
	if (blocks->split == UINT64_MAX)
		blocks__finish_shrink(blocks);
}

static void blocks__step(struct blocks *blocks)
{
	if (blocks->is_shrinking)
		blocks__shrink_step(blocks);
	else
		blocks__grow_step(blocks);
	blocks->op_cnt = 0;
}

/* Whether it could get memory does not matter yet: it has room for some more. */
static void blocks__start_grow(struct blocks *blocks)
{
	size_t cap = blocks->low_cap;
	size_t new_cap = cap < BLOCKS_CAP_LARGE ? cap * 2 : cap + cap / 12;
	size_t slot_cnt = slots_for(new_cap);

	if (slot_cnt > blocks->slot_cnt && blocks__set_slot_cnt(blocks, slot_cnt))
		return;
	blocks->high_cap = new_cap;
	blocks->split = UINT64_MAX;
	blocks->is_shrinking = false;
	blocks__step(blocks);
}

static void blocks__start_shrink(struct blocks *blocks)
{
	blocks->low_cap = blocks->high_cap / 2;
	blocks->split = 0;
	blocks->is_shrinking = true;
	blocks__step(blocks);
}

/* Once for each operation that changes the table. */
static void blocks__resize(struct blocks *blocks)
{
	size_t cap = blocks->low_cap;

	if (blocks__is_resizing(blocks)) {
		if (++blocks->op_cnt == BLOCKS_STEP_OPS)
			blocks__step(blocks);
	} else if (blocks->cnt >= cap - cap / 8) {
		blocks__start_grow(blocks);
	} else if (blocks->cnt < cap / 4 && cap > BLOCKS_CAP_SHRINKS) {
		blocks__start_shrink(blocks);
	}
}

/* Without memory for more, a table may fill to 31/32. */
static bool blocks__is_full(const struct blocks *blocks)
{
	return !blocks__is_resizing(blocks) &&
	       blocks->cnt >= blocks->low_cap - blocks->low_cap / 32 - 1;
}

static int blocks__start(struct blocks *blocks)
{
	int err = blocks__set_slot_cnt(blocks, slots_for(BLOCKS_CAP_MIN));

	if (!err)
		blocks->low_cap = blocks->high_cap = BLOCKS_CAP_MIN;
	return err;
}

/* ---- the interface ---- */

void blocks__init(struct blocks *blocks, uint64_t seed)
{
	*blocks = (struct blocks){.multiplier = seed | 1};
}

void blocks__destroy(struct blocks *blocks)
{
	region__free(blocks->slots, blocks->slot_cnt * sizeof(*blocks->slots));
	*blocks = (struct blocks){};
}

int blocks__copy(const struct blocks *blocks, struct blocks *copy)
{
	size_t sz = blocks->slot_cnt * sizeof(*blocks->slots);
	struct block *slots = NULL;

	if (blocks->cnt) {
		slots = region__resize(NULL, 0, sz);
		if (!slots)
			return -ENOMEM;
		memcpy(slots, blocks->slots, sz);
		*copy = *blocks;
		copy->slots = slots;
	} else {
		blocks__init(copy, blocks->multiplier);
	}
	return 0;
}

int blocks__put(struct blocks *blocks, const struct block *block, struct block *ret_old)
{
	size_t i;

	if (!blocks->slots && blocks__start(blocks))
		return -ENOMEM;
	blocks__resize(blocks);
	i = blocks__search(blocks, blocks__hash(blocks, block->addr));
	if (blocks->slots[i].addr == block->addr) {
		*ret_old = blocks->slots[i];
		blocks->slots[i] = *block;
		return 1;
	}
	if (blocks__is_full(blocks) || blocks__make_room(blocks))
		return -ENOMEM;
	blocks__insert_at(blocks, i, block);
	blocks->cnt++;
	return 0;
}

bool blocks__take(struct blocks *blocks, uint64_t addr, struct block *ret_block)
{
	size_t i;

	if (!blocks->cnt || !addr)
		return false;
	i = blocks__search(blocks, blocks__hash(blocks, addr));
	if (blocks->slots[i].addr != addr)
		return false;
	*ret_block = blocks->slots[i];
	blocks__remove_at(blocks, i);
	blocks->cnt--;
	blocks__resize(blocks);
	return true;
}

const struct block *blocks__find(const struct blocks *blocks, uint64_t addr)
{
	const struct block *block;

	if (!blocks->cnt || !addr)
		return NULL;
	block = &blocks->slots[blocks__search(blocks, blocks__hash(blocks, addr))];
	return block->addr == addr ? block : NULL;
}

void blocks__prefetch(const struct blocks *blocks, uint64_t addr)
{
	const struct block *home;

	if (!blocks->cnt)
		return;
	home = &blocks->slots[blocks__home(blocks, blocks__hash(blocks, addr))];
	__builtin_prefetch(home, 1);
	__builtin_prefetch(home + 2, 1);
	__builtin_prefetch(home + 4, 1);
}

const struct block *blocks__next(const struct blocks *blocks, size_t *cursor)
{
	while (*cursor < blocks->slot_cnt) {
		const struct block *block = &blocks->slots[(*cursor)++];

		if (block->addr)
			return block;
	}
	return NULL;
}

size_t blocks__memory(const struct blocks *blocks)
{
	return region__memory(blocks->slot_cnt * sizeof(*blocks->slots));
}
