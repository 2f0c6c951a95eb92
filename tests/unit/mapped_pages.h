/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mapped memory in the books, page by page: what tests do with it and ask for. */
#ifndef HEAPTAP_TESTS_MAPPED_PAGES_H
#define HEAPTAP_TESTS_MAPPED_PAGES_H

#include "heap_fixture.h"

#define PAGE 4096ULL
#define BASE 0x7f0000000000ULL

static inline uint64_t at(size_t page)
{
	return BASE + page * PAGE;
}

static inline struct mapping mapping_of(size_t page, size_t page_cnt, uint64_t stack)
{
	return (struct mapping){
		.addr = at(page), .size = page_cnt * PAGE, .stack_hash = stack, .time_ns = SEC};
}

static inline void unmap_begin(struct process *process, size_t page, size_t page_cnt, pid_t tid)
{
	assert_int_equal(process__unmap_begin(process, at(page), page_cnt * PAGE, tid), 0);
}

static inline void assert_outstanding(
	const struct process *process, uint64_t ranges, uint64_t pages)
{
	assert_int_equal(process__mapped(process)->outstanding_ranges, ranges);
	assert_int_equal(process__mapped(process)->outstanding_bytes, pages * PAGE);
}

static inline void assert_counted(const struct process *process, uint64_t maps, uint64_t unmaps)
{
	assert_int_equal(process__mapped(process)->maps, maps);
	assert_int_equal(process__mapped(process)->unmaps, unmaps);
}

/* The site of the hash, all zero if there is none. */
static inline struct snapshot_site site_at(
	const struct process *process, uint64_t hash, uint64_t min_age_ns)
{
	struct snapshot_site found = {};
	struct snapshot snapshot;

	assert_int_equal(process__snapshot_mapped(process, 100 * SEC, min_age_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++)
		if (snapshot.sites[i].stack->hash == hash)
			found = snapshot.sites[i];
	snapshot__destroy(&snapshot);
	return found;
}

#endif
