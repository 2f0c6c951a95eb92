/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books of mapped memory in random runs of what threads can do, against an array of pages, each
 * with the mapping, the stack and the kind that it belongs to. All totals are added up anew from
 * the pages.
 *
 * HEAPTAP_TEST_SEED repeats a run; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "heap/heap.h"
#include "mapped_pages.h"
#include "random_seed.h"

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
	const struct CMUnitTest tests[] = {
		SCENARIO(random_threads_are_as_in_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
