/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "Did you mean …?" */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "util/suggest.h"

static const char *of(const char *wanted, const char *const *words)
{
	struct suggestion suggestion = suggestion__of(wanted);

	while (*words)
		suggestion__try(&suggestion, *words++);
	return suggestion.best;
}

static void the_nearest_word_is_suggested(void **state)
{
	static const char *const words[] = {
		"alloc", "calloc", "realloc", "free", "arena_alloc", NULL};

	(void)state;
	assert_string_equal(of("aloc", words), "alloc");
	assert_string_equal(of("callloc", words), "calloc");
	assert_string_equal(of("fere", words), "free");
	assert_string_equal(of("relaloc", words), "realloc");
	assert_string_equal(of("arena-alloc", words), "arena_alloc");
	assert_string_equal(of("free", words), "free");
}

static void what_is_far_is_not_suggested(void **state)
{
	static const char *const words[] = {"alloc", "free", "", NULL};

	(void)state;
	assert_null(of("zzzzz", words));
	assert_null(of("x", words));
	assert_null(of("allocallocalloc", words));
}

static void long_words_are_compared_as_far_as_they_are(void **state)
{
	char a[300], b[300];
	const char *const words[] = {b, NULL};

	(void)state;
	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'a', sizeof(b) - 1);
	a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
	b[3] = 'b';
	assert_ptr_equal(of(a, words), b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word_is_suggested),
		cmocka_unit_test(what_is_far_is_not_suggested),
		cmocka_unit_test(long_words_are_compared_as_far_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
