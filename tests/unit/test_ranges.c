/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ranges against the plainest model of an address space: an array with the number of the range that
 * each page belongs to, 0 for none. A range is a run of pages with one number.
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

#include "heap/ranges.h"
#include "random_seed.h"

#define PAGE 4096ULL
#define BASE 0x7f0000000000ULL
#define PAGE_CNT 300
#define ROUNDS 60000

struct fixture {
	struct ranges ranges;
	uint64_t numbers[PAGE_CNT]; /* the model */
	uint64_t last_number;
};

static uint64_t address(size_t page)
{
	return BASE + page * PAGE;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	ranges__init(&f->ranges, 0x123456789abcdefULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ranges__destroy(&f->ranges);
	free(f);
	return 0;
}

/* The ranges are the runs of the model, in order, and nothing else. */
static void assert_runs(const struct ranges *ranges, const uint64_t *numbers)
{
	const struct range *range = ranges__beyond(ranges, 0);
	size_t page = 0, end;

	for (; page < PAGE_CNT; page = end) {
		for (end = page + 1; end < PAGE_CNT && numbers[end] == numbers[page]; end++)
			;
		if (!numbers[page])
			continue;
		assert_non_null(range);
		assert_int_equal(range->addr, address(page));
		assert_int_equal(range->end, address(end));
		assert_int_equal(range->number, numbers[page]);
		range = ranges__beyond(ranges, range->end);
	}
	assert_null(range);
}

static bool is_free(const struct fixture *f, size_t from, size_t to)
{
	while (from < to)
		if (f->numbers[from++])
			return false;
	return true;
}

static void add(struct fixture *f, size_t from, size_t to)
{
	struct range range = {
		.addr = address(from), .end = address(to), .number = ++f->last_number};

	assert_non_null(ranges__add(&f->ranges, &range));
	for (size_t page = from; page < to; page++)
		f->numbers[page] = range.number;
}

/* Takes [from, to) out of both: the model's part goes into `numbers`. */
static struct ranges take(struct fixture *f, size_t from, size_t to, uint64_t *numbers)
{
	struct range *part;

	assert_int_equal(ranges__cut(&f->ranges, address(from), &part), 0);
	assert_true(!part || part->addr == address(from));
	assert_int_equal(ranges__cut(&f->ranges, address(to), &part), 0);
	assert_true(!part || part->addr == address(to));
	memset(numbers, 0, PAGE_CNT * sizeof(*numbers));
	memcpy(numbers + from, f->numbers + from, (to - from) * sizeof(*numbers));
	memset(f->numbers + from, 0, (to - from) * sizeof(*numbers));
	return ranges__take(&f->ranges, address(from), address(to));
}

static void put_back(struct fixture *f, struct ranges *taken, const uint64_t *numbers)
{
	struct range *range;
	uint64_t last = 0;

	while ((range = ranges__pop(taken))) {
		uint64_t addr = range->addr, end = range->end;

		assert_true(addr >= last); /* the lowest first */
		last = end;
		ranges__put(&f->ranges, range);
		ranges__glue(&f->ranges, addr);
		ranges__glue(&f->ranges, end);
	}
	for (size_t page = 0; page < PAGE_CNT; page++)
		f->numbers[page] |= numbers[page];
}

/* ---- the tests ---- */

static void no_ranges_are_none(void **state)
{
	struct fixture *f = *state;
	struct range *part;

	assert_null(ranges__beyond(&f->ranges, 0));
	assert_null(ranges__pop(&f->ranges));
	assert_null(ranges__glue(&f->ranges, BASE));
	assert_int_equal(ranges__cut(&f->ranges, BASE, &part), 0);
	assert_null(part);
	assert_null(ranges__take(&f->ranges, 0, UINT64_MAX).root);
}

static void a_range_is_found_up_to_its_end(void **state)
{
	struct fixture *f = *state;

	add(f, 2, 4);
	assert_int_equal(ranges__beyond(&f->ranges, 0)->addr, address(2));
	assert_int_equal(ranges__beyond(&f->ranges, address(3))->addr, address(2));
	assert_int_equal(ranges__beyond(&f->ranges, address(4) - 1)->addr, address(2));
	assert_null(ranges__beyond(&f->ranges, address(4)));
}

static void ranges_of_different_numbers_are_not_glued(void **state)
{
	struct fixture *f = *state;

	add(f, 0, 2);
	add(f, 2, 3);
	assert_null(ranges__glue(&f->ranges, address(2)));
	assert_runs(&f->ranges, f->numbers);
}

static void a_cut_range_is_glued(void **state)
{
	struct fixture *f = *state;
	struct range *part;

	add(f, 0, 9);
	assert_int_equal(ranges__cut(&f->ranges, address(4), &part), 0);
	assert_int_equal(part->end, address(9));
	assert_null(ranges__glue(&f->ranges, address(5)));
	assert_int_equal(ranges__glue(&f->ranges, address(4))->end, address(9));
	assert_runs(&f->ranges, f->numbers);
}

static void a_million_in_falling_order_take_no_time(void **state)
{
	struct fixture *f = *state;
	struct ranges taken;
	size_t cnt = 0;

	for (uint64_t i = 1000000; i; i--) {
		struct range range = {.addr = i * 2 * PAGE, .end = i * 2 * PAGE + PAGE};

		assert_non_null(ranges__add(&f->ranges, &range));
	}
	taken = ranges__take(&f->ranges, 0, 1000001 * PAGE);
	for (struct range *range; (range = ranges__pop(&taken)); cnt++)
		free(range);
	assert_int_equal(cnt, 500000);
	assert_int_equal(ranges__beyond(&f->ranges, 0)->addr, 1000002 * PAGE);
}

static void random_round(struct fixture *f, uint64_t *random)
{
	size_t from = random__next(random) % PAGE_CNT;
	size_t to = from + 1 + random__next(random) % (random__next(random) % 4 ? 6 : 60);
	uint64_t numbers[PAGE_CNT];
	struct ranges taken, copy;

	if (to > PAGE_CNT)
		to = PAGE_CNT;
	if (is_free(f, from, to)) {
		add(f, from, to);
		return;
	}
	taken = take(f, from, to, numbers);
	assert_runs(&f->ranges, f->numbers);
	ranges__init(&copy, random__next(random));
	assert_int_equal(ranges__copy(&taken, &copy), 0);
	assert_runs(&copy, numbers);
	if (random__next(random) % 2)
		put_back(f, &taken, numbers);
	ranges__destroy(&taken);
	ranges__destroy(&copy);
}

static void random_cuts_are_as_in_the_model(void **state)
{
	struct fixture *f = *state;
	uint64_t random = random__seed();

	for (size_t i = 0; i < ROUNDS; i++) {
		random_round(f, &random);
		assert_runs(&f->ranges, f->numbers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_ranges_are_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_range_is_found_up_to_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			ranges_of_different_numbers_are_not_glued, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cut_range_is_glued, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_million_in_falling_order_take_no_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_cuts_are_as_in_the_model, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
