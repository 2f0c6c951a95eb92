/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arenas in the books, by scenario; and at the end a long random run against the plainest model:
 * for each address whether it has a block, and to whom it belongs, found by looking at all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "heap/heap.h"
#include "heap_blocks.h"

static void alloc_in(struct process *process, uint64_t addr, uint64_t size, uint64_t arena)
{
	alloc(process, addr, size, 1);
	assert_int_equal(process__own(process, addr, arena), 0);
}

static void make(struct process *process, uint64_t arena, uint64_t parent, uint64_t stack)
{
	assert_int_equal(process__arena_made(process, arena, parent, stack), 0);
}

static void move(struct process *process, uint64_t addr, uint64_t parent)
{
	assert_int_equal(process__arena_moved(process, addr, parent), 0);
}

struct arenas_seen {
	uint64_t arenas, blocks, bytes;
};

/* The sums over those of one stack, or (0) of all. */
static struct arenas_seen arenas_of(struct process *process, uint64_t stack)
{
	struct arenas_seen sum = {0};
	struct snapshot snapshot;

	assert_int_equal(process__snapshot_arenas(process, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		if (stack && snapshot.sites[i].stack->hash != stack)
			continue;
		sum.arenas += snapshot.sites[i].allocs;
		sum.blocks += snapshot.sites[i].outstanding_blocks;
		sum.bytes += snapshot.sites[i].outstanding_bytes;
	}
	snapshot__destroy(&snapshot);
	return sum;
}

static void assert_arenas(struct process *process, uint64_t arenas, uint64_t blocks)
{
	struct arenas_seen sum = arenas_of(process, 0);

	assert_int_equal(sum.arenas, arenas);
	assert_int_equal(sum.blocks, blocks);
}

/* ---- scenarios ---- */

static void an_arenas_end_frees_what_is_in_it(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1000);
	alloc(process, 0x2000, 7, 1);
	assert_int_equal(arenas_of(process, 5).arenas, 1);
	assert_int_equal(arenas_of(process, 5).blocks, 2);
	assert_int_equal(arenas_of(process, 5).bytes, 30);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 7);
	assert_arenas(process, 0, 0);
	assert_int_equal(process__totals(process)->frees, 2);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

static void a_reset_frees_but_the_arena_lives_on(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	make(process, 0x2000, 0x1000, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x2010, 20, 0x2000);
	process__arena_emptied(process, 0x1000, MAIN_TID);
	assert_outstanding(process, 0, 0);
	assert_arenas(process, 1, 0);
	alloc_in(process, 0x1010, 10, 0x1000);
	assert_arenas(process, 1, 1);
}

static void arenas_below_go_with_their_parents(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	make(process, 0x2000, 0x1000, 5);
	make(process, 0x3000, 0x2000, 5);
	for (uint64_t i = 1; i <= 3; i++)
		alloc_in(process, i * 0x1000 + 0x10, i, i * 0x1000);
	process__arena_ended(process, 0x2000, false, MAIN_TID);
	assert_outstanding(process, 1, 1);
	assert_arenas(process, 1, 1);
}

static void what_was_moved_goes_with_its_new_parent(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	make(process, 0x2000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1010); /* a block that is a parent */
	move(process, 0x1010, 0x2000);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 2, 30);
	process__arena_ended(process, 0x2000, false, MAIN_TID);
	assert_outstanding(process, 0, 0);
}

static void what_is_moved_to_none_goes_with_nobody(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x1000, 1, 1);
	alloc_in(process, 0x1010, 10, 0x1000);
	move(process, 0x1010, 0);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 10);
	assert_arenas(process, 0, 0);
}

/* A target that says so must not make the books go round in circles. */
static void nothing_comes_to_belong_to_itself(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0x1000, 5);
	make(process, 0x2000, 0x1000, 5);
	make(process, 0x3000, 0x2000, 5);
	move(process, 0x1000, 0x3000);
	move(process, 0x2000, 0x2000);
	alloc_in(process, 0x3010, 1, 0x3000);
	alloc_in(process, 0x4000, 1, 0x4000);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	process__arena_ended(process, 0x2000, false, MAIN_TID);
	assert_outstanding(process, 1, 1);
}

static void a_block_freed_by_itself_leaves_its_arena(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1000);
	process__release(process, 0x1010, false, MAIN_TID);
	assert_arenas(process, 1, 1);
	alloc(process, 0x1010, 5, 1); /* somebody else's, by now */
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 5);
}

static void an_arena_that_nobody_made_is_there_while_it_has_blocks(void **state)
{
	struct process *process = PROCESS(state);

	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 10, 0x1000);
	assert_arenas(process, 1, 2);
	process__release(process, 0x1010, false, MAIN_TID);
	process__release(process, 0x1020, false, MAIN_TID);
	assert_arenas(process, 0, 0);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
}

static void a_plain_free_of_a_parent_leaves_its_children(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x1000, 100, 1);
	alloc_in(process, 0x2000, 10, 0x1000);
	process__release(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 10);
	assert_arenas(process, 1, 1);
}

static void an_arena_made_again_proves_that_its_end_was_lost(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	make(process, 0x1000, 0, 6);
	assert_outstanding(process, 0, 0);
	assert_int_equal(process__anomalies(process)->replaced_blocks, 1);
	assert_true(process__info(process)->incomplete);
	assert_int_equal(arenas_of(process, 6).arenas, 1);
	assert_int_equal(arenas_of(process, 5).arenas, 0);
}

static void a_block_that_replaces_another_is_not_its_arenas(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc(process, 0x1010, 11, 1);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 11);
}

/* ---- realloc ---- */

static void a_realloc_keeps_parent_and_children(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1010);
	process__realloc_begin(process, 0x1010, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc_in(process, 0x5000, 50, 0x9999); /* what it says of its arena is not looked at */
	assert_arenas(process, 2, 2);
	process__arena_ended(process, 0x5000, false, MAIN_TID);
	assert_outstanding(process, 0, 0);
	assert_arenas(process, 1, 0);
}

static void a_realloc_that_fails_leaves_all_as_it_was(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1010);
	process__realloc_begin(process, 0x1010, MAIN_TID);
	/* the address is another thread's for a moment that cannot be; it must do no harm */
	process__realloc_failed(process, MAIN_TID);
	assert_outstanding(process, 2, 30);
	assert_arenas(process, 2, 2);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 0, 0);
}

static void a_realloc_to_nothing_frees_what_is_below(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x1000, 10, 1);
	alloc_in(process, 0x1020, 20, 0x1000);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_freed(process, MAIN_TID);
	assert_outstanding(process, 0, 0);
	assert_arenas(process, 0, 0);
}

static void another_thread_may_be_given_the_old_address(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	alloc_in(process, 0x1020, 20, 0x1010);
	process__realloc_begin(process, 0x1010, MAIN_TID);
	assert_int_equal(process__alloc(process, 0x1010, 3, 1, 1, OTHER_TID), 0);
	assert_int_equal(process__own(process, 0x1010, 0x7777), 0);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x2010, 40, 1);
	process__arena_ended(process, 0x1000, false, MAIN_TID);
	assert_outstanding(process, 1, 3);
	assert_arenas(process, 1, 1);
}

static void an_arena_that_ends_below_a_realloc_leaves_its_block(void **state)
{
	struct process *process = PROCESS(state);

	make(process, 0x1000, 0, 5);
	alloc_in(process, 0x1010, 10, 0x1000);
	process__realloc_begin(process, 0x1010, MAIN_TID);
	process__arena_ended(process, 0x1000, false, OTHER_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x2010, 40, 1);
	assert_outstanding(process, 1, 40);
	assert_arenas(process, 0, 0);
}

/* ---- frees inside calls ---- */

static void a_free_inside_counts_only_what_is_known(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x1000, 10, 1);
	process__release_inside(process, 0x2000, MAIN_TID);
	process__release_inside(process, 0, MAIN_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
	process__release_inside(process, 0x1000, MAIN_TID);
	assert_outstanding(process, 0, 0);
	process__arena_ended(process, 0x3000, true, MAIN_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
}

static void an_unknown_block_is_known_by_what_is_freed_inside(void **state)
{
	struct process *process = PROCESS(state);

	alloc(process, 0x1000, 10, 1);
	alloc(process, 0x2000, 10, 1);
	process__release_followed(process, 0x1010, MAIN_TID); /* with a header before it */
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
	process__release_inside(process, 0x1000, MAIN_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
	/* but once, and of that thread, and not of another call */
	process__release_inside(process, 0x2000, MAIN_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 0);
	process__release_followed(process, 0x7777, MAIN_TID);
	alloc(process, 0x1000, 10, 1);
	alloc(process, 0x2000, 10, 1);
	process__release_inside(process, 0x1000, MAIN_TID);
	process__release(process, 0x8888, false, OTHER_TID);
	process__release_inside(process, 0x2000, OTHER_TID);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 2);
	assert_outstanding(process, 0, 0);
}

/* ---- fork ---- */

static void a_fork_copies_what_belongs_to_what(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	make(f->process, 0x1000, 0, 5);
	alloc_in(f->process, 0x1010, 10, 0x1000);
	alloc_in(f->process, 0x1020, 20, 0x1010);
	process__realloc_begin(f->process, 0x1020, OTHER_TID);
	child = heap__fork(f->heap, f->process, 200, 8);
	assert_non_null(child);
	assert_outstanding(child, 2, 30);
	process__arena_ended(child, 0x1000, false, 200);
	assert_outstanding(child, 0, 0);
	assert_arenas(child, 0, 0);
	process__realloc_failed(f->process, OTHER_TID);
	assert_outstanding(f->process, 2, 30);
	assert_arenas(f->process, 2, 2);
}

static void what_is_deep_is_no_trouble(void **state)
{
	struct process *process = PROCESS(state);
	const uint64_t depth = 300000;

	alloc(process, 16, 1, 1);
	for (uint64_t i = 2; i <= depth; i++)
		alloc_in(process, 16 * i, 1, 16 * (i - 1));
	assert_arenas(process, depth - 1, depth - 1);
	process__arena_ended(process, 16, false, MAIN_TID);
	assert_outstanding(process, 0, 0);
	assert_arenas(process, 0, 0);
}

/* ---- against the model ---- */

#define ADDRESSES 64 /* 1 to 63; 0 is none */

struct model {
	bool block[ADDRESSES], made[ADDRESSES];
	int parent[ADDRESSES];
};

static bool model__is_below(const struct model *model, int addr, int above)
{
	for (; addr; addr = model->parent[addr])
		if (addr == above)
			return true;
	return false;
}

static void model__end(struct model *model, int addr, bool itself)
{
	bool gone[ADDRESSES] = {0};

	for (int i = 1; i < ADDRESSES; i++)
		gone[i] = (itself || i != addr) && model__is_below(model, i, addr);
	for (int i = 1; i < ADDRESSES; i++)
		if (gone[i]) {
			model->block[i] = model->made[i] = false;
			model->parent[i] = 0;
		}
}

static bool model__has_child(const struct model *model, int addr)
{
	for (int i = 1; i < ADDRESSES; i++)
		if (model->parent[i] == addr)
			return true;
	return false;
}

/* Its block is freed by itself. */
static void model__free(struct model *model, int addr)
{
	model->block[addr] = false;
	if (!model__has_child(model, addr) && !model->made[addr])
		model->parent[addr] = 0;
}

static void model__move(struct model *model, int addr, int parent)
{
	model->parent[addr] = model__is_below(model, parent, addr) ? 0 : parent;
}

static void compare_with_model(struct process *process, const struct model *model)
{
	struct arenas_seen sum = arenas_of(process, 0), wanted = {0};
	uint64_t blocks = 0;

	for (int i = 1; i < ADDRESSES; i++) {
		wanted.arenas += model->made[i] || model__has_child(model, i);
		wanted.blocks += model->block[i] && model->parent[i];
		blocks += model->block[i];
	}
	assert_int_equal(process__totals(process)->outstanding_blocks, blocks);
	assert_int_equal(sum.blocks, wanted.blocks);
	assert_int_equal(sum.arenas, wanted.arenas);
}

static void one_step(struct process *process, struct model *model)
{
	int addr = 1 + rand() % (ADDRESSES - 1), other = rand() % ADDRESSES;

	switch (rand() % 6) {
	case 0:
	case 1: /* a block, unless the address is in use in any way */
		if (model->block[addr] || model->made[addr] || model->parent[addr] || other == addr)
			return;
		alloc(process, addr, 1, addr);
		model->block[addr] = true;
		if (other) {
			assert_int_equal(process__own(process, addr, other), 0);
			model__move(model, addr, other);
		}
		return;
	case 2:
		if (model->block[addr]) {
			process__release(process, addr, false, MAIN_TID);
			model__free(model, addr);
		}
		return;
	case 3:
		if (model->block[addr] || model->made[addr] || model__has_child(model, addr) ||
			model->parent[addr] || other == addr)
			return;
		make(process, addr, other, addr);
		model->made[addr] = true;
		model__move(model, addr, other);
		return;
	case 4:
		if (rand() % 4)
			return;
		if (rand() % 2) {
			process__arena_ended(process, addr, false, MAIN_TID);
			model__end(model, addr, true);
		} else {
			process__arena_emptied(process, addr, MAIN_TID);
			model__end(model, addr, false);
		}
		return;
	case 5:
		if (!model->block[addr] && !model->made[addr])
			return;
		move(process, addr, other);
		model__move(model, addr, other);
	}
}

static void a_long_random_run_agrees_with_the_model(void **state)
{
	struct process *process = PROCESS(state);
	struct model model = {0};

	srand(1);
	for (int i = 0; i < 200000; i++) {
		one_step(process, &model);
		if (i % 10 == 0)
			compare_with_model(process, &model);
	}
	assert_int_equal(process__anomalies(process)->replaced_blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(an_arenas_end_frees_what_is_in_it),
		SCENARIO(a_reset_frees_but_the_arena_lives_on),
		SCENARIO(arenas_below_go_with_their_parents),
		SCENARIO(what_was_moved_goes_with_its_new_parent),
		SCENARIO(what_is_moved_to_none_goes_with_nobody),
		SCENARIO(nothing_comes_to_belong_to_itself),
		SCENARIO(a_block_freed_by_itself_leaves_its_arena),
		SCENARIO(an_arena_that_nobody_made_is_there_while_it_has_blocks),
		SCENARIO(a_plain_free_of_a_parent_leaves_its_children),
		SCENARIO(an_arena_made_again_proves_that_its_end_was_lost),
		SCENARIO(a_block_that_replaces_another_is_not_its_arenas),
		SCENARIO(a_realloc_keeps_parent_and_children),
		SCENARIO(a_realloc_that_fails_leaves_all_as_it_was),
		SCENARIO(a_realloc_to_nothing_frees_what_is_below),
		SCENARIO(another_thread_may_be_given_the_old_address),
		SCENARIO(an_arena_that_ends_below_a_realloc_leaves_its_block),
		SCENARIO(a_free_inside_counts_only_what_is_known),
		SCENARIO(an_unknown_block_is_known_by_what_is_freed_inside),
		SCENARIO(a_fork_copies_what_belongs_to_what),
		SCENARIO(what_is_deep_is_no_trouble),
		SCENARIO(a_long_random_run_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
