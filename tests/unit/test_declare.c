/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Declarations of allocators: what is read, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heaptap/event.h>

#include "probe/declare.h"

/* Functions as declared for one allocator; the text's lines begin at 3 with them. */
#define ALLOCATOR_OF(functions)                                                                    \
	"allocators = ({ name = \"a\"; files = [\"liba.so*\", \"/opt/*/b\"]; functions = (\n"      \
	"\n" functions "\n); });\n"

static struct declarations *parse(const char *text)
{
	struct declarations *declarations = NULL;
	char *problem = NULL;
	int err = declarations__parse("f.conf", text, strlen(text), &declarations, &problem);

	if (problem)
		print_message("%s\n", problem);
	assert_int_equal(err, 0);
	assert_null(problem);
	return declarations;
}

/* It is refused, and the complaint begins and goes on like this. */
static void assert_refused(const char *text, const char *place, const char *said)
{
	struct declarations *declarations = NULL;
	char *problem = NULL;

	assert_int_equal(declarations__parse("f.conf", text, strlen(text), &declarations, &problem),
		-EINVAL);
	assert_null(declarations);
	assert_non_null(problem);
	if (strncmp(problem, place, strlen(place)) != 0 || !strstr(problem, said))
		fail_msg("\"%s\" is not \"%s … %s\"", problem, place, said);
	free(problem);
}

/* The table of functions keeps pointing at these. */
static struct declarations *added[2];

static struct allocator_function row_of(const struct declarations *declarations, const char *name)
{
	size_t cnt;
	const struct allocator_function *rows = declarations__rows(declarations, &cnt);

	for (size_t i = 0; i < cnt; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i];
	fail_msg("no row %s", name);
	return (struct allocator_function){0};
}

static void functions_become_rows(void **state)
{
	struct declarations *declarations = parse(ALLOCATOR_OF(
		"{ symbol = \"a\"; role = \"alloc\"; size = 2; },\n"
		"{ symbol = \"c\"; role = \"calloc\"; size = 2; count = 1; },\n"
		"{ symbol = \"o\"; role = \"alloc\"; size = 2; out = 1; optional = true; },\n"
		"{ symbol = \"r\"; role = \"realloc\"; block = 1; size = 6; arena = 3; },\n"
		"{ symbol = \"f\"; role = \"free\"; block = 2; next = 3; },\n"
		"{ symbol = \"s\"; role = \"arena_alloc\"; arena = 1; size = \"string\"; },\n"
		"{ symbol = \"m\"; role = \"arena_move\"; parent = 1; out = 2; },\n"
		"{ symbol = \"g\"; role = \"arena_grow\"; arena = 1; },\n"
		"{ symbol = \"u\"; role = \"usable_size\"; },\n"
		"{ symbol = \"_Znwm\"; role = \"alloc\"; size = 1; },\n"
		"{ symbol = \"_Zs\"; role = \"alloc\"; size = 1; throws = false; },\n"
		"{ offset = 0x1234; role = \"trim\"; },\n"
		"{ offset = 16; name = \"n\"; role = \"query\"; }\n"));
	struct allocator_function row = row_of(declarations, "a");
	size_t cnt;

	(void)state;
	declarations__rows(declarations, &cnt);
	assert_int_equal(cnt, 13);
	assert_int_equal(row.role, ROLE_ALLOC);
	assert_int_equal(row.size_arg, 2);
	assert_string_equal(row.group->name, "a");
	assert_string_equal(row.declared_at, "f.conf:3");
	assert_false(row.throws || row.optional || row.by_offset);
	row = row_of(declarations, "c");
	assert_int_equal(row.count_arg, 1);
	row = row_of(declarations, "o");
	assert_int_equal(row.role, ROLE_ALLOC_OUT);
	assert_int_equal(row.out_arg, 1);
	assert_true(row.optional);
	row = row_of(declarations, "r");
	assert_int_equal(row.role, ROLE_REALLOC);
	assert_int_equal(row.arena_arg, 3);
	assert_int_equal(row.size_arg, 6);
	row = row_of(declarations, "f");
	assert_int_equal(row.out_arg, 3);
	assert_int_equal(row_of(declarations, "s").size_arg, SIZE_OF_STRING);
	row = row_of(declarations, "m");
	assert_int_equal(row.arena_arg, 1);
	assert_int_equal(row.out_arg, 2);
	assert_true(row_of(declarations, "g").grows);
	assert_int_equal(row_of(declarations, "u").size_arg, QUERY_SIZE);
	assert_true(row_of(declarations, "_Znwm").throws);
	assert_false(row_of(declarations, "_Zs").throws);
	row = row_of(declarations, "a+0x1234");
	assert_true(row.by_offset);
	assert_int_equal(row.file_offset, 0x1234);
	assert_int_equal(row_of(declarations, "n").file_offset, 16);
	declarations__free(declarations);
}

static void what_frees_is_probed_before_what_makes(void **state)
{
	struct declarations *declarations =
		parse(ALLOCATOR_OF("{ symbol = \"a\"; role = \"alloc\"; size = 1; },\n"
				   "{ symbol = \"r\"; role = \"realloc\"; block = 1; size = 2; },\n"
				   "{ symbol = \"f\"; role = \"free\"; block = 1; }\n"));
	size_t cnt;
	const struct allocator_function *rows = declarations__rows(declarations, &cnt);

	(void)state;
	assert_string_equal(rows[0].name, "f");
	assert_string_equal(rows[1].name, "r");
	assert_string_equal(rows[2].name, "a");
	declarations__free(declarations);
}

static void mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text, *place, *said;
	} cases[] = {
		{"", "f.conf:1: ", "no list 'allocators"},
		{"\nallocator = ();",
			"f.conf:2: ", "no key 'allocator'; did you mean \"allocators\"?"},
		{"allocators = 7;", "f.conf:1: ", "no list"},
		{"allocators = (\n7);", "f.conf:2: ", "is a group"},
		{"allocators = ({ nam = \"x\"; });", "f.conf:1: ", "did you mean \"name\"?"},
		{"allocators = ({ files = [\"x\"]; });", "f.conf:1: ", "needs a 'name'"},
		{"allocators = ({ name = \"x\"; files = []; functions = (); });",
			"f.conf:1: ", "needs 'files'"},
		{"allocators = ({ name = \"x\"; files = [1, 2]; functions = (); });",
			"f.conf:1: ", "needs 'files'"},
		{"allocators = ({ name = \"x\"; files = [\"x\"]; functions = 3; });",
			"f.conf:1: ", "needs 'functions'"},
		{"x = ;", "f.conf:1: ", "syntax error"},
		{"a = 1;\n@include \"/etc/passwd\"\n", "f.conf:2: ", "@include"},
		{ALLOCATOR_OF("3"), "f.conf:", "a function is a group"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"fre\"; block = 1; }"),
			"f.conf:3: ", "no role 'fre'; did you mean \"free\"?"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"zzzzzzzz\"; }"),
			"f.conf:3: ", "no role 'zzzzzzzz'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; }"), "f.conf:3: ", "needs a 'role'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = 1; }"), "f.conf:3: ", "needs a 'role'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; }"),
			"f.conf:3: ", "needs 'block'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; block = 1; size = 2; }"),
			"f.conf:3: ", "has no 'size'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\";\nblok = 1; }"),
			"f.conf:4: ", "did you mean \"block\"?"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; block = 0; }"),
			"f.conf:3: ", "1 to 6"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; block = 7; }"),
			"f.conf:3: ", "1 to 6"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; block = 4294967297L; }"),
			"f.conf:3: ", "1 to 6"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"free\"; block = \"string\"; }"),
			"f.conf:3: ", "1 to 6"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"alloc\"; size = \"strin\"; }"),
			"f.conf:3: ", "or \"string\""},
		{ALLOCATOR_OF("{ role = \"trim\"; }"), "f.conf:3: ", "either a 'symbol'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; offset = 3; role = \"trim\"; }"),
			"f.conf:3: ", "either a 'symbol'"},
		{ALLOCATOR_OF("{ symbol = \"\"; role = \"trim\"; }"),
			"f.conf:3: ", "either a 'symbol'"},
		{ALLOCATOR_OF("{ symbol = \"f\"; name = \"n\"; role = \"trim\"; }"),
			"f.conf:3: ", "'name' is"},
		{ALLOCATOR_OF("{ symbol = \"f\"; role = \"trim\"; throws = 1; }"),
			"f.conf:3: ", "true or false"},
		{ALLOCATOR_OF("{ symbol = \"m\"; role = \"arena_move\"; parent = 1; }"),
			"f.conf:3: ", "either 'block' or 'out'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(cases[i].text, cases[i].place, cases[i].said);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
	static const char text[] = "allocators = ();\0allocators";
	struct declarations *declarations = NULL;
	char *problem;

	(void)state;
	assert_int_equal(
		declarations__parse("f", text, sizeof(text), &declarations, &problem), -EINVAL);
	assert_string_equal(problem, "f:1: it is no text");
	free(problem);
	assert_int_equal(declarations__read("/nonexistent/f", &declarations, &problem), -ENOENT);
	assert_string_equal(problem, "/nonexistent/f: No such file or directory");
	free(problem);
	assert_int_equal(declarations__read("/dev/zero", &declarations, &problem), -EFBIG);
	free(problem);
}

static void files_are_matched_by_path_or_name(void **state)
{
	struct declarations *declarations = added[0] =
		parse(ALLOCATOR_OF("{ symbol = \"fff\"; role = \"trim\"; }"));
	size_t cnt, before = allocator_function_cnt;
	const struct allocator_function *rows = declarations__rows(declarations, &cnt);

	(void)state;
	assert_int_equal(allocator_functions__add(rows, cnt), 0);
	assert_int_equal(allocator_function_cnt, before + 1);
	assert_true(allocator_function__is_for(before, "/usr/lib/liba.so.1"));
	assert_true(allocator_function__is_for(before, "liba.so"));
	assert_true(allocator_function__is_for(before, "/opt/x/b"));
	assert_false(allocator_function__is_for(before, "/usr/lib/libaa.so"));
	assert_false(allocator_function__is_for(before, "/b"));
	assert_false(allocator_function__is_for(0, "/usr/lib/liba.so.1"));
	assert_true(allocator_functions__are_for("liba.so"));
	assert_string_equal(allocator_functions[0].name, "realloc");
}

static void cookies_say_what_a_function_does(void **state)
{
	struct declarations *declarations = added[1] = parse(ALLOCATOR_OF(
		"{ symbol = \"d\"; role = \"arena_destroy\"; arena = 4; },\n"
		"{ symbol = \"aa\"; role = \"arena_alloc\"; arena = 1; size = 2; }\n"));
	size_t cnt, first = allocator_function_cnt;
	const struct allocator_function *rows = declarations__rows(declarations, &cnt);
	uint64_t cookie;

	(void)state;
	assert_int_equal(allocator_functions__add(rows, cnt), 0);
	cookie = allocator_function__cookie(first);
	assert_int_equal(COOKIE_FUNCTION(cookie), first);
	assert_int_equal(COOKIE_ROLE(cookie), ROLE_ARENA_DESTROY);
	assert_int_equal(COOKIE_ARENA_ARG(cookie), 4);
	assert_true(cookie & COOKIE_F_DECLARED && cookie & COOKIE_F_FOLLOWED_FREE);
	assert_int_equal(allocator_function__args(first), 1 << 3);
	cookie = allocator_function__cookie(first + 1);
	assert_true(cookie & COOKIE_F_DECLARED && !(cookie & COOKIE_F_FOLLOWED_FREE));
	assert_int_equal(allocator_function__args(first + 1), 3);
	assert_int_equal(
		allocator_function__cookie(0) & (COOKIE_F_DECLARED | COOKIE_F_FOLLOWED_FREE), 0);
}

static void the_presets_are_sound(void **state)
{
	glob_t presets;

	(void)state;
	assert_int_equal(glob("share/heaptap/allocators/*.conf", 0, NULL, &presets), 0);
	assert_int_equal(presets.gl_pathc, 7);
	for (size_t i = 0; i < presets.gl_pathc; i++) {
		struct declarations *declarations = NULL;
		char *problem = NULL;
		size_t cnt;

		if (declarations__read(presets.gl_pathv[i], &declarations, &problem))
			fail_msg("%s", problem);
		declarations__rows(declarations, &cnt);
		assert_true(cnt > 0);
		declarations__free(declarations);
	}
	globfree(&presets);
}

static int forget_added(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(added) / sizeof(*added); i++)
		declarations__free(added[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_become_rows),
		cmocka_unit_test(what_frees_is_probed_before_what_makes),
		cmocka_unit_test(mistakes_are_told_with_their_line),
		cmocka_unit_test(bytes_that_are_no_text_are_refused),
		cmocka_unit_test(files_are_matched_by_path_or_name),
		cmocka_unit_test(cookies_say_what_a_function_does),
		cmocka_unit_test(the_presets_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, forget_added);
}
