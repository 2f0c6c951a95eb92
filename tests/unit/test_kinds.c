/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Patterns, suppressions, and whose a block is. What patterns mean was found by asking
 * LeakSanitizer itself (tests/runtime/test_blocks.py does it again). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report/contents_text.h"
#include "report/kinds.h"
#include "report/pattern.h"
#include "report/selection.h"

#define CNT(array) (sizeof(array) / sizeof(*(array)))

static void patterns_match_as_those_of_the_sanitizers(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{"foo", "foo", true},
		{"foo", "a foobar", true},
		{"foo", "fo", false},
		{"foo", "", false},
		{"foo", NULL, false},
		{"", "x", true},
		{"", "", false},
		{"^foo", "foobar", true},
		{"^foo", "a foo", false},
		{"foo$", "a foo", true},
		{"foo$", "foobar", false},
		{"^foo$", "foo", true},
		{"^foo$", "foofoo", false},
		{"foo$", "foofoo", false}, /* only the first is looked at */
		{"a*b", "a--b", true},
		{"a*b", "b--a", false},
		{"^a*b$", "a--b", true},
		{"^a*b$", "a--bc", false},
		{"^*b", "ab", true},
		{"a*$", "abc", true},
		{"a*", "a", true},
		{"*a", "a", true},
		{"**", "x", true},
		{"a**b", "ab", true},
		{"$", "x", false},
		{"^$", "x", false},
		{"*$", "x", true},
		{"a$b", "a", true}, /* nothing is looked at behind the end */
		{"b^", "b^", true},
	};

	(void)state;
	for (size_t i = 0; i < CNT(cases); i++)
		if (pattern__matches(cases[i].pattern, cases[i].text) != cases[i].matches)
			fail_msg("'%s' and '%s'", cases[i].pattern,
				cases[i].text ? cases[i].text : "(null)");
}

/* ---- suppressions ---- */

static void suppressions_are_read_as_they_are(void **state)
{
	static const char text[] = "# comment\n\nleak:foo\n \tleak:b a r \r\n#leak:no\nleak:^x$";
	static const char *const wanted[] = {"foo", "b a r", "^x$"};
	struct kind_rules rules = {0};
	size_t line;

	(void)state;
	assert_int_equal(kind_rules__add_suppressions(&rules, text, &line), 0);
	assert_int_equal(rules.cnt, CNT(wanted));
	for (size_t i = 0; i < rules.cnt; i++) {
		assert_string_equal(rules.rules[i].pattern, wanted[i]);
		assert_int_equal(rules.rules[i].kind, BLOCK_IGNORED);
		assert_null(rules.rules[i].tag);
	}
	kind_rules__destroy(&rules);
}

static void what_is_no_suppression_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} cases[] = {
		{"leak", 1},
		{"race:foo", 1},
		{"leak:a\n#\n\nfoo\n", 4},
		{"leak:a\n leaks:b", 2},
	};

	(void)state;
	for (size_t i = 0; i < CNT(cases); i++) {
		struct kind_rules rules = {0};
		size_t line = 0;

		assert_int_equal(
			kind_rules__add_suppressions(&rules, cases[i].text, &line), -EBADMSG);
		assert_int_equal(line, cases[i].line);
		kind_rules__destroy(&rules);
	}
}

static void files_that_cannot_be_read_are_told(void **state)
{
	struct kind_rules rules = {0};
	size_t line = 9;

	(void)state;
	assert_int_equal(kind_rules__read_suppressions(&rules, "/nowhere/at/all", &line), -ENOENT);
	assert_int_equal(line, 0);
	assert_int_equal(kind_rules__read_suppressions(&rules, "/", &line), -EISDIR);
	assert_int_equal(kind_rules__read_suppressions(&rules, "/dev/null", &line), 0);
	assert_int_equal(rules.cnt, 0);
	kind_rules__destroy(&rules);
}

static void clients_have_a_name_and_a_pattern(void **state)
{
	struct kind_rules rules = {0};

	(void)state;
	assert_int_equal(kind_rules__add_client(&rules, "pool=^get_page$"), 0);
	assert_int_equal(kind_rules__add_client(&rules, "a=b=c"), 0);
	assert_int_equal(kind_rules__add_client(&rules, "pool"), -EINVAL);
	assert_int_equal(kind_rules__add_client(&rules, "=x"), -EINVAL);
	assert_int_equal(kind_rules__add_client(&rules, "x="), -EINVAL);
	assert_int_equal(rules.cnt, 2);
	assert_string_equal(rules.rules[0].tag, "pool");
	assert_string_equal(rules.rules[0].pattern, "^get_page$");
	assert_string_equal(rules.rules[1].pattern, "b=c");
	kind_rules__destroy(&rules);
}

/* ---- kinds ---- */

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"
#define LIBSTDCXX "/usr/lib/libstdc++.so.6.0.30"
#define LD "/lib64/ld-linux-x86-64.so.2"
#define APP "/opt/app"
#define MALLOC                                                                                     \
	{                                                                                          \
		.function = "malloc", .module = LIBC, .address = 1                                 \
	}
#define MAIN                                                                                       \
	{                                                                                          \
		.function = "main", .module = APP, .file = "/src/main.c", .address = 2             \
	}

static enum block_kind kind_of(struct summary_frame *frames, size_t cnt)
{
	struct summary_stack stack = {.frames = frames, .frame_cnt = cnt};

	kinds__set(&(struct kind_rules){0}, &stack);
	return stack.kind;
}
#define KIND_OF(...)                                                                               \
	kind_of((struct summary_frame[]){__VA_ARGS__}, CNT(((struct summary_frame[]){__VA_ARGS__})))

static void the_runtimes_own_blocks_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(KIND_OF(MALLOC, {.function = "_IO_file_doallocate", .module = LIBC},
				 {.function = "puts", .module = LIBC}, MAIN),
		BLOCK_RUNTIME);
	assert_int_equal(
		KIND_OF(MALLOC, {.module = LIBC}, {.function = "tzset", .module = LIBC}, MAIN),
		BLOCK_RUNTIME);
	assert_int_equal(KIND_OF(MALLOC, {.module = LD}, MAIN), BLOCK_RUNTIME);
	/* libstdc++ called by the dynamic linker, with and without a name */
	assert_int_equal(
		KIND_OF(MALLOC, {.module = LIBSTDCXX}, {.function = "call_init", .module = LD}),
		BLOCK_RUNTIME);
}

static void what_the_runtime_makes_for_the_program_is_the_programs(void **state)
{
	(void)state;
	assert_int_equal(KIND_OF(MALLOC, MAIN), BLOCK_NORMAL);
	assert_int_equal(
		KIND_OF(MALLOC, {.function = "strdup", .module = LIBC}, MAIN), BLOCK_NORMAL);
	assert_int_equal(KIND_OF(MALLOC, {.module = LIBC}, MAIN), BLOCK_NORMAL);
	assert_int_equal(
		KIND_OF(MALLOC, {.function = "operator new(unsigned long)", .module = LIBSTDCXX},
			{.function = "std::string::_M_create()", .module = LIBSTDCXX}, MAIN),
		BLOCK_NORMAL);
	/* a constructor of the program, called by the dynamic linker */
	assert_int_equal(
		KIND_OF(MALLOC, {.function = "init", .module = APP}, {.module = LD}), BLOCK_NORMAL);
	/* a function of the program that is called as one of the C library */
	assert_int_equal(KIND_OF(MALLOC, {.function = "tzset", .module = APP}), BLOCK_NORMAL);
	/* the C library's, but behind the program's frame */
	assert_int_equal(
		KIND_OF(MALLOC, MAIN, {.function = "setlocale", .module = LIBC}), BLOCK_NORMAL);
	assert_int_equal(KIND_OF(MALLOC), BLOCK_NORMAL);
	assert_int_equal(kind_of(NULL, 0), BLOCK_NORMAL);
}

static void callers_are_behind_allocators(void **state)
{
	struct summary_frame frames[] = {
		{.function = "arena_get", .module = LIBC, .inlined = true},
		MALLOC,
		{.function = "calloc", .module = LIBC},
		{.function = "operator new[](unsigned long)", .module = LIBSTDCXX},
		{.function = "std::__new_allocator<int>::allocate(unsigned long, void const*)",
			.module = APP,
			.inlined = true},
		MAIN,
	};
	struct summary_stack stack = {.frames = frames, .frame_cnt = CNT(frames)};

	(void)state;
	assert_ptr_equal(stack__caller(&stack), &frames[5]);
	stack.frame_cnt = 5;
	assert_null(stack__caller(&stack));
}

static void the_first_rule_that_matches_counts(void **state)
{
	struct summary_frame frames[] = {MALLOC, MAIN};
	static const char *const patterns[] = {"^main$", "/src/", "/app$", "^malloc$"};

	(void)state;
	for (size_t i = 0; i < CNT(patterns); i++) {
		struct summary_stack stack = {.frames = frames, .frame_cnt = 2};
		struct kind_rules rules = {0};

		assert_int_equal(kind_rules__add(&rules, BLOCK_IGNORED, NULL, "nothing"), 0);
		assert_int_equal(kind_rules__add(&rules, BLOCK_CLIENT, "mine", patterns[i]), 0);
		assert_int_equal(kind_rules__add(&rules, BLOCK_IGNORED, NULL, patterns[i]), 0);
		kinds__set(&rules, &stack);
		assert_int_equal(stack.kind, BLOCK_CLIENT);
		assert_string_equal(stack.tag, "mine");
		kind_rules__destroy(&rules);
	}
}

/* ---- rules given to a recording ---- */

static struct summary_frame app_frames[] = {MALLOC, MAIN};
static struct summary_frame other_frames[] = {MALLOC, {.function = "other", .module = APP}};

static void rules_change_a_recordings_kinds_and_no_totals(void **state)
{
	struct summary_stack stacks[] = {
		{.outstanding_bytes = 300,
			.outstanding_blocks = 3,
			.id = 7,
			.frames = app_frames,
			.frame_cnt = 2},
		{.outstanding_bytes = 50,
			.outstanding_blocks = 1,
			.id = 5,
			.frames = other_frames,
			.frame_cnt = 2},
	};
	struct summary_block blocks[] = {{.number = 1, .stack = 7}, {.number = 2, .stack = 5}};
	struct summary_process process = {.totals.outstanding_bytes = 350,
		.kind_bytes = {350},
		.kind_blocks = {4},
		.stacks = stacks,
		.stack_cnt = 2,
		.stacks_total = 2,
		.blocks = blocks,
		.block_cnt = 2};
	struct summary summary = {.processes = &process, .process_cnt = 1}, *view;
	struct kind_rules rules = {0};
	struct selection selection = {
		.rules = &rules, .left_out = KINDS_LEFT_OUT, .unlisted = KINDS_LEFT_OUT};

	(void)state;
	assert_int_equal(kind_rules__add(&rules, BLOCK_IGNORED, NULL, "^main$"), 0);
	view = selection__view(&selection, &summary);
	assert_non_null(view);
	assert_int_equal(view->processes->stack_cnt, 1);
	assert_int_equal(view->processes->stacks->id, 5);
	assert_int_equal(view->processes->block_cnt, 1);
	assert_int_equal(view->processes->blocks->number, 2);
	assert_int_equal(kinds__bytes(view->processes, KIND_BIT(BLOCK_IGNORED)), 300);
	assert_int_equal(kinds__blocks(view->processes, KIND_BIT(BLOCK_NORMAL)), 1);
	assert_int_equal(view->processes->totals.outstanding_bytes, 350);
	assert_int_equal(stacks[0].kind, BLOCK_NORMAL); /* the original is as it was */
	selection__free_view(view);
	kind_rules__destroy(&rules);
}

/* ---- contents ---- */

static void contents_are_harmless(void **state)
{
	static const struct {
		const char *hex, *text;
	} cases[] = {
		{"", ""}, {"48692100", "Hi!."}, {"1b5b324a7f80ff20", ".[2J... "}, {"41", "A"},
		{"4", ""}, {"4142zz43", "AB"}, {"414", "A"}, {"4A", ""}, /* we write small ones */
	};

	(void)state;
	for (size_t i = 0; i < CNT(cases); i++) {
		char *text = contents__text(cases[i].hex);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_those_of_the_sanitizers),
		cmocka_unit_test(suppressions_are_read_as_they_are),
		cmocka_unit_test(what_is_no_suppression_is_told_with_its_line),
		cmocka_unit_test(files_that_cannot_be_read_are_told),
		cmocka_unit_test(clients_have_a_name_and_a_pattern),
		cmocka_unit_test(the_runtimes_own_blocks_are_told_apart),
		cmocka_unit_test(what_the_runtime_makes_for_the_program_is_the_programs),
		cmocka_unit_test(callers_are_behind_allocators),
		cmocka_unit_test(the_first_rule_that_matches_counts),
		cmocka_unit_test(rules_change_a_recordings_kinds_and_no_totals),
		cmocka_unit_test(contents_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
