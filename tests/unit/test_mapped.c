/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books of mapped memory, by scenario; and at the end random runs of what threads can do,
 * against an array of pages, each with the mapping, the stack and the kind that it belongs to. All
 * totals are added up anew from the pages.
 *
 * HEAPTAP_TEST_SEED repeats a run; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "heap/heap.h"
#include "heap_fixture.h"
#include "random_seed.h"

#define PAGE 4096ULL
#define BASE 0x7f0000000000ULL
#define SEC 1000000000ULL
#define STACK 77
#define OTHER_STACK 78

static uint64_t at(size_t page)
{
	return BASE + page * PAGE;
}

static struct mapping mapping_of(size_t page, size_t page_cnt, uint64_t stack)
{
	return (struct mapping){
		.addr = at(page), .size = page_cnt * PAGE, .stack_hash = stack, .time_ns = SEC};
}

static void map(struct process *process, size_t page, size_t page_cnt, uint64_t stack)
{
	struct mapping mapping = mapping_of(page, page_cnt, stack);

	assert_int_equal(process__map(process, &mapping, MAIN_TID), 0);
}

static void unmap_begin(struct process *process, size_t page, size_t page_cnt, pid_t tid)
{
	assert_int_equal(process__unmap_begin(process, at(page), page_cnt * PAGE, tid), 0);
}

static void unmap(struct process *process, size_t page, size_t page_cnt)
{
	unmap_begin(process, page, page_cnt, MAIN_TID);
	process__unmap_done(process, MAIN_TID);
}

static void assert_outstanding(const struct process *process, uint64_t ranges, uint64_t pages)
{
	assert_int_equal(process__mapped(process)->outstanding_ranges, ranges);
	assert_int_equal(process__mapped(process)->outstanding_bytes, pages * PAGE);
}

static void assert_counted(const struct process *process, uint64_t maps, uint64_t unmaps)
{
	assert_int_equal(process__mapped(process)->maps, maps);
	assert_int_equal(process__mapped(process)->unmaps, unmaps);
}

/* The site of the hash, all zero if there is none. */
static struct snapshot_site site_at(
	const struct process *process, uint64_t hash, uint64_t min_age_ns)
{
	struct snapshot_site found = {};
	struct snapshot snapshot;

	assert_int_equal(process__snapshot_mapped(process, 100 * SEC, min_age_ns, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++)
		if (snapshot.sites[i].stack->hash == hash)
			found = snapshot.sites[i];
	snapshot__destroy(&snapshot);
	return found;
}

/* ---- scenarios ---- */

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

/* ---- random runs ---- */

#define PAGE_CNT 200
#define STACK_CNT 5
#define THREAD_CNT 3
#define ROUNDS 20000

struct page {
	uint32_t number; /* of the mapping; 0: none */
	uint8_t stack, kind;
};

struct model {
	struct page pages[PAGE_CNT];
	struct {
		struct page pages[PAGE_CNT]; /* that its unmap has taken out */
		size_t from, to;	     /* of the unmap; to 0: none is under way */
	} threads[THREAD_CNT];
	uint32_t last_number;
	uint64_t maps, unmaps, bytes_mapped, peak;
	uint64_t stack_maps[STACK_CNT];
};

static bool has_pages(const struct page *pages, size_t from, size_t to)
{
	while (from < to)
		if (pages[from++].number)
			return true;
	return false;
}

static bool is_under_way(const struct model *model, size_t from, size_t to)
{
	for (size_t i = 0; i < THREAD_CNT; i++)
		if (from < model->threads[i].to && model->threads[i].from < to)
			return true;
	return false;
}

static void model_map(struct model *model, size_t from, size_t to, uint8_t stack, uint8_t kind)
{
	model->last_number++;
	model->unmaps += has_pages(model->pages, from, to);
	for (size_t i = from; i < to; i++)
		model->pages[i] = (struct page){model->last_number, stack, kind};
	model->maps++;
	model->stack_maps[stack]++;
	model->bytes_mapped += (to - from) * PAGE;
}

/* Ranges and pages of a stack (STACK_CNT: of all). */
static void add_up(
	const struct model *model, uint8_t stack, uint64_t *ret_ranges, uint64_t *ret_pages)
{
	uint32_t last = 0;

	*ret_ranges = *ret_pages = 0;
	for (size_t i = 0; i < PAGE_CNT; i++) {
		const struct page *page = &model->pages[i];
		bool counts = page->number && (stack == STACK_CNT || page->stack == stack);

		*ret_pages += counts;
		*ret_ranges += counts && page->number != last;
		last = page->number;
	}
}

static void assert_as_in_model(const struct process *process, struct model *model)
{
	const struct mapped_totals *totals = process__mapped(process);
	uint64_t ranges, pages, kinds[RANGE_KIND_CNT] = {};

	add_up(model, STACK_CNT, &ranges, &pages);
	assert_outstanding(process, ranges, pages);
	assert_counted(process, model->maps, model->unmaps);
	assert_int_equal(totals->bytes_mapped, model->bytes_mapped);
	assert_int_equal(totals->unseen_unmaps, 0);
	if (pages * PAGE > model->peak)
		model->peak = pages * PAGE;
	assert_int_equal(totals->peak_outstanding_bytes, model->peak);
	for (size_t i = 0; i < PAGE_CNT; i++)
		kinds[model->pages[i].kind] += model->pages[i].number ? PAGE : 0;
	assert_memory_equal(totals->kind_bytes, kinds, sizeof(kinds));
}

static void assert_stacks_as_in_model(const struct process *process, const struct model *model)
{
	for (uint8_t stack = 0; stack < STACK_CNT; stack++) {
		struct snapshot_site site = site_at(process, 1000 + stack, 0);
		uint64_t ranges, pages;

		add_up(model, stack, &ranges, &pages);
		assert_int_equal(site.outstanding_blocks, ranges);
		assert_int_equal(site.outstanding_bytes, pages * PAGE);
		assert_int_equal(site.allocs, model->stack_maps[stack]);
	}
}

static void random_begin(
	struct process *process, struct model *model, size_t thread, size_t from, size_t to)
{
	struct page *kept = model->threads[thread].pages;

	unmap_begin(process, from, to - from, thread + 1);
	memset(kept, 0, sizeof(model->threads[thread].pages));
	memcpy(kept + from, model->pages + from, (to - from) * sizeof(*kept));
	memset(model->pages + from, 0, (to - from) * sizeof(*kept));
	model->unmaps += has_pages(kept, from, to);
	model->threads[thread].from = from;
	model->threads[thread].to = to;
}

/* done: others may have been given the addresses; else they can't have been. */
static void random_end(struct process *process, struct model *model, size_t thread, bool done)
{
	size_t from = model->threads[thread].from, to = model->threads[thread].to;
	const struct page *kept = model->threads[thread].pages;

	done |= has_pages(model->pages, from, to);
	model->threads[thread].to = 0;
	if (done) {
		process__unmap_done(process, thread + 1);
		return;
	}
	process__unmap_failed(process, thread + 1);
	model->unmaps -= has_pages(kept, from, to);
	memcpy(model->pages + from, kept + from, (to - from) * sizeof(*kept));
}

/* mremap's second half, or an mmap. */
static void random_map(
	struct process *process, struct model *model, size_t thread, uint64_t *random, bool moves)
{
	size_t from = random__next(random) % (PAGE_CNT - 40);
	size_t to = from + 1 + random__next(random) % 40;
	uint8_t stack = random__next(random) % STACK_CNT,
		kind = random__next(random) % RANGE_KIND_CNT;
	struct mapping mapping = mapping_of(from, to - from, 1000 + stack);

	mapping.kind = kind;
	mapping.fixed = has_pages(model->pages, from, to);
	if (mapping.fixed && is_under_way(model, from, to))
		return; /* an unmap can fail only of what is there */
	if (moves) {
		const struct page *old = model->threads[thread].pages + model->threads[thread].from;

		if (!old->number)
			return;
		mapping.old_addr = at(model->threads[thread].from);
		kind = old->kind;
	}
	assert_int_equal(process__map(process, &mapping, thread + 1), 0);
	model_map(model, from, to, stack, kind);
}

static void random_round(struct process *process, struct model *model, uint64_t *random)
{
	size_t thread = random__next(random) % THREAD_CNT;
	size_t from = random__next(random) % PAGE_CNT;
	size_t to = from + 1 + random__next(random) % 50;

	if (to > PAGE_CNT)
		to = PAGE_CNT;
	if (model->threads[thread].to) {
		bool moves = random__next(random) % 2;

		if (moves)
			random_map(process, model, thread, random, true);
		random_end(process, model, thread, moves || random__next(random) % 2);
	} else if (random__next(random) % 2) {
		random_map(process, model, thread, random, false);
	} else if (!is_under_way(model, from, to)) {
		random_begin(process, model, thread, from, to);
	}
}

/* Has a page been mapped again that the thread's unmap took out? */
static bool is_reused(const struct model *model, size_t thread)
{
	for (size_t i = 0; i < model->threads[thread].to; i++)
		if (model->threads[thread].pages[i].number && model->pages[i].number)
			return true;
	return false;
}

/* The child's books are the parent's pages, with what is under way, mapped by itself. */
static void assert_fork_as_in_model(struct fixture *f, const struct model *model)
{
	struct process *child = heap__fork(f->heap, f->process, 4711, 1);
	struct model expected = *model;
	uint64_t ranges, pages;

	assert_non_null(child);
	for (size_t thread = 0; thread < THREAD_CNT; thread++)
		for (size_t i = 0; i < model->threads[thread].to && !is_reused(model, thread); i++)
			if (model->threads[thread].pages[i].number)
				expected.pages[i] = model->threads[thread].pages[i];
	add_up(&expected, STACK_CNT, &ranges, &pages);
	expected.maps = ranges;
	expected.unmaps = expected.peak = 0;
	expected.bytes_mapped = pages * PAGE;
	for (uint8_t stack = 0; stack < STACK_CNT; stack++)
		add_up(&expected, stack, &expected.stack_maps[stack], &pages);
	assert_as_in_model(child, &expected);
	assert_stacks_as_in_model(child, &expected);
	assert_false(process__info(child)->incomplete);
	heap__forget(f->heap, child);
}

static void random_threads_are_as_in_the_model(void **state)
{
	struct fixture *f = *state;
	struct model *model = calloc(1, sizeof(*model));
	uint64_t random = random__seed();

	for (size_t i = 0; i < ROUNDS; i++) {
		random_round(f->process, model, &random);
		assert_as_in_model(f->process, model);
		if (i % 16)
			continue;
		assert_stacks_as_in_model(f->process, model);
		assert_fork_as_in_model(f, model);
	}
	assert_false(process__info(f->process)->incomplete);
	free(model);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_range_is_in_the_books_of_its_stack),
		TEST(a_hole_makes_two_of_one),
		TEST(one_unmap_takes_parts_of_several),
		TEST(what_is_not_in_the_books_is_no_unmap),
		TEST(an_unmap_that_fails_was_none),
		TEST(addresses_may_be_given_out_before_the_unmap_returns),
		TEST(a_fixed_mapping_replaces_what_is_there),
		TEST(a_mapping_where_one_is_shows_an_unseen_unmap),
		TEST(a_moved_range_is_its_movers_and_of_the_same_kind),
		TEST(a_duplicated_range_is_of_the_same_kind),
		TEST(the_break_moves_by_bytes),
		TEST(a_fork_copies_what_is_mapped),
		TEST(a_vforked_child_maps_for_its_parent),
		TEST(what_is_under_way_at_the_end_is_put_back),
		TEST(what_is_under_way_at_the_end_is_done_if_others_have_the_addresses),
		TEST(an_unmap_whose_end_was_lost_is_one),
		TEST(a_failed_unmap_leaves_younger_ranges_alone),
		TEST(young_ranges_do_not_count_as_old),
		TEST(growth_is_counted_from_the_mark),
		TEST(random_threads_are_as_in_the_model),
	};

	return cmocka_run_group_tests_name("mapped", tests, NULL, NULL);
}
