/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One process's books: what an allocation and a free do to blocks, sites and totals. Reallocs are
 * in process_realloc.c, forks and ends in process_life.c.
 *
 * A block is in one of three places: outstanding (in `blocks`, and counted in its site and in the
 * totals), pending (taken out by a realloc that has not returned, kept under its thread), or gone.
 *
 *	alloc ──► outstanding ──► release ──► gone
 *	           │      ▲
 *	 realloc_begin   realloc_failed
 *	           ▼      │
 *	          pending ┴─► realloc_done ──► gone (and alloc)
 *
 * Taking a block out counts its free, putting it back takes that away again, so that at each moment
 * allocs - frees = outstanding blocks, but for blocks that were replaced.
 *
 * Limits: times are kept in units of 4.2 ms (rounded down) since the first allocation, and stop
 * at 208 days; allocation numbers stop being exact at 2^42. Events after process__exit are still
 * counted, as their loss would be silent; in the ring's order there are none.
 */
#include "heap/process.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/hash.h"
#include "heap/sampling.h"

#define TIME_UNIT_SHIFT 22 /* 2^22 ns = 4.2 ms */
#define BLOCK_NUMBER_MAX ((1ULL << 42) - 2)
#define BLOCK_TID_MASK ((1U << 22) - 1)

struct process *process__new(struct stacks *stacks, uint64_t sampling_mean, uint64_t *seed)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	blocks__init(&process->blocks, seed__next(seed));
	sites__init(&process->sites, stacks, seed__next(seed));
	index__init(&process->pending, seed__next(seed));
	index__init(&process->unmatched, seed__next(seed));
	mapped__init(&process->mapped, stacks, seed);
	index__init(&process->followed, seed__next(seed));
	index__init(&process->lifted, seed__next(seed));
	arenas__init(&process->arenas, seed__next(seed));
	process->sampling_mean = sampling_mean;
	process->sampling_seed = seed__next(seed);
	return process;
}

void process__free(struct process *process)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	if (!process)
		return;
	while ((entry = index__next(&process->pending, &cursor)))
		free((struct block *)entry->value);
	index__destroy(&process->pending);
	index__destroy(&process->unmatched);
	index__destroy(&process->followed);
	index__destroy(&process->lifted);
	arenas__destroy(&process->arenas);
	blocks__destroy(&process->blocks);
	sites__destroy(&process->sites);
	mapped__destroy(&process->mapped);
	check__free(process->check);
	sections__free(process->sections);
	free(process->info.exe);
	free(process);
}

/* ---- time ---- */

static uint32_t process__time(struct process *process, uint64_t time_ns)
{
	uint64_t units;

	if (!process->has_base) {
		process->base_ns = time_ns;
		process->has_base = true;
	}
	if (time_ns < process->base_ns)
		return 0;
	units = (time_ns - process->base_ns) >> TIME_UNIT_SHIFT;
	return units < UINT32_MAX ? units : UINT32_MAX;
}

uint64_t process__block_ns(const struct process *process, const struct block *block)
{
	return process->base_ns + ((uint64_t)block->time << TIME_UNIT_SHIFT);
}

/* ---- counting ---- */

uint64_t process__weight(const struct process *process, const struct block *block)
{
	uint64_t state = process->sampling_seed ^ block->number * HASH_GOLDEN;

	if (!process->sampling_mean)
		return 1;
	return sampling__weight(process->sampling_mean, block->size, seed__next(&state));
}

void process__count_in(struct process *process, const struct block *block, uint64_t weight)
{
	struct heap_totals *totals = &process->totals;
	struct site *site = process__site(process, block);

	site->outstanding_blocks += weight;
	site->outstanding_bytes += weight * block->size;
	totals->outstanding_blocks += weight;
	totals->outstanding_bytes += weight * block->size;
	if (totals->peak_outstanding_bytes < totals->outstanding_bytes)
		totals->peak_outstanding_bytes = totals->outstanding_bytes;
}

static void process__count_out(struct process *process, const struct block *block, uint64_t weight)
{
	struct site *site = process__site(process, block);

	site->outstanding_blocks -= weight;
	site->outstanding_bytes -= weight * block->size;
	process->totals.outstanding_blocks -= weight;
	process->totals.outstanding_bytes -= weight * block->size;
}

void process__count_sampled(struct process *process, const struct block *block, uint64_t weight)
{
	struct heap_sampled *sampled = &process->sampled;

	sampled->allocs++;
	sampled->allocs_variance += sampling__variance(weight, 1);
	sampled->bytes_allocated_variance += sampling__variance(weight, block->size);
}

static void process__count_alloc(struct process *process, const struct block *block)
{
	struct site *site = process__site(process, block);
	uint64_t weight = process__weight(process, block);

	site->allocs += weight;
	site->bytes_allocated += weight * block->size;
	process->totals.allocs += weight;
	process->totals.bytes_allocated += weight * block->size;
	if (process->sampling_mean)
		process__count_sampled(process, block, weight);
	process->anomalies.unknown_stacks += site->frameless ? weight : 0;
	process__count_in(process, block, weight);
}

bool process__take(struct process *process, uint64_t addr, pid_t tid, struct block *ret_block)
{
	uint64_t weight;

	if (!blocks__take(&process->blocks, addr, ret_block))
		return false;
	weight = process__weight(process, ret_block);
	process__count_out(process, ret_block, weight);
	process__site(process, ret_block)->frees += weight;
	process->totals.frees += weight;
	if (process->sampling_mean)
		process->sampled.frees_variance += sampling__variance(weight, 1);
	if (process->sections)
		sections__note_free(process->sections, ret_block, tid);
	return true;
}

/* ---- events ---- */

/* -ENOMEM, or what blocks__put says; the block is not counted yet. */
static int process__put(
	struct process *process, struct block *block, uint64_t stack_hash, struct block *ret_old)
{
	struct site *site = sites__get(&process->sites, stack_hash);
	int replaced;

	if (!site)
		return -ENOMEM;
	block->site = sites__number(&process->sites, site);
	replaced = blocks__put(&process->blocks, block, ret_old);
	if (replaced >= 0 && process->last_number < BLOCK_NUMBER_MAX)
		process->last_number++;
	return replaced;
}

void process__thread_goes_on(struct process *process, pid_t tid)
{
	if (process->unmatched.cnt)
		(void)index__remove(&process->unmatched, (uint32_t)tid);
	if (process->followed.cnt)
		(void)index__remove(&process->followed, (uint32_t)tid);
}

void process__is_no_freed_block(struct process *process, uint64_t addr)
{
	if (process->check)
		freed_blocks__remove(&process->check->freed, addr);
}

int process__alloc(struct process *process, uint64_t addr, uint64_t size, uint64_t stack_hash,
	uint64_t time_ns, pid_t tid)
{
	struct block old, block = {
				  .addr = addr,
				  .size = size,
				  .number = process->last_number + 1,
				  .tid = (uint32_t)tid & BLOCK_TID_MASK,
				  .time = process__time(process, time_ns),
			  };
	int replaced;

	if (!addr)
		return -EINVAL;
	process__thread_goes_on(process, tid);
	replaced = process__put(process, &block, stack_hash, &old);
	if (replaced)
		process->info.incomplete = true;
	if (replaced < 0)
		return replaced;
	if (replaced) {
		process__count_out(process, &old, process__weight(process, &old));
		process->anomalies.replaced_blocks++;
		if (process->sections)
			sections__note_free(process->sections, &old, 0);
	}
	if (process->sections && sections__note_alloc(process->sections, &block))
		process->info.incomplete = true;
	if (process->arenas.used_cnt)
		process__place_node(process, addr, tid);
	process__count_alloc(process, &block);
	process__is_no_freed_block(process, addr);
	return 0;
}

/* Without memory for it they stay what they are: unmatched. */
void process__count_unmatched(struct process *process, pid_t tid, bool followed)
{
	uintptr_t cnt = index__remove(&process->unmatched, (uint32_t)tid);

	process->anomalies.unmatched_frees++;
	(void)index__add(&process->unmatched, (uint32_t)tid, cnt + 1);
	if (process->followed.cnt)
		(void)index__remove(&process->followed, (uint32_t)tid);
	if (followed)
		(void)index__add(&process->followed, (uint32_t)tid, 1);
}

/* Takes the block, and what is known of whom it belongs to. */
static bool process__take_freed(struct process *process, uint64_t addr, pid_t tid)
{
	struct block block;

	if (!process__take(process, addr, tid, &block))
		return false;
	if (process->arenas.used_cnt)
		process__release_node(process, addr);
	process__thread_goes_on(process, tid);
	return true;
}

void process__release(struct process *process, uint64_t addr, bool nested_hint, pid_t tid)
{
	if (!addr || process__take_freed(process, addr, tid))
		return;
	if (process->sampling_mean)
		return; /* it was not sampled */
	if (nested_hint)
		process->anomalies.nested_frees++;
	else
		process__count_unmatched(process, tid, false);
}

void process__release_followed(struct process *process, uint64_t addr, pid_t tid)
{
	if (addr && !process__take_freed(process, addr, tid))
		process__count_unmatched(process, tid, true);
}

void process__release_inside(struct process *process, uint64_t addr, pid_t tid)
{
	bool explained = process->followed.cnt && index__find(&process->followed, (uint32_t)tid);

	if (addr && process__take_freed(process, addr, tid))
		process->anomalies.unmatched_frees -= explained;
}

void process__thread_exit(struct process *process, pid_t tid)
{
	uintptr_t cnt = index__remove(&process->unmatched, (uint32_t)tid);

	(void)index__remove(&process->followed, (uint32_t)tid);
	process->anomalies.unmatched_frees -= cnt;
	process->anomalies.thread_cache_frees += cnt;
	if (process->sections)
		sections__end_thread(process->sections, tid);
}

void process__alloc_failed(struct process *process)
{
	process->totals.failed_allocs++;
}

void process__mark_incomplete(struct process *process)
{
	process->info.incomplete = true;
}

void process__set_doubt(struct process *process, struct heap_doubt doubt)
{
	process->doubt = doubt;
}

/* A block that was allocated where another was outstanding has proved that one's free. */
struct heap_doubt process__doubt(const struct process *process)
{
	const struct heap_doubt *own = &process->doubt, *inherited = &process->inherited_doubt;
	uint64_t proved = process->anomalies.replaced_blocks, lost;

	if (__builtin_add_overflow(own->free_cnt, inherited->free_cnt, &lost))
		lost = UINT64_MAX;
	return (struct heap_doubt){
		.free_cnt = lost > proved ? lost - proved : 0,
		.last_ns = own->last_ns > inherited->last_ns ? own->last_ns : inherited->last_ns,
	};
}

void process__prefetch(const struct process *process, uint64_t addr)
{
	blocks__prefetch(&process->blocks, addr);
}

/* ---- what a process is ---- */

void process__stack_is_known(struct process *process, uint64_t stack_hash)
{
	struct site *site = sites__find(&process->sites, stack_hash);

	if (!site || !site->frameless)
		return;
	site->frameless = false;
	process->anomalies.unknown_stacks -= site->allocs;
}

struct process_info *process__info(struct process *process)
{
	return &process->info;
}

const struct heap_totals *process__totals(const struct process *process)
{
	return &process->totals;
}

const struct heap_anomalies *process__anomalies(const struct process *process)
{
	return &process->anomalies;
}

const struct heap_sampled *process__sampled(const struct process *process)
{
	return &process->sampled;
}

size_t process__memory(const struct process *process)
{
	return sizeof(*process) + blocks__memory(&process->blocks) +
	       sites__memory(&process->sites) + index__memory(&process->pending) +
	       index__memory(&process->unmatched) + index__memory(&process->followed) +
	       index__memory(&process->lifted) + arenas__memory(&process->arenas) +
	       mapped__memory(&process->mapped) + check__memory(process->check) +
	       sections__memory(process->sections) +
	       process->pending.cnt * sizeof(struct block);
}
