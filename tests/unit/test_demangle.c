/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Demangled names, beside what c++filt says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/demangle.h"

static void names_are_demangled_as_c_filt_does(void **state)
{
	static const char *const names[][2] = {
		{"_ZN4shop6basket3addEPKci", ""},
		{"_ZNSt6vectorIN4shop4itemESaIS1_EE17_M_realloc_insertIJS1_EEEvN9__gnu_cxx17__"
		 "normal_iteratorIPS1_S3_EEDpOT_",
			""},
		{"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", ""},
		{"_RNvNtCs1234_7mycrate3foo3bar", ""},
		{"_ZN4shop6basket3addEPKci.cold", ""},
		{"_D3std5stdio4File5closeMFNeZv", "-s dlang"},
		{"malloc", ""},
		{"_start", ""},
		{"_Zed", ""},
	};
	char command[1024], expected[1024], *name;
	FILE *filter;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(command, sizeof(command), "c++filt -i %s '%s'", names[i][1], names[i][0]);
		filter = popen(command, "r");
		assert_non_null(fgets(expected, sizeof(expected), filter));
		pclose(filter);
		expected[strcspn(expected, "\n")] = '\0';
		name = demangle(names[i][0]);
		assert_string_equal(name, expected);
		free(name);
	}
	name = demangle("regexec@@GLIBC_2.3.4");
	assert_string_equal(name, "regexec");
	free(name);
}

static void names_of_absurd_length_are_cut(void **state)
{
	static const char *const starts[] = {"x", "_Z", "_ZN", "_R", "_D", "_ZP"};
	static const char fillers[] = {'x', 'P', '1', 'N', '_'};
	char *name = malloc(1 << 20), *result;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]) * sizeof(fillers); i++) {
		for (size_t len = 100; len < 1 << 20; len *= 8) {
			memset(name, fillers[i % sizeof(fillers)], len);
			memcpy(name, starts[i / sizeof(fillers)],
				strlen(starts[i / sizeof(fillers)]));
			name[len] = '\0';
			result = demangle(name);
			assert_non_null(result);
			assert_true(strlen(result) <= FUNCTION_NAME_MAX);
			if (len > FUNCTION_NAME_MAX && i < sizeof(fillers))
				assert_string_equal(result + strlen(result) - 3, "...");
			free(result);
		}
	}
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_demangled_as_c_filt_does),
		cmocka_unit_test(names_of_absurd_length_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
