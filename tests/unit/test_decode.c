/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Records of mapped memory, arenas and points that are not what they promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collect/decode.h"

static const struct map_event good_map = {
	.event.kind = EVENT_MAP, .addr = 0x7f0000000000, .size = 4096, .kind = RANGE_BREAK};
static const struct unmap_event good_unmap = {
	.event.kind = EVENT_UNMAP, .addr = 0x7f0000000000, .size = 4096, .step = UNMAP_FAILED};

static bool takes_map(struct map_event record)
{
	return decode__event(&record, sizeof(record)) == &record.event;
}

static bool takes_unmap(struct unmap_event record)
{
	return decode__event(&record, sizeof(record)) == &record.event;
}

static void whole_records_are_taken(void **state)
{
	assert_true(takes_map(good_map));
	assert_true(takes_unmap(good_unmap));
}

static void short_records_are_not(void **state)
{
	for (size_t sz = 0; sz < sizeof(good_map); sz++)
		assert_null(decode__event(&good_map, sz));
	for (size_t sz = 0; sz < sizeof(good_unmap); sz++)
		assert_null(decode__event(&good_unmap, sz));
}

static void kinds_without_records_are_not(void **state)
{
	struct map_event record = good_map;

	for (unsigned int kind = EVENT_ARENA_ALLOC + 1; kind < 256; kind++) {
		if (kind == EVENT_POINT)
			continue;
		record.event.kind = kind;
		assert_false(takes_map(record));
	}
	record.event.kind = 0;
	assert_false(takes_map(record));
}

static void ranges_end_in_the_address_space(void **state)
{
	struct map_event map = good_map;
	struct unmap_event unmap = good_unmap;

	map.addr = unmap.addr = UINT64_MAX - 4095;
	assert_false(takes_map(map)); /* its end would be 0 */
	assert_false(takes_unmap(unmap));
	map.addr--;
	unmap.addr--;
	assert_true(takes_map(map));
	assert_true(takes_unmap(unmap));
	map.size = unmap.size = UINT64_MAX;
	assert_false(takes_map(map));
	assert_false(takes_unmap(unmap));
}

static void ranges_are_not_empty(void **state)
{
	struct map_event map = good_map;
	struct unmap_event unmap = good_unmap;

	map.size = unmap.size = 0;
	assert_false(takes_map(map));
	assert_false(takes_unmap(unmap));
	map = good_map;
	unmap = good_unmap;
	map.addr = unmap.addr = 0;
	assert_false(takes_map(map));
	assert_false(takes_unmap(unmap));
}

static void enumerators_are_known(void **state)
{
	struct map_event map = good_map;
	struct unmap_event unmap = good_unmap;

	map.kind = RANGE_KIND_CNT;
	unmap.step = UNMAP_STEP_CNT;
	assert_false(takes_map(map));
	assert_false(takes_unmap(unmap));
}

static void arenas_have_an_address_and_a_known_operation(void **state)
{
	struct arena_event good = {.event.kind = EVENT_ARENA, .arena = 1, .op = ARENA_MOVED};
	struct arena_event bad = good;

	assert_ptr_equal(decode__event(&good, sizeof(good)), &good.event);
	assert_null(decode__event(&good, sizeof(good) - 1));
	bad.op = ARENA_MOVED + 1;
	assert_null(decode__event(&bad, sizeof(bad)));
	bad.op = 0;
	assert_null(decode__event(&bad, sizeof(bad)));
	bad = good;
	bad.arena = 0;
	assert_null(decode__event(&bad, sizeof(bad)));
	bad.event.kind = EVENT_ARENA_ALLOC;
	assert_ptr_equal(decode__event(&bad, sizeof(struct arena_alloc_event)), &bad.event);
	assert_null(decode__event(&bad, sizeof(struct arena_alloc_event) - 1));
}

static void points_are_whole_and_of_a_known_kind(void **state)
{
	static const __u32 known[] = {POINT_STOP, POINT_CHECKPOINT, POINT_SECTION_ENTER,
		POINT_SECTION_RETURN, POINT_JUDGE, POINT_EXIT};
	struct point_event record = {.event.kind = EVENT_POINT};
	size_t taken_cnt = 0;

	for (record.point = 0; record.point < 32; record.point++)
		taken_cnt += decode__event(&record, sizeof(record)) != NULL;
	assert_int_equal(taken_cnt, sizeof(known) / sizeof(*known));
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		record.point = known[i];
		assert_ptr_equal(decode__event(&record, sizeof(record)), &record.event);
		assert_ptr_equal(decode__event(&record, sizeof(record) + 8), &record.event);
		for (size_t sz = 0; sz < sizeof(record); sz++)
			assert_null(decode__event(&record, sz));
	}
	record.point = UINT32_MAX;
	assert_null(decode__event(&record, sizeof(record)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_records_are_taken),
		cmocka_unit_test(short_records_are_not),
		cmocka_unit_test(kinds_without_records_are_not),
		cmocka_unit_test(ranges_end_in_the_address_space),
		cmocka_unit_test(ranges_are_not_empty),
		cmocka_unit_test(enumerators_are_known),
		cmocka_unit_test(arenas_have_an_address_and_a_known_operation),
		cmocka_unit_test(points_are_whole_and_of_a_known_kind),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
