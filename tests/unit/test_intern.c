/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of distinct bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "util/intern.h"

static void equal_bytes_have_one_number(void **state)
{
	struct intern table = {0};

	(void)state;
	assert_int_equal(intern__add(&table, "main", 4), 0);
	assert_int_equal(intern__add(&table, "malloc", 6), 1);
	assert_int_equal(intern__add(&table, "main", 4), 0);
	assert_int_equal(intern__add(&table, "main", 5), 2); /* with its NUL: something else */
	assert_int_equal(intern__add(&table, "", 0), 3);
	assert_int_equal(intern__add(&table, NULL, 0), 3);
	assert_int_equal(table.entry_cnt, 4);
	assert_false(table.failed);
	intern__destroy(&table);
}

static void numbers_lead_back_to_the_bytes(void **state)
{
	struct intern table = {0};
	char text[32];
	size_t sz;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "name %u", i);
		assert_int_equal(intern__add(&table, text, strlen(text)), i);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		const char *bytes = intern__get(&table, i, &sz);

		snprintf(text, sizeof(text), "name %u", i);
		assert_int_equal(sz, strlen(text));
		assert_memory_equal(bytes, text, sz);
		assert_int_equal(intern__add(&table, text, sz), i);
	}
	intern__destroy(&table);
}

static void asking_adds_nothing(void **state)
{
	struct intern table = {0};

	(void)state;
	assert_false(intern__has(&table, "a", 1));
	intern__add(&table, "b", 1);
	assert_false(intern__has(&table, "a", 1));
	assert_true(intern__has(&table, "b", 1));
	assert_int_equal(table.entry_cnt, 1);
	intern__destroy(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_bytes_have_one_number),
		cmocka_unit_test(numbers_lead_back_to_the_bytes),
		cmocka_unit_test(asking_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
