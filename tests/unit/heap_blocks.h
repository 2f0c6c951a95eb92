/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What tests of the books of blocks do and ask for, in the fixture's process or another. */
#ifndef HEAPTAP_TESTS_HEAP_BLOCKS_H
#define HEAPTAP_TESTS_HEAP_BLOCKS_H

#include "heap_fixture.h"

#define TIME_UNIT (1ULL << 22) /* to which block times are exact */

static inline void alloc(struct process *process, uint64_t addr, uint64_t size, uint64_t stack)
{
	assert_int_equal(process__alloc(process, addr, size, stack, SEC, MAIN_TID), 0);
}

static inline void assert_outstanding(struct process *process, uint64_t blocks, uint64_t bytes)
{
	assert_int_equal(process__totals(process)->outstanding_blocks, blocks);
	assert_int_equal(process__totals(process)->outstanding_bytes, bytes);
}

static inline void assert_counted(struct process *process, uint64_t allocs, uint64_t frees)
{
	assert_int_equal(process__totals(process)->allocs, allocs);
	assert_int_equal(process__totals(process)->frees, frees);
}

/* The site of the hash, all zero if there is none. */
static inline struct snapshot_site site_at(
	struct process *process, uint64_t hash, uint64_t min_age_ns)
{
	struct snapshot_site found = {};
	struct snapshot snapshot;

	assert_int_equal(process__snapshot(process, 100 * SEC, min_age_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		if (snapshot.sites[i].stack->hash == hash)
			found = snapshot.sites[i];
	}
	snapshot__destroy(&snapshot);
	return found;
}

struct search {
	uint64_t addr;
	struct heap_block found;
};

static inline int search_visit(const struct heap_block *block, void *arg)
{
	struct search *search = arg;

	if (block->addr != search->addr)
		return 0;
	search->found = *block;
	return 1;
}

static inline struct heap_block block_at(struct process *process, uint64_t addr)
{
	struct search search = {.addr = addr};

	process__each_block(process, search_visit, &search);
	return search.found;
}

static inline struct process *fork_of(struct fixture *f, pid_t tgid)
{
	struct process *child = heap__fork(f->heap, f->process, tgid, 1);

	assert_non_null(child);
	return child;
}

#endif
