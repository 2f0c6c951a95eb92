/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books, by scenario: blocks that come and go, blocks of which it is in doubt whether they are
 * still there, and what a thread frees at its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "heap/heap.h"
#include "heap_blocks.h"

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

/* ---- a thread's end ---- */

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

/* ---- memory ---- */

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
		SCENARIO(memory_follows_the_blocks),
		SCENARIO(null_may_be_freed),
		SCENARIO(frees_at_a_threads_end_are_its_cache),
		SCENARIO(unmatched_frees_of_a_thread_that_goes_on_stay_what_they_are),
		SCENARIO(threads_that_end_with_their_process_are_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
