/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wrong frees, by scenario; and the table of the blocks that were freed last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/types.h>
#include <heaptap/event.h>

#include "heap/check.h"
#include "heap/freed.h"
#include "heap_fixture.h"

enum { LIBC = 1, PROGRAM = 2 };

/* Stacks: allocations by malloc 1 and 2, new 3, new[] 4; frees by free 11 and 12, delete 13. */
enum { MALLOC = 1, MALLOC_2, NEW, NEW_ARRAY, FREE = 11, FREE_2, DELETE, LIBC_ONLY = 20 };

static void add_stack(struct fixture *f, uint64_t hash, uint8_t families)
{
	const struct heap_frame frames[] = {
		{.address = 0x1000 + hash, .file = LIBC},
		{.address = 0x2000 + hash, .file = PROGRAM},
		{.address = 0x3000, .file = LIBC},
	};
	bool is_of_program = hash != LIBC_ONLY;

	assert_int_equal(heap__add_stack(f->heap, f->process, hash, is_of_program ? frames : &frames[2],
				 is_of_program ? 3 : 1, STACK_END_ROOT),
		0);
	process__set_families(f->process, hash, families);
}

static int set_up_checks(void **state)
{
	struct fixture *f;

	if (set_up(state))
		return -1;
	f = *state;
	process__info(f->process)->from_birth = true;
	add_stack(f, MALLOC, FAMILY_MALLOC);
	add_stack(f, MALLOC_2, FAMILY_MALLOC);
	add_stack(f, NEW, FAMILY_NEW);
	add_stack(f, NEW_ARRAY, FAMILY_NEW_ARRAY);
	add_stack(f, FREE, FAMILY_MALLOC);
	add_stack(f, FREE_2, FAMILY_MALLOC);
	add_stack(f, DELETE, FAMILY_NEW);
	add_stack(f, LIBC_ONLY, FAMILY_MALLOC);
	return process__start_checks(f->process, 0);
}

static void alloc_at(struct process *process, uint64_t addr, uint64_t stack, uint64_t time_ns)
{
	assert_int_equal(process__alloc(process, addr, 100, stack, time_ns, MAIN_TID), 0);
}

static void alloc(struct process *process, uint64_t addr, uint64_t stack)
{
	alloc_at(process, addr, stack, SEC);
}

/* As the collector does. */
static void release_by(struct process *process, uint64_t addr, uint64_t stack, pid_t tid)
{
	if (process__check_free(process, addr, stack, tid) == CHECK_UNKNOWN)
		process__add_invalid_free(process, addr, stack);
	process__release(process, addr, false, tid);
}

static void release(struct process *process, uint64_t addr, uint64_t stack)
{
	release_by(process, addr, stack, MAIN_TID);
}

static void assert_stacks(
	const struct finding *finding, uint64_t free_hash, uint64_t first_hash, uint64_t alloc_hash)
{
	const uint64_t hashes[FINDING_STACK_CNT] = {free_hash, first_hash, alloc_hash};

	for (size_t i = 0; i < FINDING_STACK_CNT; i++)
		assert_int_equal(finding->stacks[i] ? finding->stacks[i]->hash : 0, hashes[i]);
}

static struct finding only_finding(struct process *process)
{
	assert_int_equal(process__finding_cnt(process), 1);
	return process__finding(process, 0);
}

/* ---- double frees ---- */

static void right_frees_are_no_findings(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	for (int i = 0; i < 3; i++) {
		alloc(process, 0x1000, MALLOC);
		release(process, 0x1000, FREE);
		alloc(process, 0x1000, NEW);
		release(process, 0x1000, DELETE);
	}
	assert_int_equal(process__finding_cnt(process), 0);
}

static void a_double_free_has_three_stacks(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct finding finding;

	alloc(process, 0x1000, MALLOC);
	release(process, 0x1000, FREE);
	release(process, 0x1000, FREE_2);
	finding = only_finding(process);
	assert_int_equal(finding.kind, FINDING_DOUBLE_FREE);
	assert_int_equal(finding.addr, 0x1000);
	assert_int_equal(finding.size, 100);
	assert_int_equal(finding.count, 1);
	assert_stacks(&finding, FREE_2, FREE, MALLOC);
	assert_int_equal(process__anomalies(process)->unmatched_frees, 1);
}

static void the_same_stacks_are_one_finding(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	for (uint64_t i = 1; i <= 5; i++) {
		alloc(process, 0x1000 * i, MALLOC);
		release(process, 0x1000 * i, FREE);
		release(process, 0x1000 * i, FREE);
	}
	assert_int_equal(only_finding(process).count, 5);
	alloc(process, 0x9000, MALLOC_2);
	release(process, 0x9000, FREE);
	release(process, 0x9000, FREE);
	assert_int_equal(process__finding_cnt(process), 2);
	assert_int_equal(process__finding(process, 1).count, 1);
}

static void an_address_that_is_given_out_again_may_be_freed_again(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, MALLOC);
	release(process, 0x1000, FREE);
	alloc(process, 0x1000, MALLOC_2);
	release(process, 0x1000, FREE_2);
	assert_int_equal(process__finding_cnt(process), 0);
}

static void a_block_that_realloc_moved_is_freed(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, MALLOC);
	assert_int_equal(process__check_free(process, 0x1000, FREE, MAIN_TID), CHECK_DONE);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_done(process, MAIN_TID);
	alloc(process, 0x2000, MALLOC_2);
	release(process, 0x1000, FREE_2);
	assert_int_equal(only_finding(process).kind, FINDING_DOUBLE_FREE);
}

static void a_block_that_a_failed_realloc_kept_is_not_freed(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, MALLOC);
	assert_int_equal(process__check_free(process, 0x1000, FREE, MAIN_TID), CHECK_DONE);
	process__realloc_begin(process, 0x1000, MAIN_TID);
	process__realloc_failed(process, MAIN_TID);
	release(process, 0x1000, FREE_2);
	assert_int_equal(process__finding_cnt(process), 0);
}

static void a_threads_cache_is_freed_by_the_c_library(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc(process, 0x1000, MALLOC);
	release_by(process, 0x1000, FREE, OTHER_TID);
	release_by(process, 0x1000, LIBC_ONLY, OTHER_TID);
	assert_int_equal(process__finding_cnt(process), 0);
	/* the first thread has no such end, and the program's own frees are no such ones */
	release_by(process, 0x1000, LIBC_ONLY, MAIN_TID);
	release_by(process, 0x1000, FREE, OTHER_TID);
	assert_int_equal(process__finding_cnt(process), 2);
}

/* ---- invalid frees ---- */

static void an_address_that_was_never_given_out(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct finding finding;

	alloc(process, 0x1000, MALLOC);
	release(process, 0x5000, FREE);
	finding = only_finding(process);
	assert_int_equal(finding.kind, FINDING_INVALID_FREE);
	assert_stacks(&finding, FREE, 0, 0);
	release(process, 0x6000, FREE);
	assert_int_equal(only_finding(process).count, 2);
	assert_int_equal(only_finding(process).addr, 0x5000);
}

static void an_address_inside_a_block_names_the_block(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct finding finding;

	alloc(process, 0x1000, MALLOC);
	alloc(process, 0x2000, MALLOC_2);
	release(process, 0x2000 + 99, FREE);
	finding = only_finding(process);
	assert_int_equal(finding.offset, 99);
	assert_int_equal(finding.size, 100);
	assert_stacks(&finding, FREE, 0, MALLOC_2);
	release(process, 0x2000 + 100, FREE_2);
	assert_null(process__finding(process, 1).stacks[FINDING_STACK_ALLOCATION]);
}

static void without_its_birth_unknown_addresses_prove_nothing(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	process__info(process)->from_birth = false;
	release(process, 0x5000, FREE);
	assert_int_equal(process__finding_cnt(process), 0);
	alloc(process, 0x1000, MALLOC);
	release(process, 0x1000, FREE);
	release(process, 0x1000, FREE);
	assert_int_equal(only_finding(process).kind, FINDING_DOUBLE_FREE);
}

/* ---- mismatches ---- */

static void each_family_is_freed_by_its_own(void **state)
{
	static const uint8_t families[] = {FAMILY_MALLOC, FAMILY_NEW, FAMILY_NEW_ARRAY,
		FAMILY_NEW_ALIGNED, FAMILY_NEW_ARRAY_ALIGNED};
	enum { CNT = sizeof(families) };
	struct fixture *f = *state;
	size_t wanted = 0;

	for (uint64_t i = 0; i < CNT; i++) {
		add_stack(f, 100 + i, families[i]);
		add_stack(f, 200 + i, families[i]);
	}
	for (uint64_t from = 0; from < CNT; from++) {
		for (uint64_t by = 0; by < CNT; by++) {
			alloc(f->process, 0x1000, 100 + from);
			release(f->process, 0x1000, 200 + by);
			wanted += from != by;
			assert_int_equal(process__finding_cnt(f->process), wanted);
		}
	}
}

static void a_mismatch_has_two_stacks_and_frees_all_the_same(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	struct finding finding;

	alloc(process, 0x1000, NEW_ARRAY);
	release(process, 0x1000, DELETE);
	finding = only_finding(process);
	assert_int_equal(finding.kind, FINDING_MISMATCHED_FREE);
	assert_int_equal(finding.size, 100);
	assert_stacks(&finding, DELETE, 0, NEW_ARRAY);
	assert_int_equal(process__totals(process)->outstanding_blocks, 0);
	release(process, 0x1000, DELETE);
	assert_int_equal(process__finding(process, 1).kind, FINDING_DOUBLE_FREE);
}

static void one_code_for_several_families_goes_with_each(void **state)
{
	struct fixture *f = *state;

	add_stack(f, 200, FAMILY_MALLOC | FAMILY_NEW | FAMILY_NEW_ARRAY);
	add_stack(f, 201, 0); /* lost */
	for (uint64_t by = 200; by <= 201; by++) {
		for (uint64_t from = MALLOC; from <= NEW_ARRAY; from++) {
			alloc(f->process, 0x1000, from);
			release(f->process, 0x1000, by);
		}
	}
	assert_int_equal(process__finding_cnt(f->process), 0);
	add_stack(f, 100, FAMILY_NEW_ALIGNED);
	alloc(f->process, 0x1000, 100);
	release(f->process, 0x1000, 200);
	assert_int_equal(only_finding(f->process).kind, FINDING_MISMATCHED_FREE);
}

static void blocks_from_before_all_names_were_known_match(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;

	alloc_at(process, 0x1000, MALLOC, 1 * SEC);
	alloc_at(process, 0x2000, MALLOC, 3 * SEC);
	assert_int_equal(process__start_checks(process, 2 * SEC), 0);
	assert_int_equal(process__start_checks(process, 1), 0); /* the latest holds */
	release(process, 0x1000, DELETE);
	assert_int_equal(process__finding_cnt(process), 0);
	release(process, 0x2000, DELETE);
	assert_int_equal(process__finding_cnt(process), 1);
}

/* ---- bounds, and a process's life ---- */

static void findings_are_bounded(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < FINDINGS_MAX + 10; i++) {
		add_stack(f, 1000 + i, FAMILY_MALLOC);
		release(f->process, 0x5000, 1000 + i);
	}
	release(f->process, 0x5000, 1000);
	assert_int_equal(process__finding_cnt(f->process), FINDINGS_MAX);
	assert_int_equal(process__findings_left_out(f->process), 10);
	assert_int_equal(process__finding(f->process, 0).count, 2);
}

static void freed_blocks_are_bounded(void **state)
{
	struct process *process = ((struct fixture *)*state)->process;
	size_t memory;

	for (uint64_t i = 1; i <= 2 * FREED_BLOCKS_MAX; i++) {
		alloc(process, 0x1000 * i, MALLOC);
		release(process, 0x1000 * i, FREE);
	}
	memory = process__memory(process);
	for (uint64_t i = 1; i <= 4 * FREED_BLOCKS_MAX; i++) {
		alloc(process, 0x1000 * i, MALLOC);
		release(process, 0x1000 * i, FREE);
	}
	assert_int_equal(process__memory(process), memory);
	assert_true(memory < 8 << 20);
	release(process, 0x1000ULL * 4 * FREED_BLOCKS_MAX, FREE);
	assert_int_equal(process__finding(process, 0).kind, FINDING_DOUBLE_FREE);
	release(process, 0x1000, FREE); /* too long ago */
	assert_int_equal(process__finding(process, 1).kind, FINDING_INVALID_FREE);
}

static void a_child_knows_what_its_parent_freed(void **state)
{
	struct fixture *f = *state;
	struct process *child;

	alloc(f->process, 0x1000, MALLOC);
	alloc(f->process, 0x2000, MALLOC);
	release(f->process, 0x1000, FREE);
	release(f->process, 0x1000, FREE);
	child = heap__fork(f->heap, f->process, 200, 8);
	assert_int_equal(process__finding_cnt(child), 0);
	release_by(child, 0x1000, FREE_2, 200);
	release_by(child, 0x2000, DELETE, 200);
	assert_int_equal(process__finding_cnt(child), 2);
	assert_int_equal(process__finding(child, 0).kind, FINDING_DOUBLE_FREE);
	assert_int_equal(process__finding(child, 1).kind, FINDING_MISMATCHED_FREE);
	assert_int_equal(process__finding_cnt(f->process), 1);
}

static void without_checks_there_are_no_findings(void **state)
{
	struct fixture *f = *state;
	struct process *process = heap__begin(f->heap, 300, 9);

	process__info(process)->from_birth = true;
	release_by(process, 0x1000, FREE, 300);
	assert_int_equal(process__finding_cnt(process), 0);
	assert_int_equal(process__findings_left_out(process), 0);
}

/* ---- the table ---- */

static void a_removed_block_is_not_found(void **state)
{
	struct freed_blocks freed, copy;

	(void)state;
	freed_blocks__init(&freed, 12345);
	assert_null(freed_blocks__find(&freed, 1));
	freed_blocks__remove(&freed, 1);
	for (uint64_t addr = 1; addr <= 1000; addr++)
		freed_blocks__put(&freed, &(struct freed_block){.addr = addr, .size = 2 * addr});
	for (uint64_t addr = 1; addr <= 1000; addr += 2)
		freed_blocks__remove(&freed, addr);
	assert_int_equal(freed_blocks__copy(&freed, &copy), 0);
	freed_blocks__destroy(&freed);
	for (uint64_t addr = 1; addr <= 1000; addr++) {
		const struct freed_block *block = freed_blocks__find(&copy, addr);

		assert_int_equal(block ? block->size : 0, addr % 2 ? 0 : 2 * addr);
	}
	freed_blocks__destroy(&copy);
	assert_int_equal(freed_blocks__memory(&copy), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_checks, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_frees_are_no_findings),
		TEST(a_double_free_has_three_stacks),
		TEST(the_same_stacks_are_one_finding),
		TEST(an_address_that_is_given_out_again_may_be_freed_again),
		TEST(a_block_that_realloc_moved_is_freed),
		TEST(a_block_that_a_failed_realloc_kept_is_not_freed),
		TEST(a_threads_cache_is_freed_by_the_c_library),
		TEST(an_address_that_was_never_given_out),
		TEST(an_address_inside_a_block_names_the_block),
		TEST(without_its_birth_unknown_addresses_prove_nothing),
		TEST(each_family_is_freed_by_its_own),
		TEST(a_mismatch_has_two_stacks_and_frees_all_the_same),
		TEST(one_code_for_several_families_goes_with_each),
		TEST(blocks_from_before_all_names_were_known_match),
		TEST(findings_are_bounded),
		TEST(freed_blocks_are_bounded),
		TEST(a_child_knows_what_its_parent_freed),
		TEST(without_checks_there_are_no_findings),
		cmocka_unit_test(a_removed_block_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
