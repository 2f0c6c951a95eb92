/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What --print-suppressions writes: it must match what it was made of, and reach a terminal
 * harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "golden.h"
#include "report/pattern.h"

/* Of a stack that the named function called malloc in; free(). */
static char *suppressions_of(const char *function)
{
	struct summary_frame frames[] = {
		{.function = "malloc", .module = "/lib/libc.so.6"},
		{.function = function, .module = "/bin/target"},
	};
	struct summary_stack stack = {.outstanding_blocks = 1, .frames = frames, .frame_cnt = 2};
	struct summary_process process = {.stacks = &stack, .stack_cnt = 1};
	struct summary summary = {.processes = &process, .process_cnt = 1};
	size_t sz;

	return golden__render(&suppressions_renderer, &summary, &(struct render_options){0}, &sz);
}

static void names_are_harmless_and_still_matched(void **state)
{
	static const char *const names[] = {"plain", "a\nleak:*", "\033[2J",
		"csi\xc2\x9b"
		"2J",
		"8bit\x9b"
		"2J",
		"\xe2\x80\xaemarked", "gr\xc3\xb6\xc3\x9f", "cut\xe2\x82", "dollar$name", "end "};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *text = suppressions_of(names[i]), *pattern = strstr(text, "\nleak:");

		for (const char *at = text; *at; at++)
			assert_true(*at == '\n' || (*at >= ' ' && *at < 0x7f) || at < pattern);
		assert_non_null(pattern);
		pattern += strlen("\nleak:");
		pattern[strcspn(pattern, "\n")] = '\0';
		assert_true(pattern__matches(pattern, names[i]));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_harmless_and_still_matched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
