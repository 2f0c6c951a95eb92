/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Regions through all their kinds: what was in them stays, what is new is zero. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "heap/region.h"

static void assert_filled(const unsigned char *region, size_t first, size_t end, int byte)
{
	for (size_t i = first; i < end; i++)
		assert_int_equal(region[i], byte);
}

/* Sizes on both sides of where a region becomes a mapping, and amid pages. */
static void kept_bytes_stay_and_new_ones_are_zero(void **state)
{
	static const size_t szs[] = {1, 1000, 100000, 200001, 1000001, 200001, 700003, 150001,
		150007, 500, 3000000, 131072, 131071, 10};
	unsigned char *region = NULL;
	size_t old_sz = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(szs) / sizeof(*szs); i++) {
		size_t kept = old_sz < szs[i] ? old_sz : szs[i];

		region = region__resize(region, old_sz, szs[i]);
		assert_non_null(region);
		assert_filled(region, 0, kept, 0xa5);
		assert_filled(region, kept, szs[i], 0);
		memset(region, 0xa5, szs[i]);
		old_sz = szs[i];
	}
	region__free(region, old_sz);
}

static void memory_is_counted_in_pages_for_mappings(void **state)
{
	(void)state;
	assert_int_equal(region__memory(1000), 1000);
	assert_int_equal(region__memory(1 << 20), 1 << 20);
	assert_true(region__memory((1 << 20) + 1) > (1 << 20) + 1);
	region__free(NULL, 0);
}

static void a_region_that_cannot_grow_is_as_it_was(void **state)
{
	unsigned char *region = region__resize(NULL, 0, 200000);

	(void)state;
	assert_non_null(region);
	memset(region, 0x5a, 200000);
	assert_null(region__resize(region, 200000, SIZE_MAX / 4));
	assert_filled(region, 0, 200000, 0x5a);
	region__free(region, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_bytes_stay_and_new_ones_are_zero),
		cmocka_unit_test(memory_is_counted_in_pages_for_mappings),
		cmocka_unit_test(a_region_that_cannot_grow_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
