/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words of the text form that no sample comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "report/sections.h"

static void a_share_is_never_rounded_to_none_nor_to_all(void **state)
{
	static const struct {
		uint64_t part, whole;
		const char *words;
	} rows[] = {
		{0, 7, "0.0 %"},
		{1, 7, "14.3 %"},
		{7, 7, "100.0 %"},
		{1, 10000, "<0.1 %"},
		{9999, 10000, ">99.9 %"},
		{9994, 10000, "99.9 %"},
		{UINT64_MAX - 1, UINT64_MAX, ">99.9 %"},
		{UINT64_MAX, UINT64_MAX, "100.0 %"},
		{0, 0, "-"},
		{8, 7, "-"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(
			words__share(buf, sizeof(buf), rows[i].part, rows[i].whole), rows[i].words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_is_never_rounded_to_none_nor_to_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
