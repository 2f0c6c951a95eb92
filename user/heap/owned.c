/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arenas in a process's books: what each event does to the bonds of arenas.h and to the blocks.
 *
 *   made ──► alive ──► emptied ──► alive          what belongs to it goes, as freed
 *              │
 *              └─► ended ──► gone                 and it
 *
 * An arena need not have been made: who allocates in one that the books don't know makes it known
 * (it was there before heaptap, or nobody declared what makes it), and it is forgotten when it is
 * empty. A plain free of a block that owns others leaves those where they are: nobody has freed
 * them.
 */
#include <errno.h>
#include <stdlib.h>

#include "heap/process.h"

/* ---- what blocks do to arenas ---- */

void process__release_node(struct process *process, uint64_t addr)
{
	uint32_t node = arenas__find(&process->arenas, addr);

	if (node)
		arenas__release(&process->arenas, node);
}

void process__lift_node(struct process *process, uint64_t addr, pid_t tid)
{
	uint32_t stale = index__remove(&process->lifted, (uint32_t)tid);
	uint32_t node = arenas__find(&process->arenas, addr);

	if (stale) /* that realloc's end was lost */
		arenas__remove(&process->arenas, stale);
	if (!node)
		return;
	arenas__lift(&process->arenas, node);
	if (!index__add(&process->lifted, (uint32_t)tid, node))
		return;
	arenas__remove(&process->arenas, node);
	process->info.incomplete = true;
}

void process__land_node(struct process *process, uint64_t addr, pid_t tid)
{
	uint32_t node = index__remove(&process->lifted, (uint32_t)tid);

	if (node && arenas__land(&process->arenas, node, addr))
		process->info.incomplete = true;
}

/* A node that stands where a new block is allocated was another block's, unless a realloc brings
 * it. */
void process__place_node(struct process *process, uint64_t addr, pid_t tid)
{
	uint32_t stale;

	if (process->lifted.cnt && index__find(&process->lifted, (uint32_t)tid)) {
		process__land_node(process, addr, tid);
		return;
	}
	stale = arenas__find(&process->arenas, addr);
	if (!stale)
		return;
	arenas__own(&process->arenas, stale, 0);
	arenas__tidy(&process->arenas, stale);
}

/* ---- what arenas do to blocks ---- */

/* Frees what is below a node, and says how many blocks that were. */
static uint64_t process__free_below(struct process *process, uint32_t node, pid_t tid)
{
	uint32_t cursor = node;
	struct block block;
	uint64_t addr, cnt = 0;

	while ((addr = arenas__take_below(&process->arenas, node, &cursor)))
		cnt += process__take(process, addr, tid, &block);
	return cnt;
}

static int process__fail(struct process *process)
{
	process->info.incomplete = true;
	return -ENOMEM;
}

/* Where an arena that nobody made comes from: its own block's site, or that of the first in it. */
static uint32_t process__site_of(const struct process *process, uint64_t arena, uint32_t otherwise)
{
	const struct block *block = blocks__find(&process->blocks, arena);

	return block ? block->site : otherwise;
}

int process__arena_made(
	struct process *process, uint64_t arena, uint64_t parent, uint64_t stack_hash)
{
	struct arenas *arenas = &process->arenas;
	struct site *site = sites__get(&process->sites, stack_hash);
	uint32_t above = 0, node, number;
	uint64_t lost;

	if (!site)
		return process__fail(process);
	number = sites__number(&process->sites, site);
	node = arenas__get(arenas, arena, number);
	if (node && parent && parent != arena)
		above = arenas__get(arenas, parent, process__site_of(process, parent, number));
	if (!node || (parent && parent != arena && !above))
		return process__fail(process);
	lost = process__free_below(process, node, 0);
	process->anomalies.replaced_blocks += lost;
	process->info.incomplete |= lost > 0;
	arenas__node(arenas, node)->is_made = true;
	arenas__node(arenas, node)->site = number;
	arenas__own(arenas, node, above);
	return 0;
}

int process__own(struct process *process, uint64_t addr, uint64_t arena)
{
	const struct block *block = blocks__find(&process->blocks, addr);
	struct arenas *arenas = &process->arenas;
	uint32_t node, above;

	if (!block || addr == arena || !arena)
		return 0;
	node = arenas__get(arenas, addr, block->site);
	if (!node)
		return process__fail(process);
	if (arenas__node(arenas, node)->parent)
		return 0; /* a realloc leaves it where it was */
	above = arenas__get(arenas, arena, process__site_of(process, arena, block->site));
	if (!above) {
		arenas__release(arenas, node);
		return process__fail(process);
	}
	arenas__own(arenas, node, above);
	return 0;
}

int process__arena_moved(struct process *process, uint64_t addr, uint64_t parent)
{
	struct arenas *arenas = &process->arenas;
	uint32_t site = process__site_of(process, addr, 0);
	uint32_t node = arenas__get(arenas, addr, site), above = 0;

	if (node && parent && parent != addr)
		above = arenas__get(arenas, parent, process__site_of(process, parent, site));
	if (!node || (parent && parent != addr && !above))
		return process__fail(process);
	arenas__own(arenas, node, above);
	arenas__tidy(arenas, node);
	return 0;
}

void process__arena_emptied(struct process *process, uint64_t arena, pid_t tid)
{
	uint32_t node = arenas__find(&process->arenas, arena);

	process__thread_goes_on(process, tid);
	if (!node)
		return;
	process__free_below(process, node, tid);
	arenas__tidy(&process->arenas, node);
}

void process__arena_ended(struct process *process, uint64_t arena, bool inside, pid_t tid)
{
	uint32_t node = arenas__find(&process->arenas, arena), above;
	struct block block;
	bool known = node;

	if (node) {
		process__free_below(process, node, tid);
		above = arenas__node(&process->arenas, node)->parent;
		arenas__remove(&process->arenas, node);
		arenas__tidy(&process->arenas, above);
	}
	known |= process__take(process, arena, tid, &block);
	if (known)
		process__thread_goes_on(process, tid);
	else if (!inside)
		process__count_unmatched(process, tid, true);
}

void process__realloc_freed(struct process *process, pid_t tid)
{
	uint32_t node = index__remove(&process->lifted, (uint32_t)tid);

	process__realloc_done(process, tid);
	if (!node)
		return;
	process__free_below(process, node, tid);
	arenas__remove(&process->arenas, node);
}

/* ---- snapshot ---- */

static bool is_arena(const struct arena_node *node)
{
	return node->addr && (node->is_made || node->child);
}

/* The site under which an arena is told. */
static uint32_t process__told_at(const struct process *process, const struct arena_node *node)
{
	return node->is_made ? node->site : process__site_of(process, node->addr, node->site);
}

static void process__add_node(
	const struct process *process, const struct arena_node *node, struct snapshot_site *sites)
{
	const struct block *block = node->addr ? blocks__find(&process->blocks, node->addr) : NULL;
	struct snapshot_site *above;

	if (is_arena(node))
		sites[process__told_at(process, node)].allocs++;
	if (!block || !node->parent)
		return;
	above = &sites[process__told_at(process, arenas__node(&process->arenas, node->parent))];
	above->outstanding_blocks++;
	above->outstanding_bytes += block->size;
}

int process__snapshot_arenas(const struct process *process, struct snapshot *ret_snapshot)
{
	size_t site_cnt = process->sites.cnt, cnt = 0;
	struct snapshot_site *sites = calloc(site_cnt + 1, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 1; i < process->arenas.cnt; i++)
		process__add_node(process, &process->arenas.nodes[i], sites);
	for (size_t i = 0; i < site_cnt; i++) {
		sites[i].stack = &process->sites.sites[i].stack->stack;
		if (sites[i].allocs || sites[i].outstanding_blocks)
			sites[cnt++] = sites[i];
	}
	*ret_snapshot = (struct snapshot){.sites = sites, .site_cnt = cnt};
	return 0;
}
