/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books, by scenario: call stacks and the sites that blocks are of, and what a snapshot tells
 * of them: outstanding, its age, and what came since a mark or a checkpoint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "heap/heap.h"
#include "heap_blocks.h"

static const struct heap_frame frames_known[] = {
	{.address = 0x1000, .file_offset = 0x10, .file = 1},
	{.address = 0x2000, .file_offset = 0x20, .file = 2},
};
static const struct heap_frame frames_half_known[] = {
	{.address = 0x1000, .file_offset = 0x10, .file = 1},
	{.address = 0x2000},
};

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		SCENARIO(stacks_outlive_the_parent_in_a_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
