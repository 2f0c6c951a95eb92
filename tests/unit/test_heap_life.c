/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The books, by scenario: processes, from birth or fork to their end, and who shares memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "heap/heap.h"
#include "heap_blocks.h"

/* ---- birth and end ---- */

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

/* ---- fork ---- */

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

/* ---- shared memory: vfork ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(processes_are_found_by_tgid_and_image),
		SCENARIO(processes_come_in_order_of_birth),
		SCENARIO(exit_says_how),
		SCENARIO(a_forks_totals_begin_with_its_blocks),
		SCENARIO(parent_and_child_part_at_fork),
		SCENARIO(a_forks_blocks_keep_their_age_and_number),
		SCENARIO(a_fork_in_another_threads_realloc_has_its_block),
		SCENARIO(a_fork_inherits_what_the_process_is),
		SCENARIO(a_vfork_child_writes_its_parents_books),
		SCENARIO(vfork_children_of_vfork_children_share_too),
		SCENARIO(unshare_of_what_is_not_shared_is_nothing),
		SCENARIO(a_vfork_child_that_dies_in_realloc_leaves_the_block),
		SCENARIO(who_outlives_the_process_whose_memory_it_shares_inherits_the_books),
		SCENARIO(forgetting_a_process_forgets_who_shared_it),
		SCENARIO(short_lived_processes_take_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
