/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The books, by scenario: reallocs, which are under way while other threads go on, and may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "heap/heap.h"
#include "heap_blocks.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
