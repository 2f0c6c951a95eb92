/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mapped memory: what each event does to ranges, sites and totals. It is like that of blocks
 * (process.c), but that a range can be taken away in parts, and with others at once.
 *
 *	map ──► outstanding ──► unmap_begin ──► pending ──► unmap_done ──► gone
 *	  │         ▲  │                           │
 *	  │         │  └─► replaced (map) ──► gone │
 *	  └─────────┴────────── unmap_failed ◄─────┘
 *
 * A range is counted where it goes into the tree and where it is taken out; a cut makes one range
 * more. So at each moment the sites' ranges and bytes add up to the totals.
 *
 * An unmap of what the books don't have is no event at all: most are the allocator's own, inside of
 * free; others are of what was mapped before tracing, by a raw system call, or by the dynamic
 * linker.
 *
 * When a thread's next unmap begins and the last one is still pending, its end was lost: it is
 * taken for a success, and the books are incomplete. What is pending when the process ends, or
 * forks, is put back (in the fork's child), unless somebody has been given the addresses: whether
 * the kernel had come that far cannot be known.
 *
 * Limit: where a program has had a range out of the C library's sight unmapped, it stays in the
 * books until something is mapped there again; that is counted (unseen_unmaps).
 */
#include "heap/mapped.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/process.h"

void mapped__init(struct mapped *mapped, struct stacks *stacks, uint64_t *seed)
{
	ranges__init(&mapped->ranges, seed__next(seed));
	sites__init(&mapped->sites, stacks, seed__next(seed));
	index__init(&mapped->pending, seed__next(seed));
}

static void free_tree(uintptr_t root)
{
	struct ranges tree = {.root = (struct range *)root};

	ranges__destroy(&tree);
}

void mapped__destroy(struct mapped *mapped)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&mapped->pending, &cursor)))
		free_tree(entry->value);
	index__destroy(&mapped->pending);
	ranges__destroy(&mapped->ranges);
	sites__destroy(&mapped->sites);
}

/* ---- counting ---- */

/* A range's bytes and `range_cnt` more ranges, at its site and in all; both may be negative. */
static void count(struct mapped *mapped, const struct range *range, int64_t bytes, int range_cnt)
{
	struct mapped_totals *totals = &mapped->totals;
	struct site *site = &mapped->sites.sites[range->site];

	site->outstanding_blocks += range_cnt;
	site->outstanding_bytes += bytes;
	totals->outstanding_ranges += range_cnt;
	totals->outstanding_bytes += bytes;
	totals->kind_bytes[range->kind] += bytes;
	if (totals->peak_outstanding_bytes < totals->outstanding_bytes)
		totals->peak_outstanding_bytes = totals->outstanding_bytes;
}

static void count_in(struct mapped *mapped, const struct range *range)
{
	count(mapped, range, range->end - range->addr, 1);
}

static void count_out(struct mapped *mapped, const struct range *range)
{
	count(mapped, range, -(int64_t)(range->end - range->addr), -1);
}

static int cut(struct mapped *mapped, uint64_t addr)
{
	struct range *part;
	int err = ranges__cut(&mapped->ranges, addr, &part);

	if (!err && part)
		count(mapped, part, 0, 1);
	return err;
}

static void glue(struct mapped *mapped, uint64_t addr)
{
	const struct range *whole = ranges__glue(&mapped->ranges, addr);

	if (whole)
		count(mapped, whole, 0, -1);
}

/* Takes [addr, end) out of the books. 0 or -ENOMEM. */
static int take(struct mapped *mapped, uint64_t addr, uint64_t end, struct ranges *ret_taken)
{
	struct range *range;
	int err = cut(mapped, addr);

	if (!err)
		err = cut(mapped, end);
	if (err) {
		glue(mapped, addr);
		return err;
	}
	*ret_taken = ranges__take(&mapped->ranges, addr, end);
	for (range = ranges__beyond(ret_taken, 0); range;
		range = ranges__beyond(ret_taken, range->end))
		count_out(mapped, range);
	return 0;
}

/* ---- map ---- */

/* What is there gives way. 0 or -ENOMEM. */
static int replace(struct mapped *mapped, const struct mapping *mapping)
{
	struct ranges replaced;
	int err = take(mapped, mapping->addr, mapping->addr + mapping->size, &replaced);

	if (err || !replaced.root)
		return err;
	if (mapping->fixed)
		mapped->totals.unmaps++;
	else
		mapped->totals.unseen_unmaps++;
	ranges__destroy(&replaced);
	return 0;
}

/* mremap's new range is of its old one's kind, which is pending, or (duplicated) still there. */
static enum range_kind kind_of(
	const struct mapped *mapped, const struct mapping *mapping, pid_t tid)
{
	const struct ranges pending = {
		.root = (struct range *)index__find(&mapped->pending, (uint32_t)tid)};
	const struct range *old = ranges__beyond(&pending, mapping->old_addr);

	if (!mapping->old_addr)
		return mapping->kind;
	if (old)
		return old->kind;
	old = ranges__beyond(&mapped->ranges, mapping->old_addr);
	return old && old->addr <= mapping->old_addr ? old->kind : mapping->kind;
}

static int map(struct mapped *mapped, const struct mapping *mapping, pid_t tid)
{
	struct range range = {
		.addr = mapping->addr,
		.end = mapping->addr + mapping->size,
		.number = ++mapped->last_number,
		.time_ns = mapping->time_ns,
		.kind = kind_of(mapped, mapping, tid),
	};
	struct site *site = sites__get(&mapped->sites, mapping->stack_hash);

	if (!site)
		return -ENOMEM;
	range.site = sites__number(&mapped->sites, site);
	if (replace(mapped, mapping) || !ranges__add(&mapped->ranges, &range))
		return -ENOMEM;
	site->allocs++;
	site->bytes_allocated += mapping->size;
	mapped->totals.maps++;
	mapped->totals.bytes_mapped += mapping->size;
	count_in(mapped, &range);
	return 0;
}

int process__map(struct process *process, const struct mapping *mapping, pid_t tid)
{
	int err = map(&process->mapped, mapping, tid);

	if (err)
		process->info.incomplete = true;
	return err;
}

/* ---- unmap ---- */

int process__unmap_begin(struct process *process, uint64_t addr, uint64_t size, pid_t tid)
{
	struct mapped *mapped = &process->mapped;
	uintptr_t stale = index__remove(&mapped->pending, (uint32_t)tid);
	struct ranges taken;
	int err = take(mapped, addr, addr + size, &taken);

	if (stale || err)
		process->info.incomplete = true;
	free_tree(stale);
	if (err || !taken.root)
		return err;
	mapped->totals.unmaps++;
	if (index__add(&mapped->pending, (uint32_t)tid, (uintptr_t)taken.root)) {
		process->info.incomplete = true;
		ranges__destroy(&taken);
	}
	return 0;
}

void process__unmap_done(struct process *process, pid_t tid)
{
	if (process->mapped.pending.cnt)
		free_tree(index__remove(&process->mapped.pending, (uint32_t)tid));
}

static void put_back(struct mapped *mapped, struct range *range)
{
	uint64_t addr = range->addr, end = range->end;

	ranges__put(&mapped->ranges, range);
	count_in(mapped, range);
	glue(mapped, addr);
	glue(mapped, end);
}

/* Has any of it been mapped again? */
static bool is_reused(const struct mapped *mapped, const struct ranges *tree)
{
	const struct range *range = ranges__beyond(tree, 0), *there;

	for (; range; range = ranges__beyond(tree, range->end)) {
		there = ranges__beyond(&mapped->ranges, range->addr);
		if (there && there->addr < range->end)
			return true;
	}
	return false;
}

/* Undoes an unmap. False: it can't have failed, as others were given its addresses; then it is
 * done. */
static bool put_tree_back(struct mapped *mapped, uintptr_t root)
{
	struct ranges tree = {.root = (struct range *)root};
	bool reused = is_reused(mapped, &tree);
	struct range *range;

	if (reused)
		ranges__destroy(&tree);
	else if (root)
		mapped->totals.unmaps--;
	while ((range = ranges__pop(&tree)))
		put_back(mapped, range);
	return !reused;
}

void process__unmap_failed(struct process *process, pid_t tid)
{
	struct mapped *mapped = &process->mapped;

	/* Else an event was lost. */
	if (!put_tree_back(mapped, index__remove(&mapped->pending, (uint32_t)tid)))
		process->info.incomplete = true;
}

void mapped__end(struct mapped *mapped)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&mapped->pending, &cursor)))
		put_tree_back(mapped, entry->value);
	index__destroy(&mapped->pending);
}

/* ---- fork ---- */

static int copy_pending(const struct mapped *mapped, struct mapped *copy)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&mapped->pending, &cursor))) {
		const struct ranges tree = {.root = (struct range *)entry->value};
		struct ranges copied;

		ranges__init(&copied, copy->ranges.multiplier);
		if (ranges__copy(&tree, &copied))
			return -ENOMEM;
		put_tree_back(copy, (uintptr_t)copied.root);
	}
	return 0;
}

static void restart_totals(struct mapped_totals *totals)
{
	totals->maps = totals->outstanding_ranges;
	totals->bytes_mapped = totals->peak_outstanding_bytes = totals->outstanding_bytes;
	totals->unmaps = totals->unseen_unmaps = 0;
}

int mapped__copy(const struct mapped *mapped, struct mapped *copy)
{
	int err = ranges__copy(&mapped->ranges, &copy->ranges);

	if (!err)
		err = sites__copy(&mapped->sites, &copy->sites);
	if (err)
		return err;
	copy->totals = mapped->totals;
	copy->last_number = mapped->last_number;
	err = copy_pending(mapped, copy);
	sites__restart(&copy->sites);
	restart_totals(&copy->totals);
	return err;
}

/* ---- questions ---- */

const struct mapped_totals *process__mapped(const struct process *process)
{
	return &process->mapped.totals;
}

size_t mapped__memory(const struct mapped *mapped)
{
	return mapped->totals.outstanding_ranges * sizeof(struct range) +
	       sites__memory(&mapped->sites) + index__memory(&mapped->pending);
}
