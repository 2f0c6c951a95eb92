/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books, by scenario; and at the end a long random run of events against the plainest books
 * that there could be: one array slot for each address, every total added up anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "heap/heap.h"
#include "heap_fixture.h"

#define SEC 1000000000ULL
#define TIME_UNIT (1ULL << 22) /* to which block times are exact */

static const struct heap_frame frames_known[] = {
	{.address = 0x1000, .file_offset = 0x10, .file = 1},
	{.address = 0x2000, .file_offset = 0x20, .file = 2},
};
static const struct heap_frame frames_half_known[] = {
	{.address = 0x1000, .file_offset = 0x10, .file = 1},
	{.address = 0x2000},
};

static void alloc(struct process *process, uint64_t addr, uint64_t size, uint64_t stack)
{
	assert_int_equal(process__alloc(process, addr, size, stack, SEC, MAIN_TID), 0);
}

static void assert_outstanding(struct process *process, uint64_t blocks, uint64_t bytes)
{
	assert_int_equal(process__totals(process)->outstanding_blocks, blocks);
	assert_int_equal(process__totals(process)->outstanding_bytes, bytes);
}

static void assert_counted(struct process *process, uint64_t allocs, uint64_t frees)
{
	assert_int_equal(process__totals(process)->allocs, allocs);
	assert_int_equal(process__totals(process)->frees, frees);
}

/* The site of the hash, all zero if there is none. */
static struct snapshot_site site_at(struct process *process, uint64_t hash, uint64_t min_age_ns)
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

static int search_visit(const struct heap_block *block, void *arg)
{
	struct search *search = arg;

	if (block->addr != search->addr)
		return 0;
	search->found = *block;
	return 1;
}

static struct heap_block block_at(struct process *process, uint64_t addr)
{
	struct search search = {.addr = addr};

	process__each_block(process, search_visit, &search);
	return search.found;
}

/* ---- alloc and free ---- */

static void totals_are_counted_as_valgrind_counts_them(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	alloc(process, 0x2000, 50, 2);
	process__release(process, 0x1000, false, 1);
	alloc(process, 0x1000, 7, 1);
	process__alloc_failed(process);
	assert_counted(process, 3, 1);
	assert_outstanding(process, 2, 57);
	assert_int_equal(process__totals(process)->bytes_allocated, 157);
	assert_int_equal(process__totals(process)->peak_outstanding_bytes, 150);
	assert_int_equal(process__totals(process)->failed_allocs, 1);
	assert_false(process__info(process)->incomplete);
}

static void a_block_of_size_0_is_a_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 0, 1);
	assert_outstanding(process, 1, 0);
	process__release(process, 0x1000, false, 1);
	assert_outstanding(process, 0, 0);
	assert_counted(process, 1, 1);
}

static void free_of_null_is_nothing(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	process__release(process, 0, false, 1);
	process__release(process, 0, true, 1);
	assert_counted(process, 0, 0);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
	assert_int_equal(process__anomalies(process)->nested_frees, 0);
}

static void null_is_no_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	assert_int_equal(process__alloc(process, 0, 10, 1, SEC, MAIN_TID), -EINVAL);
	assert_counted(process, 0, 0);
	assert_outstanding(process, 0, 0);
}

static void free_of_an_unknown_block_is_no_free(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__release(process, 0x2000, false, 1);
	assert_counted(process, 1, 0);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
	assert_outstanding(process, 1, 100);
}

static void nested_free_of_a_freed_block_is_counted_apart(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__release(process, 0x1000, false, 1);
	process__release(process, 0x1000, true, 1);
	assert_counted(process, 1, 1);
	assert_int_equal(process__anomalies(process)->nested_frees, 1);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

/* The hint is only a hint: the address had been given out again. */
static void nested_hint_frees_a_block_that_is_there(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__release(process, 0x1000, true, 1);
	assert_counted(process, 1, 1);
	assert_outstanding(process, 0, 0);
	assert_int_equal(process__anomalies(process)->nested_frees, 0);
}

static void alloc_over_an_outstanding_block_replaces_it(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	alloc(process, 0x1000, 30, 2);
	assert_counted(process, 2, 0);
	assert_outstanding(process, 1, 30);
	assert_int_equal(process__anomalies(process)->replaced_blocks, 1);
	assert_true(process__info(process)->incomplete);
	assert_int_equal(site_at(process, 1, 0).outstanding_bytes, 0);
	assert_int_equal(site_at(process, 1, 0).frees, 0);
	assert_int_equal(site_at(process, 2, 0).outstanding_bytes, 30);
	assert_int_equal(process__totals(process)->peak_outstanding_bytes, 100);
}

static void blocks_are_numbered_from_1_in_order(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 1, 1);
	alloc(process, 0x2000, 1, 1);
	process__release(process, 0x2000, false, 1);
	process__alloc_failed(process);
	assert_int_equal(process__alloc(process, 0x3000, 1, 1, SEC, 4194303), 0);
	assert_int_equal(block_at(process, 0x1000).number, 1);
	assert_int_equal(block_at(process, 0x3000).number, 3);
	assert_int_equal(block_at(process, 0x1000).tid, MAIN_TID);
	assert_int_equal(block_at(process, 0x3000).tid, 4194303);
}

static int count_three(const struct heap_block *block, void *arg)
{
	int *cnt = arg;

	(void)block;
	return ++*cnt == 3 ? -E2BIG : 0;
}

static void a_visitor_can_stop(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	int cnt = 0;

	for (uint64_t i = 1; i <= 10; i++)
		alloc(process, i * 16, 1, 1);
	assert_int_equal(process__each_block(process, count_three, &cnt), -E2BIG);
	assert_int_equal(cnt, 3);
}

static void mark_incomplete_marks(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	assert_false(process__info(process)->incomplete);
	process__mark_incomplete(process);
	assert_true(process__info(process)->incomplete);
}

/* Sizes are what a program asked for, so they may be anything. */
static void sums_of_huge_sizes_cancel_out(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, UINT64_MAX, 1);
	alloc(process, 0x2000, UINT64_MAX, 1);
	process__release(process, 0x1000, false, 1);
	assert_outstanding(process, 1, UINT64_MAX);
	process__release(process, 0x2000, false, 1);
	assert_outstanding(process, 0, 0);
}

/* ---- doubt ---- */

static uint64_t doubt_of(struct process *process, uint64_t min_age_ns)
{
	struct snapshot snapshot;
	uint64_t doubt;

	assert_int_equal(process__snapshot(process, 100 * SEC, min_age_ns, &snapshot), 0);
	doubt = snapshot.blocks_in_doubt;
	snapshot__destroy(&snapshot);
	return doubt;
}

/* Blocks of stacks 1 and 2, two each at seconds 1 and 9. */
static void allocate_before_and_after(struct process *process)
{
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t addr = 0x1000 * (i + 1);

		assert_int_equal(process__alloc(process, addr, 8, 1, (i < 2 ? 1 : 9) * SEC, 1), 0);
		assert_int_equal(
			process__alloc(process, addr + 8, 8, 2, (i < 2 ? 1 : 9) * SEC, 1), 0);
	}
}

static void without_lost_frees_no_block_is_in_doubt(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	allocate_before_and_after(process);
	assert_int_equal(doubt_of(process, 0), 0);
}

static void blocks_from_before_a_lost_free_are_in_doubt(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	allocate_before_and_after(process);
	process__set_doubt(process, (struct heap_doubt){.free_cnt = 100, .last_ns = 5 * SEC});
	assert_int_equal(site_at(process, 1, 0).outstanding_blocks, 4);
	assert_int_equal(site_at(process, 1, 0).blocks_in_doubt, 2);
	assert_int_equal(doubt_of(process, 0), 4);
	process__set_doubt(process, (struct heap_doubt){.free_cnt = 100, .last_ns = 10 * SEC});
	assert_int_equal(doubt_of(process, 0), 8);
	/* at second 100, those of second 9 are too young */
	assert_int_equal(doubt_of(process, 95 * SEC), 4);
	process__release(process, 0x1000, false, 1);
	assert_int_equal(site_at(process, 1, 0).blocks_in_doubt, 3);
}

static void no_more_blocks_are_in_doubt_than_frees_were_lost(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	allocate_before_and_after(process);
	process__set_doubt(process, (struct heap_doubt){.free_cnt = 1, .last_ns = 5 * SEC});
	assert_int_equal(site_at(process, 1, 0).blocks_in_doubt, 1);
	assert_int_equal(site_at(process, 2, 0).blocks_in_doubt, 1);
	assert_int_equal(doubt_of(process, 0), 1);
}

static void a_free_that_is_proved_leaves_no_doubt(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	allocate_before_and_after(process);
	process__set_doubt(process, (struct heap_doubt){.free_cnt = 1, .last_ns = 5 * SEC});
	assert_int_equal(process__alloc(process, 0x1000, 8, 1, 10 * SEC, 1), 0);
	assert_int_equal(process__anomalies(process)->replaced_blocks, 1);
	assert_int_equal(doubt_of(process, 0), 0);
}

static void a_child_inherits_the_doubt(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	allocate_before_and_after(f->process);
	process__set_doubt(f->process, (struct heap_doubt){.free_cnt = 3, .last_ns = 5 * SEC});
	child = heap__fork(f->heap, f->process, 200, 8);
	assert_int_equal(doubt_of(child, 0), 3);
	process__set_doubt(child, (struct heap_doubt){.free_cnt = 2, .last_ns = 10 * SEC});
	assert_int_equal(doubt_of(child, 0), 5);
	process__set_doubt(child, (struct heap_doubt){.free_cnt = 2, .last_ns = 2 * SEC});
	assert_int_equal(doubt_of(child, 0), 4);
}

/* ---- realloc ---- */

static void realloc_is_one_free_and_one_alloc(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	assert_outstanding(process, 0, 0);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x2000, 200, 2);
	assert_counted(process, 2, 1);
	assert_outstanding(process, 1, 200);
	assert_int_equal(process__totals(process)->bytes_allocated, 300);
	assert_int_equal(site_at(process, 1, 0).frees, 1);
	assert_int_equal(block_at(process, 0x2000).number, 2);
	assert_false(process__info(process)->incomplete);
}

static void realloc_in_place_is_no_replaced_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x1000, 110, 1);
	assert_int_equal(process__anomalies(process)->replaced_blocks, 0);
	assert_outstanding(process, 1, 110);
}

static void realloc_that_fails_puts_the_block_back_as_it_was(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct heap_block before, after;

	alloc(process, 0x500, 1, 9); /* the time base */
	assert_int_equal(process__alloc(process, 0x1000, 100, 1, 5 * SEC, MAIN_TID), 0);
	before = block_at(process, 0x1000);
	process__realloc_begin(process, 0x1000, OTHER_TID);
	assert_int_equal(block_at(process, 0x1000).addr, 0);
	process__realloc_failed(process, OTHER_TID);
	after = block_at(process, 0x1000);
	assert_int_equal(before.number, 2);
	assert_int_equal(after.number, before.number);
	assert_int_equal(after.time_ns, before.time_ns);
	assert_int_equal(after.size, before.size);
	assert_int_equal(after.site, before.site);
	assert_int_equal(after.tid, before.tid);
	assert_counted(process, 2, 0);
	assert_outstanding(process, 2, 101);
	assert_int_equal(site_at(process, 1, 0).frees, 0);
	assert_int_equal(site_at(process, 1, 0).allocs, 1);
	process__realloc_failed(process, OTHER_TID);
	assert_outstanding(process, 2, 101);
}

static void peak_covers_a_block_that_a_failed_realloc_kept(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	alloc(process, 0x2000, 50, 1);
	process__realloc_failed(process, MAIN_TID);
	assert_int_equal(process__totals(process)->peak_outstanding_bytes, 150);
}

static void realloc_does_not_erase_another_threads_fresh_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	assert_int_equal(process__alloc(process, 0x1000, 8, 2, SEC, OTHER_TID), 0);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x3000, 200, 1);
	assert_outstanding(process, 2, 208);
	assert_int_equal(block_at(process, 0x1000).size, 8);
	assert_int_equal(process__anomalies(process)->replaced_blocks, 0);
	assert_false(process__info(process)->incomplete);
}

/* Both cannot be: an event was lost. The younger block stays. */
static void failed_realloc_does_not_overwrite_a_fresh_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	assert_int_equal(process__alloc(process, 0x1000, 8, 2, SEC, OTHER_TID), 0);
	process__realloc_failed(process, MAIN_TID);
	assert_outstanding(process, 1, 8);
	assert_counted(process, 2, 1);
	assert_true(process__info(process)->incomplete);
}

static void pending_reallocs_are_kept_by_thread(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	for (int i = 1; i <= 200; i++)
		alloc(process, i * 16, i, i);
	for (int i = 1; i <= 200; i++)
		process__realloc_begin(process, i * 16, 1000 + i);
	assert_outstanding(process, 0, 0);
	for (int i = 200; i >= 1; i--) {
		if (i % 2)
			process__realloc_failed(process, 1000 + i);
		else
			process__realloc_done(process, 1000 + i);
	}
	assert_outstanding(process, 100, 100 * 100);
	assert_int_equal(block_at(process, 31 * 16).size, 31);
	assert_int_equal(block_at(process, 32 * 16).addr, 0);
}

static void realloc_of_null_is_no_free(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	process__realloc_begin(process, 0, MAIN_TID);
	process__realloc_failed(process, MAIN_TID);
	process__realloc_begin(process, 0, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x1000, 10, 1);
	assert_counted(process, 1, 0);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

static void realloc_of_an_unknown_block_is_an_unmatched_free(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x2000, 10, 1);
	assert_counted(process, 1, 0);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
}

static void failed_realloc_of_an_unknown_block_is_nothing(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_failed(process, MAIN_TID);
	assert_counted(process, 0, 0);
	assert_outstanding(process, 0, 0);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

static void a_realloc_whose_end_was_lost_is_taken_for_done(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	alloc(process, 0x2000, 50, 1);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	assert_false(process__info(process)->incomplete);
	process__realloc_begin(process, 0x2000, MAIN_TID);
	process__realloc_failed(process, MAIN_TID);
	assert_true(process__info(process)->incomplete);
	assert_counted(process, 2, 1);
	assert_outstanding(process, 1, 50);
}

static void a_thread_that_dies_in_realloc_leaves_its_block_at_exit(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__realloc_begin(process, 0x1000, OTHER_TID);
	process__realloc_begin(process, 0x9000, MAIN_TID);
	process__exit(process, SIGKILL, 2 * SEC);
	assert_counted(process, 1, 0);
	assert_outstanding(process, 1, 100);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

/* ---- stacks and sites ---- */

static void sites_keep_their_own_totals(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct snapshot_site site;

	alloc(process, 0x1000, 100, 1);
	alloc(process, 0x2000, 50, 1);
	alloc(process, 0x3000, 7, 2);
	process__release(process, 0x1000, false, 1);
	site = site_at(process, 1, 0);
	assert_int_equal(site.outstanding_bytes, 50);
	assert_int_equal(site.outstanding_blocks, 1);
	assert_int_equal(site.allocs, 2);
	assert_int_equal(site.frees, 1);
	assert_int_equal(site.bytes_allocated, 150);
	assert_int_equal(site_at(process, 2, 0).outstanding_bytes, 7);
}

static void a_site_with_nothing_outstanding_has_no_ages(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	process__release(process, 0x1000, false, 1);
	assert_int_equal(site_at(process, 1, 0).allocs, 1);
	assert_int_equal(site_at(process, 1, 0).oldest_ns, 0);
	assert_int_equal(site_at(process, 1, 0).newest_ns, 0);
}

static void add_known(struct fixture *f, uint64_t hash)
{
	assert_int_equal(heap__add_stack(f->heap, f->process, hash, frames_known, 2, 1), 0);
}

static void allocations_find_the_frames_of_their_stack(void **state)
{
	struct fixture *f = *state;
	const struct heap_stack *stack;

	add_known(f, 1);
	alloc(f->process, 0x1000, 100, 1);
	stack = site_at(f->process, 1, 0).stack;
	assert_int_equal(stack->frame_cnt, 2);
	assert_int_equal(stack->end, 1);
	assert_memory_equal(stack->frames, frames_known, sizeof(frames_known));
	assert_ptr_not_equal(stack->frames, frames_known);
	assert_int_equal(process__anomalies(f->process)->unknown_stacks, 0);
}

static void a_stack_that_was_never_used_is_no_site(void **state)
{
	struct fixture *f = *state;
	struct snapshot snapshot;

	add_known(f, 1);
	assert_int_equal(process__snapshot(f->process, SEC, 0, &snapshot), 0);
	assert_int_equal(snapshot.site_cnt, 0);
	snapshot__destroy(&snapshot);
}

static void an_unknown_stack_has_no_frames_until_they_come(void **state)
{
	struct fixture *f = *state;
	struct process *other = heap__begin(f->heap, 200, 1);

	alloc(f->process, 0x1000, 100, 1);
	alloc(f->process, 0x2000, 100, 1);
	alloc(other, 0x1000, 100, 1);
	alloc(other, 0x2000, 100, 2);
	assert_int_equal(site_at(f->process, 1, 0).stack->frame_cnt, 0);
	assert_int_equal(process__anomalies(f->process)->unknown_stacks, 2);
	assert_int_equal(process__anomalies(other)->unknown_stacks, 2);

	assert_int_equal(heap__add_stack(f->heap, f->process, 1, NULL, 0, 0), 0);
	assert_int_equal(process__anomalies(f->process)->unknown_stacks, 2);
	add_known(f, 1);
	assert_int_equal(site_at(f->process, 1, 0).stack->frame_cnt, 2);
	assert_int_equal(site_at(other, 1, 0).stack->frame_cnt, 2);
	assert_int_equal(process__anomalies(f->process)->unknown_stacks, 0);
	assert_int_equal(process__anomalies(other)->unknown_stacks, 1);
	alloc(f->process, 0x3000, 100, 1);
	assert_int_equal(process__anomalies(f->process)->unknown_stacks, 0);
}

static void better_frames_replace_worse_ones_only(void **state)
{
	struct fixture *f = *state;
	const struct heap_stack *stack;

	assert_int_equal(heap__add_stack(f->heap, f->process, 1, frames_half_known, 2, 4), 0);
	alloc(f->process, 0x1000, 100, 1);
	stack = site_at(f->process, 1, 0).stack;
	assert_int_equal(stack->frames[1].file, 0);
	add_known(f, 1);
	assert_ptr_equal(site_at(f->process, 1, 0).stack, stack);
	assert_int_equal(stack->frames[1].file, 2);
	assert_int_equal(stack->end, 1);
	assert_int_equal(heap__add_stack(f->heap, f->process, 1, frames_half_known, 2, 4), 0);
	assert_int_equal(heap__add_stack(f->heap, f->process, 1, NULL, 0, 4), 0);
	assert_int_equal(stack->frames[1].file, 2);
	assert_int_equal(stack->end, 1);
}

static void a_stack_lives_as_long_as_one_process_has_it(void **state)
{
	struct fixture *f = *state;
	struct process *other = heap__begin(f->heap, 200, 1);

	add_known(f, 1);
	add_known(f, 2);
	alloc(other, 0x1000, 100, 1);
	heap__forget(f->heap, f->process);
	assert_int_equal(site_at(other, 1, 0).stack->frame_cnt, 2);
	/* nobody has used stack 2, and who it was announced for is gone: it is unknown again */
	alloc(other, 0x2000, 100, 2);
	assert_int_equal(site_at(other, 2, 0).stack->frame_cnt, 0);
	heap__forget(f->heap, other);
	assert_null(heap__next(f->heap, NULL));
}

static void many_sites_keep_apart(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct snapshot snapshot;

	for (uint64_t i = 0; i < 5000; i++)
		alloc(process, 16 + i * 16, i, i << 40);
	assert_int_equal(process__snapshot(process, SEC, 0, &snapshot), 0);
	assert_int_equal(snapshot.site_cnt, 5000);
	for (size_t i = 0; i < snapshot.site_cnt; i++)
		assert_int_equal(
			snapshot.sites[i].outstanding_bytes, snapshot.sites[i].stack->hash >> 40);
	snapshot__destroy(&snapshot);
}

/* ---- snapshots ---- */

static void ages_are_exact_to_a_time_unit(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct snapshot_site site;

	assert_int_equal(process__alloc(process, 0x1000, 1, 1, 10 * SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x2000, 2, 1, 9 * SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x3000, 4, 1, 30 * SEC, MAIN_TID), 0);
	site = site_at(process, 1, 0);
	assert_int_equal(site.oldest_ns, 10 * SEC); /* no block is older than the books */
	assert_in_range(site.newest_ns, 30 * SEC - TIME_UNIT + 1, 30 * SEC);
}

static void min_age_leaves_younger_blocks_out(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct snapshot_site site;

	assert_int_equal(process__alloc(process, 0x1000, 1, 1, 10 * SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x2000, 2, 1, 20 * SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x3000, 4, 1, 30 * SEC, MAIN_TID), 0);
	site = site_at(process, 1, 75 * SEC); /* now is 100 s */
	assert_int_equal(site.outstanding_bytes, 3);
	assert_int_equal(site.outstanding_blocks, 2);
	assert_int_equal(site.allocs, 3);
	assert_int_equal(site.bytes_allocated, 7);
	assert_in_range(site.newest_ns, 20 * SEC - TIME_UNIT + 1, 20 * SEC);
	assert_int_equal(site_at(process, 1, 90 * SEC).outstanding_bytes, 1);
	assert_int_equal(site_at(process, 1, 91 * SEC).outstanding_blocks, 0);
	assert_int_equal(site_at(process, 1, 91 * SEC).oldest_ns, 0);
	assert_int_equal(site_at(process, 1, 1000 * SEC).outstanding_blocks, 0);
	assert_int_equal(site_at(process, 1, 0).outstanding_blocks, 3);
}

static void times_stop_at_208_days(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 1, 1);
	assert_int_equal(process__alloc(process, 0x2000, 1, 1, UINT64_MAX, MAIN_TID), 0);
	assert_int_equal(block_at(process, 0x2000).time_ns, SEC + UINT32_MAX * TIME_UNIT);
}

static void a_checkpoint_counts_what_came_since_and_stays(void **state)
{
	struct fixture *f = *state;
	struct process *process = f->process, *child;

	assert_int_equal(process__alloc(process, 0x1000, 10, 7, SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x2000, 20, 7, SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x3000, 40, 7, SEC, MAIN_TID), 0);
	assert_int_equal(site_at(process, 7, 0).since_bytes, 70);
	process__checkpoint(process);
	assert_int_equal(process__last_checkpoint(process)->outstanding_bytes, 70);
	assert_int_equal(process__last_checkpoint(process)->outstanding_blocks, 3);
	assert_int_equal(site_at(process, 7, 0).since_blocks, 0);
	/* a new one, one that comes and goes, an old one that goes, and one that is reallocated */
	assert_int_equal(process__alloc(process, 0x4000, 80, 7, SEC, MAIN_TID), 0);
	assert_int_equal(process__alloc(process, 0x5000, 160, 7, SEC, MAIN_TID), 0);
	process__release(process, 0x5000, false, MAIN_TID);
	process__release(process, 0x1000, false, MAIN_TID);
	process__realloc_begin(process, 0x2000, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	assert_int_equal(process__alloc(process, 0x2000, 320, 7, SEC, MAIN_TID), 0);
	assert_int_equal(site_at(process, 7, 0).since_bytes, 80 + 320);
	assert_int_equal(site_at(process, 7, 0).since_blocks, 2);
	/* of any age, also where young blocks do not count as outstanding */
	assert_int_equal(site_at(process, 7, 1000 * SEC).since_blocks, 2);
	assert_int_equal(site_at(process, 7, 1000 * SEC).outstanding_blocks, 0);
	/* one that fails leaves the old block as old as it was */
	process__realloc_begin(process, 0x3000, MAIN_TID);
	process__realloc_failed(process, MAIN_TID);
	assert_int_equal(site_at(process, 7, 0).since_blocks, 2);
	child = heap__fork(f->heap, process, 77, 77);
	assert_non_null(child);
	assert_int_equal(site_at(child, 7, 0).since_bytes, 80 + 320);
	assert_int_equal(process__last_checkpoint(child)->outstanding_bytes, 70);
}

static void growth_counts_from_the_last_mark(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, 100, 1);
	assert_int_equal(site_at(process, 1, 0).growth_bytes, 100);
	process__mark(process);
	assert_int_equal(site_at(process, 1, 0).growth_bytes, 0);
	alloc(process, 0x2000, 30, 1);
	assert_int_equal(site_at(process, 1, 99 * SEC + 1).growth_bytes, 30);
	process__release(process, 0x1000, false, 1);
	assert_int_equal(site_at(process, 1, 0).growth_bytes, -70);
}

/* ---- processes ---- */

static void processes_are_found_by_tgid_and_image(void **state)
{
	struct fixture *f = *state;
	struct process *other = heap__begin(f->heap, MAIN_TID, 8);

	assert_non_null(other);
	assert_ptr_equal(heap__find(f->heap, MAIN_TID, 7), f->process);
	assert_ptr_equal(heap__find(f->heap, MAIN_TID, 8), other);
	assert_null(heap__find(f->heap, MAIN_TID, 9));
	assert_null(heap__find(f->heap, 7, MAIN_TID));
	assert_null(heap__begin(f->heap, MAIN_TID, 7));
	assert_int_equal(process__info(other)->tgid, MAIN_TID);
	assert_int_equal(process__info(other)->image, 8);
	heap__forget(f->heap, f->process);
	assert_null(heap__find(f->heap, MAIN_TID, 7));
	assert_ptr_equal(heap__find(f->heap, MAIN_TID, 8), other);
}

static void processes_come_in_order_of_birth(void **state)
{
	struct fixture *f = *state;
	struct process *second = heap__begin(f->heap, 50, 1);
	struct process *third = heap__fork(f->heap, f->process, 10, 1);

	assert_ptr_equal(heap__next(f->heap, NULL), f->process);
	assert_ptr_equal(heap__next(f->heap, f->process), second);
	assert_ptr_equal(heap__next(f->heap, second), third);
	assert_null(heap__next(f->heap, third));
	heap__forget(f->heap, second);
	assert_ptr_equal(heap__next(f->heap, f->process), third);
	heap__forget(f->heap, f->process);
	assert_ptr_equal(heap__next(f->heap, NULL), third);
	heap__forget(f->heap, third);
	assert_null(heap__next(f->heap, NULL));
	assert_non_null(heap__begin(f->heap, 1, 1));
}

static void exit_says_how(void **state)
{
	struct fixture *f = *state;
	struct process *killed = heap__begin(f->heap, 200, 1);
	struct process *replaced = heap__begin(f->heap, 201, 1);
	struct process *vanished = heap__begin(f->heap, 202, 1);

	alloc(f->process, 0x1000, 100, 1);
	process__exit(f->process, 3 << 8, 5 * SEC);
	process__exit(f->process, SIGKILL, 6 * SEC);
	process__exit(killed, SIGSEGV | 0x80, 6 * SEC);
	process__replace(replaced, 7 * SEC);
	process__exit(replaced, 0, 8 * SEC);
	process__vanish(replaced, 8 * SEC);
	process__vanish(vanished, 9 * SEC);
	assert_int_equal(process__info(f->process)->state, PROCESS_EXITED);
	assert_int_equal(process__info(f->process)->exit_code, 3);
	assert_int_equal(process__info(f->process)->end_ns, 5 * SEC);
	assert_int_equal(process__info(killed)->state, PROCESS_KILLED);
	assert_int_equal(process__info(killed)->signal, SIGSEGV);
	assert_int_equal(process__info(replaced)->state, PROCESS_REPLACED);
	assert_int_equal(process__info(replaced)->end_ns, 7 * SEC);
	assert_false(process__info(replaced)->incomplete);
	assert_int_equal(process__info(vanished)->state, PROCESS_VANISHED);
	assert_true(process__info(vanished)->incomplete);
	assert_outstanding(f->process, 1, 100);
	assert_int_equal(site_at(f->process, 1, 0).outstanding_bytes, 100);
}

static struct process *fork_of(struct fixture *f, pid_t tgid)
{
	struct process *child = heap__fork(f->heap, f->process, tgid, 1);

	assert_non_null(child);
	return child;
}

static void a_forks_totals_begin_with_its_blocks(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	alloc(f->process, 0x1000, 100, 1);
	alloc(f->process, 0x2000, 1000, 2);
	alloc(f->process, 0x3000, 30, 1);
	process__release(f->process, 0x2000, false, 1);
	process__release(f->process, 0x9000, false, 1);
	process__alloc_failed(f->process);
	child = fork_of(f, 200);
	assert_counted(child, 2, 0);
	assert_outstanding(child, 2, 130);
	assert_int_equal(process__totals(child)->bytes_allocated, 130);
	assert_int_equal(process__totals(child)->peak_outstanding_bytes, 130);
	assert_int_equal(process__totals(child)->failed_allocs, 0);
	assert_int_equal(process__anomalies(child)->unmatched_frees, 0);
	assert_int_equal(process__anomalies(child)->unknown_stacks, 2);
	assert_int_equal(site_at(child, 1, 0).allocs, 2);
	assert_int_equal(site_at(child, 1, 0).bytes_allocated, 130);
	assert_int_equal(site_at(child, 1, 0).growth_bytes, 0);
	assert_int_equal(site_at(child, 2, 0).allocs, 0);
	assert_counted(f->process, 3, 1);
}

static void parent_and_child_part_at_fork(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	alloc(f->process, 0x1000, 100, 1);
	child = fork_of(f, 200);
	process__release(child, 0x1000, false, 1);
	alloc(child, 0x2000, 7, 2);
	assert_outstanding(child, 1, 7);
	assert_counted(child, 2, 1);
	assert_outstanding(f->process, 1, 100);
	assert_int_equal(block_at(child, 0x2000).number, 2);
	heap__forget(f->heap, f->process);
	assert_outstanding(child, 1, 7);
	assert_int_equal(site_at(child, 1, 0).frees, 1);
}

static void a_forks_blocks_keep_their_age_and_number(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	alloc(f->process, 0x500, 1, 1);
	process__release(f->process, 0x500, false, 1);
	assert_int_equal(process__alloc(f->process, 0x1000, 100, 1, 5 * SEC, OTHER_TID), 0);
	child = fork_of(f, 200);
	assert_int_equal(block_at(child, 0x1000).number, 2);
	assert_int_equal(block_at(child, 0x1000).tid, OTHER_TID);
	assert_int_equal(block_at(child, 0x1000).time_ns, block_at(f->process, 0x1000).time_ns);
}

static void stacks_outlive_the_parent_in_a_fork(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	add_known(f, 1);
	add_known(f, 2);
	alloc(f->process, 0x1000, 100, 1);
	child = fork_of(f, 200);
	heap__forget(f->heap, f->process);
	assert_int_equal(site_at(child, 1, 0).stack->frame_cnt, 2);
	/* announced to the parent: the kernel side will not send it for the child again */
	alloc(child, 0x2000, 100, 2);
	assert_int_equal(site_at(child, 2, 0).stack->frame_cnt, 2);
}

static void a_fork_in_another_threads_realloc_has_its_block(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	alloc(f->process, 0x1000, 100, 1);
	process__realloc_begin(f->process, 0x1000, OTHER_TID);
	child = fork_of(f, 200);
	assert_outstanding(child, 1, 100);
	assert_counted(child, 1, 0);
	assert_int_equal(site_at(child, 1, 0).frees, 0);
	process__realloc_failed(child, OTHER_TID);
	assert_outstanding(child, 1, 100);
	process__realloc_done(f->process, OTHER_TID);
	assert_outstanding(f->process, 0, 0);
}

static void a_fork_inherits_what_the_process_is(void **state)
{
	struct fixture *f = *state;
	struct process_info *info = process__info(f->process);
	const struct process_info *child_info;

	strcpy(info->comm, "parent");
	info->exe = strdup("/usr/bin/parent");
	info->from_birth = true;
	info->incomplete = true;
	info->exec = 3;
	info->start_ns = 77;
	info->user = f;
	child_info = process__info(fork_of(f, 200));
	assert_string_equal(child_info->comm, "parent");
	assert_string_equal(child_info->exe, "/usr/bin/parent");
	assert_ptr_not_equal(child_info->exe, info->exe);
	assert_true(child_info->from_birth);
	assert_true(child_info->incomplete);
	assert_null(child_info->user);
	assert_int_equal(child_info->tgid, 200);
	assert_int_equal(child_info->image, 1);
	assert_int_equal(child_info->exec, 0);
	assert_int_equal(child_info->start_ns, 0);
	assert_int_equal(child_info->state, PROCESS_RUNNING);
	assert_null(heap__fork(f->heap, f->process, 200, 1));
}

static void a_vfork_child_writes_its_parents_books(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	assert_int_equal(heap__share(f->heap, f->process, 200, 1), 0);
	child = heap__find(f->heap, 200, 1);
	assert_ptr_equal(child, f->process);
	assert_int_equal(heap__share(f->heap, f->process, 200, 1), -EEXIST);
	assert_null(heap__begin(f->heap, 200, 1));
	alloc(child, 0x1000, 100, 1);
	heap__unshare(f->heap, 200, 1);
	assert_null(heap__find(f->heap, 200, 1));
	assert_outstanding(f->process, 1, 100);
	assert_ptr_equal(heap__next(f->heap, NULL), f->process);
	assert_null(heap__next(f->heap, f->process));
}

static void vfork_children_of_vfork_children_share_too(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(heap__share(f->heap, f->process, 200, 1), 0);
	assert_int_equal(heap__share(f->heap, heap__find(f->heap, 200, 1), 201, 1), 0);
	assert_int_equal(heap__share(f->heap, f->process, 202, 1), 0);
	heap__unshare(f->heap, 201, 1);
	assert_ptr_equal(heap__find(f->heap, 200, 1), f->process);
	assert_null(heap__find(f->heap, 201, 1));
	assert_ptr_equal(heap__find(f->heap, 202, 1), f->process);
}

static void unshare_of_what_is_not_shared_is_nothing(void **state)
{
	struct fixture *f = *state;

	heap__unshare(f->heap, MAIN_TID, 7);
	heap__unshare(f->heap, 999, 1);
	assert_ptr_equal(heap__find(f->heap, MAIN_TID, 7), f->process);
}

static void a_vfork_child_that_dies_in_realloc_leaves_the_block(void **state)
{
	struct fixture *f = *state;

	alloc(f->process, 0x1000, 100, 1);
	assert_int_equal(heap__share(f->heap, f->process, 200, 1), 0);
	process__realloc_begin(heap__find(f->heap, 200, 1), 0x1000, 200);
	heap__unshare(f->heap, 200, 1);
	assert_outstanding(f->process, 1, 100);
}

static void forgetting_a_process_forgets_who_shared_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(heap__share(f->heap, f->process, 200, 1), 0);
	assert_int_equal(heap__share(f->heap, f->process, 201, 1), 0);
	heap__forget(f->heap, f->process);
	assert_null(heap__find(f->heap, MAIN_TID, 7));
	assert_null(heap__find(f->heap, 200, 1));
	assert_null(heap__find(f->heap, 201, 1));
	heap__unshare(f->heap, 200, 1);
	assert_non_null(heap__begin(f->heap, 200, 1));
}

static void who_outlives_the_process_whose_memory_it_shares_inherits_the_books(void **state)
{
	struct fixture *f = *state;
	struct process *heir;

	alloc(f->process, 0x1000, 100, 1);
	alloc(f->process, 0x2000, 200, 1);
	assert_null(heap__bequeath(f->heap, f->process));
	assert_int_equal(heap__share(f->heap, f->process, 200, 1), 0);
	assert_int_equal(heap__share(f->heap, f->process, 201, 1), 0);
	heir = heap__bequeath(f->heap, f->process);
	assert_non_null(heir);
	assert_ptr_equal(heap__find(f->heap, 200, 1), heir);
	assert_ptr_equal(heap__find(f->heap, 201, 1), heir);
	process__release(heir, 0x1000, false, 200);
	assert_outstanding(heir, 1, 200);
	assert_outstanding(f->process, 2, 300);
	heap__forget(f->heap, f->process);
	heap__unshare(f->heap, process__info(heir)->tgid == 200 ? 201 : 200, 1);
	assert_outstanding(heir, 1, 200);
	assert_ptr_equal(heap__next(f->heap, NULL), heir);
	assert_null(heap__next(f->heap, heir));
}

static void short_lived_processes_take_little(void **state)
{
	struct fixture *f = *state;

	for (pid_t pid = 1000; pid < 41000; pid++) {
		struct process *process = heap__begin(f->heap, pid, pid);

		assert_non_null(process);
		assert_true(process__memory(process) < 1024);
		if (pid % 3)
			heap__forget(f->heap, process);
	}
	for (pid_t pid = 1000; pid < 41000; pid++)
		assert_int_equal(heap__find(f->heap, pid, pid) != NULL, pid % 3 == 0);
}

static void memory_follows_the_blocks(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	size_t empty = process__memory(process);

	for (uint64_t i = 1; i <= 100000; i++)
		alloc(process, i * 16, 1, 1);
	assert_in_range(process__memory(process), 100000 * 32, 100000 * 48);
	for (uint64_t i = 1; i <= 100000; i++)
		process__release(process, i * 16, false, 1);
	assert_true(process__memory(process) < empty + (32 << 10));
}

static void null_may_be_freed(void **state)
{
	struct snapshot none = {};

	(void)state;
	heap__free(NULL);
	snapshot__destroy(NULL);
	snapshot__destroy(&none);
}

/* ---- against the plainest books ---- */

#define ADDR_CNT 30000
#define STACK_CNT 500
#define THREAD_CNT 40
#define EVENT_CNT 1500000
#define CHECK_EVERY 100000

struct plain_block {
	bool outstanding;
	uint64_t size, stack, number, time_ns;
	pid_t tid;
};

struct plain_pending {
	bool pending, known;
	unsigned int addr;
	struct plain_block block;
};

struct plain_site {
	uint64_t allocs, frees, bytes_allocated, marked;
};

struct plain { /* the books: address 16 * i is blocks[i] */
	struct plain_block blocks[ADDR_CNT];
	struct plain_pending pending[THREAD_CNT];
	struct plain_site sites[STACK_CNT];
	uint64_t allocs, frees, unmatched, nested, replaced, peak, bytes, time_ns;
	bool incomplete;
	struct process *process;
};

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static uint32_t random_below(uint32_t limit) /* xorshift64 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % limit;
}

static void plain_in(struct plain *plain, unsigned int addr, const struct plain_block *block)
{
	plain->blocks[addr] = *block;
	plain->bytes += block->size;
	plain->peak = plain->bytes > plain->peak ? plain->bytes : plain->peak;
}

static void plain_out(struct plain *plain, unsigned int addr)
{
	plain->bytes -= plain->blocks[addr].size;
	plain->blocks[addr].outstanding = false;
}

static void both_alloc(struct plain *plain, unsigned int addr, pid_t tid)
{
	struct plain_block block = {.outstanding = true,
		.size = random_below(5000),
		.stack = random_below(STACK_CNT),
		.number = ++plain->allocs,
		.time_ns = plain->time_ns += random_below(1 << 24),
		.tid = tid};

	assert_int_equal(process__alloc(plain->process, addr * 16ULL, block.size, block.stack,
				 block.time_ns, tid),
		0);
	if (plain->blocks[addr].outstanding) {
		plain_out(plain, addr);
		plain->replaced++;
		plain->incomplete = true;
	}
	plain->sites[block.stack].allocs++;
	plain->sites[block.stack].bytes_allocated += block.size;
	plain_in(plain, addr, &block);
}

static void both_release(struct plain *plain, unsigned int addr, bool nested_hint)
{
	process__release(plain->process, addr * 16ULL, nested_hint, 1);
	if (plain->blocks[addr].outstanding) {
		plain_out(plain, addr);
		plain->sites[plain->blocks[addr].stack].frees++;
		plain->frees++;
	} else if (nested_hint) {
		plain->nested++;
	} else {
		plain->unmatched++;
	}
}

static void both_realloc_begin(struct plain *plain, unsigned int addr, unsigned int thread)
{
	struct plain_pending *pending = &plain->pending[thread];

	process__realloc_begin(plain->process, addr * 16ULL, thread);
	plain->incomplete |= pending->pending;
	*pending = (struct plain_pending){.pending = true,
		.known = plain->blocks[addr].outstanding,
		.addr = addr,
		.block = plain->blocks[addr]};
	if (!pending->known) {
		plain->unmatched++;
		return;
	}
	plain_out(plain, addr);
	plain->sites[pending->block.stack].frees++;
	plain->frees++;
}

static void both_realloc_failed(struct plain *plain, unsigned int thread)
{
	struct plain_pending *pending = &plain->pending[thread];

	process__realloc_failed(plain->process, thread);
	if (pending->pending && !pending->known) {
		plain->unmatched--;
	} else if (pending->pending && plain->blocks[pending->addr].outstanding) {
		plain->incomplete = true;
	} else if (pending->pending) {
		plain_in(plain, pending->addr, &pending->block);
		plain->sites[pending->block.stack].frees--;
		plain->frees--;
	}
	pending->pending = false;
}

static void both_realloc_end(struct plain *plain, unsigned int addr, unsigned int thread)
{
	if (random_below(3) == 0) {
		both_realloc_failed(plain, thread);
		return;
	}
	process__realloc_done(plain->process, thread);
	plain->pending[thread].pending = false;
	both_alloc(plain, addr, thread);
}

static unsigned int free_addr(const struct plain *plain)
{
	for (int tries = 0; tries < 20; tries++) {
		unsigned int addr = 1 + random_below(ADDR_CNT - 1);

		if (!plain->blocks[addr].outstanding)
			return addr;
	}
	return 1;
}

static void both_do_something(struct plain *plain, unsigned int alloc_percent)
{
	unsigned int addr = 1 + random_below(ADDR_CNT - 1), thread = random_below(THREAD_CNT);

	if (random_below(2000) == 0)
		both_alloc(plain, addr, thread); /* some of them over another block */
	else if (random_below(100) < alloc_percent)
		both_alloc(plain, free_addr(plain), thread);
	else if (random_below(4))
		both_release(plain, addr, random_below(5) == 0);
	else if (!plain->pending[thread].pending || random_below(1000) == 0)
		both_realloc_begin(plain, addr, thread);
	else
		both_realloc_end(plain, free_addr(plain), thread);
}

struct seen {
	const struct plain *plain;
	uint64_t base_ns, blocks;
};

static int check_block(const struct heap_block *block, void *arg)
{
	struct seen *seen = arg;
	const struct plain_block *expected = &seen->plain->blocks[block->addr / 16];

	assert_true(expected->outstanding);
	assert_int_equal(block->size, expected->size);
	assert_int_equal(block->number, expected->number);
	assert_int_equal(block->tid, expected->tid);
	assert_int_equal(block->time_ns,
		expected->time_ns - (expected->time_ns - seen->base_ns) % TIME_UNIT);
	seen->blocks++;
	return 0;
}

static void check_site(
	const struct plain *plain, const struct snapshot_site *site, bool check_frees)
{
	const struct plain_site *expected = &plain->sites[site->stack->hash];
	uint64_t bytes = 0, blocks = 0;

	for (unsigned int i = 0; i < ADDR_CNT; i++) {
		const struct plain_block *block = &plain->blocks[i];

		if (block->outstanding && block->stack == site->stack->hash) {
			bytes += block->size;
			blocks++;
		}
	}
	assert_int_equal(site->outstanding_bytes, bytes);
	assert_int_equal(site->outstanding_blocks, blocks);
	if (!check_frees)
		return;
	assert_int_equal(site->allocs, expected->allocs);
	assert_int_equal(site->frees, expected->frees);
	assert_int_equal(site->bytes_allocated, expected->bytes_allocated);
}

static uint64_t check_blocks_and_sites(
	const struct plain *plain, struct process *process, uint64_t base_ns, bool check_frees)
{
	struct seen seen = {.plain = plain, .base_ns = base_ns};
	struct snapshot snapshot;

	assert_int_equal(process__each_block(process, check_block, &seen), 0);
	assert_int_equal(process__snapshot(process, plain->time_ns, 0, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++)
		check_site(plain, &snapshot.sites[i], check_frees);
	snapshot__destroy(&snapshot);
	assert_outstanding(process, seen.blocks, plain->bytes);
	return seen.blocks;
}

static void check_books(const struct plain *plain, uint64_t base_ns)
{
	const struct heap_totals *totals = process__totals(plain->process);
	const struct heap_anomalies *anomalies = process__anomalies(plain->process);
	uint64_t blocks = 0;

	for (unsigned int i = 0; i < ADDR_CNT; i++)
		blocks += plain->blocks[i].outstanding;
	assert_int_equal(check_blocks_and_sites(plain, plain->process, base_ns, true), blocks);
	assert_int_equal(totals->allocs, plain->allocs);
	assert_int_equal(totals->frees, plain->frees);
	assert_int_equal(totals->peak_outstanding_bytes, plain->peak);
	assert_int_equal(anomalies->unmatched_frees, plain->unmatched);
	assert_int_equal(anomalies->nested_frees, plain->nested);
	assert_int_equal(anomalies->replaced_blocks, plain->replaced);
	assert_int_equal(anomalies->unknown_stacks, plain->allocs);
	assert_int_equal(process__info(plain->process)->incomplete, plain->incomplete);
}

/* Then it is not said which of the two a fork puts back. */
static bool two_claim_one_address(const struct plain *plain)
{
	for (unsigned int i = 0; i < THREAD_CNT; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (plain->pending[i].pending && plain->pending[j].pending &&
				plain->pending[i].addr == plain->pending[j].addr)
				return true;
		}
	}
	return false;
}

/* With what the reallocs hold put back, if they can be. */
static void check_fork(struct fixture *f, const struct plain *plain, uint64_t base_ns)
{
	struct plain *copy = malloc(sizeof(*copy));
	struct process *child = fork_of(f, 200);

	*copy = *plain;
	copy->process = NULL;
	for (unsigned int i = 0; i < THREAD_CNT; i++) {
		struct plain_pending *pending = &copy->pending[i];

		if (pending->pending && pending->known && !copy->blocks[pending->addr].outstanding)
			plain_in(copy, pending->addr, &pending->block);
	}
	check_blocks_and_sites(copy, child, base_ns, false);
	assert_int_equal(process__totals(child)->bytes_allocated, copy->bytes);
	heap__forget(f->heap, child);
	free(copy);
}

static void random_events_agree_with_the_plainest_books(void **state)
{
	static const unsigned int alloc_percents[] = {80, 50, 20, 5, 95};
	struct fixture *f = *state;
	struct plain *plain = calloc(1, sizeof(*plain));
	uint64_t base_ns;

	assert_non_null(plain);
	plain->process = f->process;
	plain->time_ns = SEC;
	both_alloc(plain, 1, 1);
	base_ns = plain->time_ns;
	for (unsigned int i = 0; i < EVENT_CNT; i++) {
		unsigned int phase = i / (CHECK_EVERY / 2) % 5;

		both_do_something(plain, alloc_percents[phase]);
		if (i % CHECK_EVERY)
			continue;
		check_books(plain, base_ns);
		if (!two_claim_one_address(plain))
			check_fork(f, plain, base_ns);
	}
	free(plain);
}

#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* glibc hands a thread's cache of freed blocks back through free when the thread ends. */
static void frees_at_a_threads_end_are_its_cache(void **state)
{
	struct heap *heap = heap__new();
	struct process *process = heap__begin(heap, 100, 1);

	(void)state;
	for (int i = 0; i < 7; i++)
		process__release(process, 0x1000 + i * 16, false, 101);
	process__release(process, 0x5000, false, 102);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 8);
	process__thread_exit(process, 101);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
	assert_int_equal(process__anomalies(process)->thread_cache_frees, 7);
	assert_int_equal(process__totals(process)->frees, 0);
	heap__free(heap);
}

static void unmatched_frees_of_a_thread_that_goes_on_stay_what_they_are(void **state)
{
	struct heap *heap = heap__new();
	struct process *process = heap__begin(heap, 100, 1);

	(void)state;
	process__release(process, 0x1000, false, 101);
	assert_int_equal(process__alloc(process, 0x2000, 8, 1, 1, 101), 0);
	process__release(process, 0x3000, false, 102);
	process__release(process, 0x2000, false, 102);
	process__thread_exit(process, 101);
	process__thread_exit(process, 102);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 2);
	assert_int_equal(process__anomalies(process)->thread_cache_frees, 0);
	heap__free(heap);
}

static void threads_that_end_with_their_process_are_settled(void **state)
{
	struct heap *heap = heap__new();
	struct process *process = heap__begin(heap, 100, 1);

	(void)state;
	process__release(process, 0x1000, false, 100); /* the main thread's own */
	process__release(process, 0x2000, false, 101);
	process__exit(process, 0, 1);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
	assert_int_equal(process__anomalies(process)->thread_cache_frees, 1);
	heap__free(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(totals_are_counted_as_valgrind_counts_them),
		SCENARIO(a_block_of_size_0_is_a_block),
		SCENARIO(free_of_null_is_nothing),
		SCENARIO(null_is_no_block),
		SCENARIO(free_of_an_unknown_block_is_no_free),
		SCENARIO(nested_free_of_a_freed_block_is_counted_apart),
		SCENARIO(nested_hint_frees_a_block_that_is_there),
		SCENARIO(alloc_over_an_outstanding_block_replaces_it),
		SCENARIO(blocks_are_numbered_from_1_in_order),
		SCENARIO(a_visitor_can_stop),
		SCENARIO(mark_incomplete_marks),
		SCENARIO(sums_of_huge_sizes_cancel_out),
		SCENARIO(without_lost_frees_no_block_is_in_doubt),
		SCENARIO(blocks_from_before_a_lost_free_are_in_doubt),
		SCENARIO(no_more_blocks_are_in_doubt_than_frees_were_lost),
		SCENARIO(a_free_that_is_proved_leaves_no_doubt),
		SCENARIO(a_child_inherits_the_doubt),
		SCENARIO(realloc_is_one_free_and_one_alloc),
		SCENARIO(realloc_in_place_is_no_replaced_block),
		SCENARIO(realloc_that_fails_puts_the_block_back_as_it_was),
		SCENARIO(peak_covers_a_block_that_a_failed_realloc_kept),
		SCENARIO(realloc_does_not_erase_another_threads_fresh_block),
		SCENARIO(failed_realloc_does_not_overwrite_a_fresh_block),
		SCENARIO(pending_reallocs_are_kept_by_thread),
		SCENARIO(realloc_of_null_is_no_free),
		SCENARIO(realloc_of_an_unknown_block_is_an_unmatched_free),
		SCENARIO(failed_realloc_of_an_unknown_block_is_nothing),
		SCENARIO(a_realloc_whose_end_was_lost_is_taken_for_done),
		SCENARIO(a_thread_that_dies_in_realloc_leaves_its_block_at_exit),
		SCENARIO(sites_keep_their_own_totals),
		SCENARIO(a_site_with_nothing_outstanding_has_no_ages),
		SCENARIO(allocations_find_the_frames_of_their_stack),
		SCENARIO(a_stack_that_was_never_used_is_no_site),
		SCENARIO(an_unknown_stack_has_no_frames_until_they_come),
		SCENARIO(better_frames_replace_worse_ones_only),
		SCENARIO(a_stack_lives_as_long_as_one_process_has_it),
		SCENARIO(many_sites_keep_apart),
		SCENARIO(ages_are_exact_to_a_time_unit),
		SCENARIO(min_age_leaves_younger_blocks_out),
		SCENARIO(times_stop_at_208_days),
		SCENARIO(a_checkpoint_counts_what_came_since_and_stays),
		SCENARIO(growth_counts_from_the_last_mark),
		SCENARIO(processes_are_found_by_tgid_and_image),
		SCENARIO(processes_come_in_order_of_birth),
		SCENARIO(exit_says_how),
		SCENARIO(a_forks_totals_begin_with_its_blocks),
		SCENARIO(parent_and_child_part_at_fork),
		SCENARIO(a_forks_blocks_keep_their_age_and_number),
		SCENARIO(stacks_outlive_the_parent_in_a_fork),
		SCENARIO(a_fork_in_another_threads_realloc_has_its_block),
		SCENARIO(a_fork_inherits_what_the_process_is),
		SCENARIO(a_vfork_child_writes_its_parents_books),
		SCENARIO(vfork_children_of_vfork_children_share_too),
		SCENARIO(unshare_of_what_is_not_shared_is_nothing),
		SCENARIO(a_vfork_child_that_dies_in_realloc_leaves_the_block),
		SCENARIO(who_outlives_the_process_whose_memory_it_shares_inherits_the_books),
		SCENARIO(forgetting_a_process_forgets_who_shared_it),
		SCENARIO(short_lived_processes_take_little),
		SCENARIO(memory_follows_the_blocks),
		SCENARIO(null_may_be_freed),
		SCENARIO(frees_at_a_threads_end_are_its_cache),
		SCENARIO(unmatched_frees_of_a_thread_that_goes_on_stay_what_they_are),
		SCENARIO(threads_that_end_with_their_process_are_settled),
		SCENARIO(random_events_agree_with_the_plainest_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
