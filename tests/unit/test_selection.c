/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which stacks are shown, and in what order. Stacks are told apart by their ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "report/selection.h"

/*                                  bytes  blocks          allocated growth  oldest      id */
#define STACK(id_, bytes, blocks, allocated, growth, oldest)                                       \
	{                                                                                          \
		.outstanding_bytes = (bytes), .outstanding_blocks = (blocks),                      \
		.bytes_allocated = (allocated), .growth_bytes = (growth),                          \
		.oldest_age_s = (oldest), .id = (id_)                                              \
	}

static const struct summary_stack given[] = {
	STACK(1, 0, 0, 500, -500, -1), STACK(2, 100, 10, 100, 100, 5.0),
	STACK(3, 300, 1, 300, -7, 60.0),
	STACK(4, 100, 10, 100, 100, 5.0),			    /* as 2: its id decides */
	STACK(5, 100, 2, 900, 200, 0.5), STACK(6, 0, 3, 0, 0, 1.0), /* blocks of 0 bytes */
};
enum { GIVEN_CNT = sizeof(given) / sizeof(*given) };

static void assert_selected(const struct selection *selection, const char *ids, size_t stacks_total)
{
	struct summary_stack stacks[GIVEN_CNT];
	struct summary_process process = {
		.stacks = stacks, .stack_cnt = GIVEN_CNT, .stacks_total = GIVEN_CNT};
	uint64_t seen = 0;

	memcpy(stacks, given, sizeof(stacks));
	selection__apply(selection, &process);
	assert_int_equal(process.stack_cnt, strlen(ids));
	assert_int_equal(process.stacks_total, stacks_total);
	for (size_t i = 0; i < process.stack_cnt; i++)
		assert_int_equal(stacks[i].id, ids[i] - '0');
	for (size_t i = 0; i < GIVEN_CNT; i++) /* those that are not shown are still there */
		seen |= 1ull << stacks[i].id;
	assert_int_equal(seen, 0x7e);
}

static void stacks_are_sorted_by_each_key(void **state)
{
	(void)state;
	assert_selected(&(struct selection){.sort = SORT_BYTES}, "354216", 6);
	assert_selected(&(struct selection){.sort = SORT_BLOCKS}, "426531", 6);
	assert_selected(&(struct selection){.sort = SORT_GROWTH}, "542631", 6);
	assert_selected(&(struct selection){.sort = SORT_AGE}, "342651", 6);
}

static void stacks_are_cut_and_counted(void **state)
{
	(void)state;
	assert_selected(&(struct selection){.top = 2}, "35", 6);
	assert_selected(&(struct selection){.top = 100}, "354216", 6);
	assert_selected(&(struct selection){.min_bytes = 100}, "3542", 4);
	assert_selected(&(struct selection){.min_bytes = 101}, "3", 1);
	assert_selected(&(struct selection){.min_bytes = 100, .top = 1}, "3", 4);
	assert_selected(&(struct selection){.min_bytes = 1000}, "", 0);
	assert_selected(&(struct selection){.holding_only = true}, "35426", 5);
}

static void a_view_leaves_the_original_alone(void **state)
{
	struct summary_stack stacks[GIVEN_CNT];
	struct summary_process process = {
		.stacks = stacks, .stack_cnt = GIVEN_CNT, .stacks_total = GIVEN_CNT};
	struct summary summary = {.processes = &process, .process_cnt = 1};
	struct summary *view, *again;

	(void)state;
	memcpy(stacks, given, sizeof(stacks));
	view = selection__view(&(struct selection){.top = 2, .min_bytes = 1}, &summary);
	assert_non_null(view);
	assert_memory_equal(stacks, given, sizeof(stacks));
	assert_int_equal(view->processes->stack_cnt, 2);
	assert_int_equal(view->processes->stacks_total, 4);
	again = selection__view(&(struct selection){.top = 2, .min_bytes = 1}, view);
	assert_int_equal(again->processes->stack_cnt, 2);
	assert_int_equal(again->processes->stacks_total, 4); /* what was cut before still counts */
	selection__free_view(again);
	selection__free_view(view);
}

static void a_view_of_nothing_is_nothing(void **state)
{
	struct summary_process process = {.stacks_total = 0};
	struct summary empty = {0}, silent = {.processes = &process, .process_cnt = 1};
	struct summary *view = selection__view(&(struct selection){0}, &empty);

	(void)state;
	assert_int_equal(view->process_cnt, 0);
	selection__free_view(view);
	view = selection__view(&(struct selection){0}, &silent);
	assert_int_equal(view->processes->stack_cnt, 0);
	selection__free_view(view);
	selection__free_view(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_sorted_by_each_key),
		cmocka_unit_test(stacks_are_cut_and_counted),
		cmocka_unit_test(a_view_leaves_the_original_alone),
		cmocka_unit_test(a_view_of_nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
