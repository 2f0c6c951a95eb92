/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The books of mapped memory, by scenario. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "heap/heap.h"
#include "mapped_pages.h"

#define STACK 77
#define OTHER_STACK 78

static void map(struct process *process, size_t page, size_t page_cnt, uint64_t stack)
{
	struct mapping mapping = mapping_of(page, page_cnt, stack);

	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
}

static void unmap(struct process *process, size_t page, size_t page_cnt)
{
	unmap_begin(process, page, page_cnt, MAIN_TID);
	process__unmap_done(process, MAIN_TID);
}

static void a_range_is_in_the_books_of_its_stack(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 3, STACK);
	assert_outstanding(process, 1, 3);
	assert_counted(process, 1, 0);
	assert_int_equal(site_at(process, STACK, 0).outstanding_bytes, 3 * PAGE);
	assert_int_equal(process__totals(process)->outstanding_bytes, 0);
	assert_int_equal(process__totals(process)->allocs, 0);
}

static void a_hole_makes_two_of_one(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 10, STACK);
	unmap(process, 4, 2);
	assert_outstanding(process, 2, 8);
	assert_int_equal(site_at(process, STACK, 0).outstanding_blocks, 2);
	unmap(process, 0, 4);
	assert_outstanding(process, 1, 4);
	unmap(process, 8, 2);
	assert_outstanding(process, 1, 2);
	assert_counted(process, 1, 3);
	assert_int_equal(site_at(process, STACK, 0).bytes_allocated, 10 * PAGE);
}

static void one_unmap_takes_parts_of_several(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	map(process, 4, 1, OTHER_STACK);
	map(process, 8, 4, STACK);
	unmap(process, 2, 8);
	assert_outstanding(process, 2, 4);
	assert_counted(process, 3, 1);
	assert_int_equal(site_at(process, OTHER_STACK, 0).outstanding_blocks, 0);
	assert_int_equal(site_at(process, STACK, 0).outstanding_bytes, 4 * PAGE);
}

static void what_is_not_in_the_books_is_no_unmap(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 10, 2, STACK);
	unmap(process, 0, 10);
	unmap(process, 12, 5);
	assert_counted(process, 1, 0);
	assert_outstanding(process, 1, 2);
	assert_false(process__info(process)->incomplete);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

static void an_unmap_that_fails_was_none(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 10, STACK);
	map(process, 10, 2, OTHER_STACK);
	unmap_begin(process, 3, 8, MAIN_TID);
	assert_outstanding(process, 2, 4);
	process__unmap_failed(process, MAIN_TID);
	assert_outstanding(process, 2, 12);
	assert_counted(process, 2, 0);
	assert_int_equal(site_at(process, STACK, 0).outstanding_blocks, 1);
	assert_false(process__info(process)->incomplete);
	unmap(process, 0, 12);
	assert_outstanding(process, 0, 0);
}

/* Thread 1 unmaps; before its munmap returns, thread 2 is given the addresses. */
static void addresses_may_be_given_out_before_the_unmap_returns(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping mapping = mapping_of(1, 2, OTHER_STACK);

	map(process, 0, 4, STACK);
	unmap_begin(process, 0, 4, MAIN_TID);
	assert_int_equal(process__map(process, &mapping, OTHER_TID), 0);
	process__unmap_done(process, MAIN_TID);
	assert_outstanding(process, 1, 2);
	assert_int_equal(process__mapped(process)->unseen_unmaps, 0);
	assert_int_equal(site_at(process, OTHER_STACK, 0).outstanding_bytes, 2 * PAGE);
	assert_false(process__info(process)->incomplete);
}

static void a_fixed_mapping_replaces_what_is_there(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping mapping = mapping_of(3, 2, OTHER_STACK);

	map(process, 0, 4, STACK);
	mapping.fixed = true;
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	assert_outstanding(process, 2, 5);
	assert_counted(process, 2, 1);
	assert_int_equal(process__mapped(process)->unseen_unmaps, 0);
	assert_int_equal(process__mapped(process)->peak_outstanding_bytes, 5 * PAGE);
}

static void a_mapping_where_one_is_shows_an_unseen_unmap(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	map(process, 2, 4, OTHER_STACK);
	assert_outstanding(process, 2, 6);
	assert_counted(process, 2, 0);
	assert_int_equal(process__mapped(process)->unseen_unmaps, 1);
}

/* mremap tells: unmap begins, map, unmap done. */
static void a_moved_range_is_its_movers_and_of_the_same_kind(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping mapping = mapping_of(0, 4, STACK);

	mapping.kind = RANGE_FILE;
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	unmap_begin(process, 0, 4, MAIN_TID);
	mapping = mapping_of(20, 6, OTHER_STACK);
	mapping.old_addr = at(0);
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	process__unmap_done(process, MAIN_TID);
	assert_outstanding(process, 1, 6);
	assert_counted(process, 2, 1);
	assert_int_equal(process__mapped(process)->kind_bytes[RANGE_FILE], 6 * PAGE);
	assert_int_equal(process__mapped(process)->peak_outstanding_bytes, 6 * PAGE);
	assert_int_equal(site_at(process, STACK, 0).outstanding_bytes, 0);
}

static void a_duplicated_range_is_of_the_same_kind(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping mapping = mapping_of(0, 4, STACK);

	mapping.kind = RANGE_FILE;
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	mapping = mapping_of(20, 2, STACK);
	mapping.old_addr = at(1);
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	mapping = mapping_of(30, 1, STACK);
	mapping.old_addr = at(29); /* of which nothing is known */
	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
	assert_int_equal(process__mapped(process)->kind_bytes[RANGE_FILE], 6 * PAGE);
	assert_int_equal(process__mapped(process)->kind_bytes[RANGE_ANONYMOUS], PAGE);
}

static void the_break_moves_by_bytes(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping up = {.addr = BASE, .size = 1000, .stack_hash = STACK, .kind = RANGE_BREAK};

	assert_int_equal(process__map(process, &up, MAIN_TID), 0);
	up.addr += up.size;
	up.size = 500;
	up.stack_hash = OTHER_STACK;
	assert_int_equal(process__map(process, &up, MAIN_TID), 0);
	assert_int_equal(process__unmap_begin(process, BASE + 900, 600, MAIN_TID), 0);
	process__unmap_done(process, MAIN_TID);
	assert_int_equal(process__mapped(process)->outstanding_bytes, 900);
	assert_int_equal(process__mapped(process)->kind_bytes[RANGE_BREAK], 900);
	assert_int_equal(process__mapped(process)->outstanding_ranges, 1);
}

static void a_fork_copies_what_is_mapped(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	map(f->process, 0, 10, STACK);
	unmap(f->process, 4, 1);
	map(f->process, 20, 3, OTHER_STACK);
	unmap_begin(f->process, 21, 1, OTHER_TID); /* under way: in the child it is none */
	child = heap__fork(f->heap, f->process, 200, 9);
	assert_non_null(child);
	assert_outstanding(child, 3, 12);
	assert_counted(child, 3, 0);
	assert_int_equal(process__mapped(child)->bytes_mapped, 12 * PAGE);
	assert_int_equal(process__mapped(child)->peak_outstanding_bytes, 12 * PAGE);
	unmap(child, 0, 30);
	assert_outstanding(child, 0, 0);
	process__unmap_done(f->process, OTHER_TID);
	assert_outstanding(f->process, 4, 11);
}

static void a_vforked_child_maps_for_its_parent(void **state)
{
	struct fixture *f = *state;

	map(f->process, 0, 4, STACK);
	assert_int_equal(heap__share(f->heap, f->process, 200, 9), 0);
	unmap_begin(heap__find(f->heap, 200, 9), 0, 1, 200);
	heap__unshare(f->heap, 200, 9); /* it has ended inside the munmap */
	assert_outstanding(f->process, 1, 4);
}

static void what_is_under_way_at_the_end_is_put_back(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	unmap_begin(process, 1, 2, OTHER_TID);
	process__exit(process, SIGKILL, 2 * SEC);
	assert_outstanding(process, 1, 4);
	assert_false(process__info(process)->incomplete);
}

static void what_is_under_way_at_the_end_is_done_if_others_have_the_addresses(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	unmap_begin(process, 0, 4, OTHER_TID);
	map(process, 1, 1, OTHER_STACK);
	process__exit(process, SIGKILL, 2 * SEC);
	assert_outstanding(process, 1, 1);
	assert_counted(process, 2, 1);
	assert_false(process__info(process)->incomplete);
}

static void an_unmap_whose_end_was_lost_is_one(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	unmap_begin(process, 0, 1, MAIN_TID);
	unmap(process, 1, 1);
	assert_outstanding(process, 1, 2);
	assert_counted(process, 1, 2);
	assert_true(process__info(process)->incomplete);
}

static void a_failed_unmap_leaves_younger_ranges_alone(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	unmap_begin(process, 0, 4, MAIN_TID);
	map(process, 2, 4, OTHER_STACK);
	process__unmap_failed(process, MAIN_TID);
	assert_outstanding(process, 1, 4);
	assert_true(process__info(process)->incomplete);
}

static void young_ranges_do_not_count_as_old(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct mapping young = mapping_of(8, 2, STACK);

	map(process, 0, 4, STACK);
	young.time_ns = 99 * SEC;
	assert_int_equal(process__map(process, &young, MAIN_TID), 0);
	assert_int_equal(site_at(process, STACK, 0).outstanding_blocks, 2);
	assert_int_equal(site_at(process, STACK, 10 * SEC).outstanding_bytes, 4 * PAGE);
	assert_int_equal(site_at(process, STACK, 0).oldest_ns, SEC);
	assert_int_equal(site_at(process, STACK, 0).newest_ns, 99 * SEC);
}

static void growth_is_counted_from_the_mark(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	map(process, 0, 4, STACK);
	process__mark(process);
	unmap(process, 0, 1);
	map(process, 8, 3, OTHER_STACK);
	assert_int_equal(site_at(process, STACK, 0).growth_bytes, -(int64_t)PAGE);
	assert_int_equal(site_at(process, OTHER_STACK, 0).growth_bytes, 3 * PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(a_range_is_in_the_books_of_its_stack),
		SCENARIO(a_hole_makes_two_of_one),
		SCENARIO(one_unmap_takes_parts_of_several),
		SCENARIO(what_is_not_in_the_books_is_no_unmap),
		SCENARIO(an_unmap_that_fails_was_none),
		SCENARIO(addresses_may_be_given_out_before_the_unmap_returns),
		SCENARIO(a_fixed_mapping_replaces_what_is_there),
		SCENARIO(a_mapping_where_one_is_shows_an_unseen_unmap),
		SCENARIO(a_moved_range_is_its_movers_and_of_the_same_kind),
		SCENARIO(a_duplicated_range_is_of_the_same_kind),
		SCENARIO(the_break_moves_by_bytes),
		SCENARIO(a_fork_copies_what_is_mapped),
		SCENARIO(a_vforked_child_maps_for_its_parent),
		SCENARIO(what_is_under_way_at_the_end_is_put_back),
		SCENARIO(what_is_under_way_at_the_end_is_done_if_others_have_the_addresses),
		SCENARIO(an_unmap_whose_end_was_lost_is_one),
		SCENARIO(a_failed_unmap_leaves_younger_ranges_alone),
		SCENARIO(young_ranges_do_not_count_as_old),
		SCENARIO(growth_is_counted_from_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
