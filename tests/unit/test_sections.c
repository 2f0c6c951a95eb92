/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls of functions that are watched: which blocks are theirs, and how calls end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap/sections.h"
#include "heap_fixture.h"

enum { OUTER, INNER, SECTION_CNT };
enum { SP_HIGH = 0x7000, SP_MIDDLE = 0x6000, SP_LOW = 0x5000 };

static int set_up_sections(void **state)
{
	return set_up(state) ? -1 : process__start_sections(PROCESS(state), SECTION_CNT);
}

static void alloc(struct process *process, uint64_t addr, uint64_t size, pid_t tid)
{
	assert_int_equal(process__alloc(process, addr, size, size, 1, tid), 0);
}

static void release(struct process *process, uint64_t addr, pid_t tid)
{
	process__release(process, addr, false, tid);
}

static void enter(struct process *process, size_t section, uint64_t sp)
{
	process__enter_section(process, section, MAIN_TID, sp);
}

static void leave(struct process *process, size_t section, uint64_t sp)
{
	process__return_section(process, section, MAIN_TID, sp);
}

static void assert_calls(struct process *process, size_t section, uint64_t calls,
	uint64_t abandoned, uint64_t under_way)
{
	struct section_totals totals = process__section_totals(process, section);

	assert_int_equal(totals.calls, calls);
	assert_int_equal(totals.left, abandoned);
	assert_int_equal(totals.under_way, under_way);
}

static void assert_sums(
	struct process *process, size_t section, const uint64_t sums[SECTION_QUANTITY_CNT])
{
	struct section_totals totals = process__section_totals(process, section);

	for (int i = 0; i < SECTION_QUANTITY_CNT; i++)
		assert_int_equal(totals.sums[i], sums[i]);
}

#define SUMS(...) ((const uint64_t[SECTION_QUANTITY_CNT]){__VA_ARGS__})

static void what_is_left_is_what_nobody_has_freed(void **state)
{
	struct process *process = PROCESS(state);
	struct section_stack *stacks;
	size_t cnt;

	alloc(process, 0x10, 5, MAIN_TID); /* older */
	enter(process, OUTER, SP_HIGH);
	alloc(process, 0x20, 100, MAIN_TID);
	alloc(process, 0x30, 30, MAIN_TID);
	alloc(process, 0x40, 40, MAIN_TID);
	alloc(process, 0x50, 50, OTHER_TID); /* another thread's */
	release(process, 0x20, MAIN_TID);
	release(process, 0x30, OTHER_TID);
	release(process, 0x10, MAIN_TID);
	release(process, 0x50, MAIN_TID);
	leave(process, OUTER, SP_HIGH);
	release(process, 0x40, MAIN_TID); /* too late */
	assert_calls(process, OUTER, 1, 0, 0);
	assert_sums(process, OUTER, SUMS(3, 170, 1, 40, 2, 55));
	assert_int_equal(process__section_stacks(process, OUTER, &stacks, &cnt), 0);
	assert_int_equal(cnt, 1);
	assert_int_equal(stacks[0].stack->hash, 40);
	assert_int_equal(stacks[0].bytes, 40);
	assert_int_equal(stacks[0].blocks, 1);
	free(stacks);
}

static void the_most_is_of_one_call(void **state)
{
	struct process *process = PROCESS(state);

	for (uint64_t i = 1; i <= 3; i++) {
		enter(process, OUTER, SP_HIGH);
		for (uint64_t k = 0; k < (i == 2 ? 5 : 1); k++)
			alloc(process, 0x100 * i + 0x10 * k, i, MAIN_TID);
		leave(process, OUTER, SP_HIGH);
	}
	assert_sums(process, OUTER, SUMS(7, 14, 7, 14, 0, 0));
	assert_int_equal(process__section_totals(process, OUTER).most[SECTION_ALLOCS], 5);
	assert_int_equal(process__section_totals(process, OUTER).most[SECTION_BYTES], 10);
	assert_int_equal(process__section_totals(process, OUTER).thread_cnt, 1);
}

static void of_a_recursion_the_outermost_call_counts(void **state)
{
	struct process *process = PROCESS(state);

	enter(process, OUTER, SP_HIGH);
	enter(process, OUTER, SP_MIDDLE);
	alloc(process, 0x10, 1, MAIN_TID);
	enter(process, OUTER, SP_LOW);
	leave(process, OUTER, SP_LOW);
	leave(process, OUTER, SP_MIDDLE);
	assert_calls(process, OUTER, 0, 0, 1);
	alloc(process, 0x20, 2, MAIN_TID);
	leave(process, OUTER, SP_HIGH);
	assert_calls(process, OUTER, 1, 0, 0);
	assert_sums(process, OUTER, SUMS(2, 3, 2, 3, 0, 0));
}

static void sections_in_one_another_both_count(void **state)
{
	struct process *process = PROCESS(state);

	enter(process, OUTER, SP_HIGH);
	alloc(process, 0x10, 1, MAIN_TID);
	enter(process, INNER, SP_MIDDLE);
	release(process, 0x10, MAIN_TID); /* older for the inner one only */
	alloc(process, 0x20, 2, MAIN_TID);
	leave(process, INNER, SP_MIDDLE);
	leave(process, OUTER, SP_HIGH);
	assert_sums(process, INNER, SUMS(1, 2, 1, 2, 1, 1));
	assert_sums(process, OUTER, SUMS(2, 3, 1, 2, 0, 0));
}

/* A tail call: both are at the same place, in either order of their returns. */
static void sections_at_the_same_place_both_return(void **state)
{
	struct process *process = PROCESS(state);

	for (int i = 0; i < 2; i++) {
		enter(process, OUTER, SP_HIGH);
		enter(process, INNER, SP_HIGH);
		leave(process, i ? OUTER : INNER, SP_HIGH);
		leave(process, i ? INNER : OUTER, SP_HIGH);
	}
	assert_calls(process, OUTER, 2, 0, 0);
	assert_calls(process, INNER, 2, 0, 0);
}

static void a_call_that_was_left_is_found_out(void **state)
{
	struct process *process = PROCESS(state);

	enter(process, OUTER, SP_MIDDLE);
	alloc(process, 0x10, 1, MAIN_TID);
	enter(process, OUTER, SP_MIDDLE); /* again, at the same place */
	assert_calls(process, OUTER, 0, 1, 1);
	enter(process, OUTER, SP_HIGH); /* further up */
	assert_calls(process, OUTER, 0, 2, 1);
	leave(process, OUTER, SP_HIGH);
	enter(process, INNER, SP_LOW);
	enter(process, OUTER, SP_HIGH); /* another section */
	assert_calls(process, INNER, 0, 1, 0);
	enter(process, INNER, SP_LOW);
	leave(process, OUTER, SP_HIGH); /* the return of another */
	assert_calls(process, INNER, 0, 2, 0);
	assert_calls(process, OUTER, 2, 2, 0);
	assert_sums(process, OUTER, SUMS(0, 0, 0, 0, 0, 0));
}

static void a_thread_that_ends_has_left_its_calls(void **state)
{
	struct process *process = PROCESS(state);

	enter(process, OUTER, SP_HIGH);
	enter(process, INNER, SP_LOW);
	process__thread_exit(process, MAIN_TID);
	assert_calls(process, OUTER, 0, 1, 0);
	assert_calls(process, INNER, 0, 1, 0);
	enter(process, OUTER, SP_LOW); /* a thread of the same number */
	leave(process, OUTER, SP_LOW);
	assert_calls(process, OUTER, 1, 1, 0);
}

static void a_realloc_is_a_free_and_an_allocation_unless_it_fails(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x10, 1, MAIN_TID);
	enter(process, OUTER, SP_HIGH);
	alloc(process, 0x20, 2, MAIN_TID);
	for (uint64_t addr = 0x10; addr <= 0x20; addr += 0x10) {
		process__realloc_begin(process, addr, MAIN_TID);
		process__realloc_failed(process, MAIN_TID);
	}
	leave(process, OUTER, SP_HIGH);
	assert_sums(process, OUTER, SUMS(1, 2, 1, 2, 0, 0));
	enter(process, OUTER, SP_HIGH);
	process__realloc_begin(process, 0x10, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x10, 7, MAIN_TID);
	leave(process, OUTER, SP_HIGH);
	assert_sums(process, OUTER, SUMS(2, 9, 2, 9, 1, 1));
}

static void a_forks_child_has_no_calls(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	enter(f->process, OUTER, SP_HIGH);
	alloc(f->process, 0x10, 1, MAIN_TID);
	child = heap__fork(f->heap, f->process, 200, 8);
	assert_non_null(child);
	assert_true(process__has_sections(child));
	process__return_section(child, OUTER, 200, SP_HIGH);
	assert_calls(child, OUTER, 0, 0, 0);
	process__enter_section(child, OUTER, 200, SP_HIGH);
	process__release(child, 0x10, false, 200);
	process__return_section(child, OUTER, 200, SP_HIGH);
	assert_sums(child, OUTER, SUMS(0, 0, 0, 0, 1, 1));
	assert_calls(f->process, OUTER, 0, 0, 1);
}

static void what_was_never_entered_does_not_return(void **state)
{
	struct process *process = PROCESS(state);

	leave(process, OUTER, SP_HIGH);
	enter(process, SECTION_CNT, SP_HIGH);
	leave(process, SECTION_CNT, SP_HIGH);
	enter(process, OUTER, SP_MIDDLE);
	leave(process, OUTER, SP_LOW);
	leave(process, SIZE_MAX, SP_MIDDLE);
	assert_calls(process, OUTER, 0, 0, 1);
	assert_calls(process, SECTION_CNT, 0, 0, 0);
}

static void books_without_sections_take_no_notice(void **state)
{
	struct process *process = PROCESS(state);

	enter(process, OUTER, SP_HIGH);
	alloc(process, 0x10, 1, MAIN_TID);
	leave(process, OUTER, SP_HIGH);
	assert_false(process__has_sections(process));
	assert_calls(process, OUTER, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_sections, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_left_is_what_nobody_has_freed),
		TEST(the_most_is_of_one_call),
		TEST(of_a_recursion_the_outermost_call_counts),
		TEST(sections_in_one_another_both_count),
		TEST(sections_at_the_same_place_both_return),
		TEST(a_call_that_was_left_is_found_out),
		TEST(a_thread_that_ends_has_left_its_calls),
		TEST(a_realloc_is_a_free_and_an_allocation_unless_it_fails),
		TEST(a_forks_child_has_no_calls),
		TEST(what_was_never_entered_does_not_return),
		cmocka_unit_test_setup_teardown(
			books_without_sections_take_no_notice, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sections", tests, NULL, NULL);
}
