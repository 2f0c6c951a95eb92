/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The names of addresses beside what nm says; of files that are gone, stripped or split, and of
 * addresses that no function covers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "symbol/demangle.h"
#include "symbolize_fixture.h"

static const char assembly_source[] = "	.text\n"
				      "	.globl sizeless, sized, last\n"
				      "sizeless:\n"
				      "	nop\n"
				      "	nop\n"
				      "	.type sized, @function\n"
				      "sized:\n"
				      "	nop\n"
				      "label_inside:\n"
				      "	nop\n"
				      "	.size sized, .-sized\n"
				      "	nop\n"
				      "last:\n"
				      "	nop\n"
				      "	nop\n"
				      "	.section .note.GNU-stack,\"\",@progbits\n";

static int set_up_names(void **state)
{
	if (set_up_twin(state) != 0)
		return -1;
	built__write("assembly.s", assembly_source, sizeof(assembly_source) - 1);
	return 0;
}

/* Names of one address out of "ADDRESS KIND NAME@@VERSION" lines, sorted by address. */
static bool is_name_at(const char *names, uint64_t address, const char *name)
{
	char wanted[4096];

	snprintf(wanted, sizeof(wanted), "\n%016" PRIx64 " %s\n", address, name);
	return strstr(names, wanted);
}

static void exported_functions_of_libc_have_the_names_that_nm_prints(void **state)
{
	char *names, path[BUILT_PATH_SZ], *at;
	const struct symbol *symbols;
	struct subject subject;
	size_t sz, cnt = 0;

	(void)state;
	built__run("ldd /bin/ls | grep -o '/[^ ]*libc\\.so[^ ]*' > libc");
	built__run("cp $(cat libc) libc.so");
	built__run("(echo; nm -D --defined-only libc.so | grep -E ' [TWi] ' | "
		   "sed 's/@.*//; s/ [TWi] / /') > names");
	names = (char *)built__read("names", &sz);
	names[sz] = '\0';
	subject = subject__new(built__path("libc.so", path));
	for (at = strchr(names, '\n'); at && at[1]; at = strchr(at + 1, '\n'), cnt++) {
		uint64_t address = strtoull(at + 1, NULL, 16);
		int symbol_cnt = resolve(&subject, address, false, &symbols);

		assert_non_null(symbols[symbol_cnt - 1].function);
		if (!is_name_at(names, address, symbols[symbol_cnt - 1].function))
			fail_msg("0x%" PRIx64 ": %s", address, symbols[symbol_cnt - 1].function);
		assert_int_equal(symbols[symbol_cnt - 1].offset, 0);
	}
	assert_true(cnt > 1000);
	free(names);
	subject__free(&subject);
}

static void the_known_name_is_taken_of_several(void **state)
{
	static const char *const known[] = {"malloc", "free", "calloc", "realloc"};
	const struct symbol *symbols;
	struct subject subject = subject__built("libc.so"); /* copied by the test above */

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char command[256];
		uint64_t address;
		FILE *nm;

		snprintf(command, sizeof(command), "nm -D %s/libc.so | grep -E ' [TW] %s@'",
			built_dir, known[i]);
		nm = popen(command, "r");
		assert_int_equal(fscanf(nm, "%" SCNx64, &address), 1);
		pclose(nm);
		assert_int_equal(resolve(&subject, address, false, &symbols), 1);
		assert_string_equal(symbols[0].function, known[i]);
	}
	subject__free(&subject);
}

static void a_return_address_belongs_to_its_call(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t start, sz;

	(void)state;
	subject = subject__built("plain");
	start = symbol_address("plain", "dies", &sz);
	/* The call of abort is the function's end; what follows is another function, or nothing. */
	assert_int_equal(resolve(&subject, start + sz, true, &symbols), 1);
	assert_string_equal(symbols[0].function, "dies");
	assert_int_equal(symbols[0].offset, sz);
	assert_int_equal(symbols[0].line, 25);
	resolve(&subject, start + sz, false, &symbols);
	assert_true(!symbols[0].function || strcmp(symbols[0].function, "dies") != 0);
	subject__free(&subject);
}

static void asking_again_gives_the_same_answer(void **state)
{
	const struct symbol *first, *second, *other;
	struct subject subject = subject__built("plain");
	uint64_t address = symbol_address("plain", "shown", NULL);

	(void)state;
	resolve(&subject, address, false, &first);
	resolve(&subject, address + 1, false, &other);
	resolve(&subject, address, false, &second);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, other);
	assert_ptr_equal(first->function, other->function); /* texts are kept once */
	assert_int_equal(other->offset, 1);
	subject__free(&subject);
}

static void an_address_that_nothing_covers_has_no_name(void **state)
{
	static const uint64_t nowhere[] = {0, 1, 0x10, 1UL << 40, UINT64_MAX};
	struct subject subject = subject__built("plain");
	const struct symbol *symbols;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		assert_int_equal(resolve(&subject, nowhere[i / 2], i % 2, &symbols), 1);
		assert_null(symbols[0].function);
		assert_null(symbols[0].file);
		assert_int_equal(symbols[0].offset, 0);
		assert_int_equal(symbols[0].line, 0);
		assert_false(symbols[0].inlined);
	}
	subject__free(&subject);
}

static void a_stripped_file_has_the_names_that_it_exports(void **state)
{
	struct subject subject;
	const struct symbol *symbols;

	(void)state;
	built__run("cc -O2 -g -rdynamic plain.c -o exporting && cp exporting stripped && "
		   "strip stripped");
	subject = subject__built("stripped");
	resolve(&subject, symbol_address("exporting", "shown", NULL) + 2, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_int_equal(symbols[0].offset, 2);
	assert_null(symbols[0].file);
	resolve(&subject, symbol_address("exporting", "hidden", NULL) + 1, false, &symbols);
	assert_null(symbols[0].function);
	subject__free(&subject);
}

static void a_stripped_file_has_the_names_of_its_gnu_debugdata(void **state)
{
	struct subject subject;
	const struct symbol *symbols;

	(void)state;
	if (!built__try("command -v xz >/dev/null"))
		skip();
	built__run("objcopy --only-keep-debug exporting mini && strip --strip-debug mini && xz "
		   "mini && "
		   "objcopy --add-section .gnu_debugdata=mini.xz stripped with-mini");
	subject = subject__built("with-mini");
	resolve(&subject, symbol_address("exporting", "hidden", NULL) + 1, false, &symbols);
	assert_string_equal(symbols[0].function, "hidden");
	assert_int_equal(symbols[0].offset, 1);
	subject__free(&subject);
}

static void a_function_without_a_symbol_is_named_by_dwarf(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;
	int cnt;

	(void)state;
	built__run("objcopy --strip-symbol=hidden exporting half-stripped");
	address = symbol_address("exporting", "hidden", NULL);
	subject = subject__built("half-stripped");
	cnt = resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[cnt - 1].function, "hidden");
	assert_int_equal(symbols[cnt - 1].offset, 0);
	assert_int_equal(resolve(&subject, address + 3, false, &symbols) >= 1, 1);
	subject__free(&subject);
}

static void symbols_without_size_reach_to_the_next(void **state)
{
	static const struct {
		unsigned int at;
		const char *name;
	} expected[] = {{0, "sizeless"}, {1, "sizeless"}, {2, "sized"}, {3, "sized"}, {4, NULL},
		{5, "last"}, {6, "last"}, {7, NULL}};
	struct subject subject;
	const struct symbol *symbols;
	uint64_t start;

	(void)state;
	built__run("cc -shared -nostdlib assembly.s -o assembly.so");
	start = symbol_address("assembly.so", "sizeless", NULL);
	subject = subject__built("assembly.so");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		resolve(&subject, start + expected[i].at, false, &symbols);
		if (expected[i].name)
			assert_string_equal(symbols[0].function, expected[i].name);
		else
			assert_null(symbols[0].function);
	}
	subject__free(&subject);
}

static void a_file_that_was_deleted_keeps_its_names(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run("cp plain going");
	address = symbol_address("going", "shown", NULL);
	subject = subject__built("going");
	built__run("rm going && cp /bin/true going"); /* and another has its path */
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_in_range(symbols[0].line, 17, 21);
	subject__free(&subject);
}

static void a_debug_file_of_another_build_is_not_used(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run(
		"cc -O2 -g -rdynamic plain.c -o linked && objcopy --only-keep-debug linked "
		"linked.debug && strip linked && objcopy --add-gnu-debuglink=linked.debug linked");
	address = symbol_address("exporting", "shown", NULL);
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_in_range(symbols[0].line, 17, 21);
	subject__free(&subject);
	built__run("objcopy --only-keep-debug twin linked.debug");
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_null(symbols[0].file);
	subject__free(&subject);
	built__run("rm linked.debug && mkfifo linked.debug"); /* opening it would block */
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
}

static void a_file_that_was_forgotten_is_asked_anew(void **state)
{
	uint64_t address = symbol_address("plain", "main", NULL);
	struct subject subject = subject__built("plain");
	const struct symbol *symbols;

	(void)state;
	for (int i = 0; i < 3; i++) {
		resolve(&subject, address, false, &symbols);
		assert_string_equal(symbols[0].function, "main");
		symbolizer__forget(subject.symbolizer, subject.module);
	}
	symbolizer__forget(subject.symbolizer, subject.module); /* of which nothing is kept */
	subject__free(&subject);
}

static void a_function_with_a_very_long_name_has_it_cut(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run("name=$(head -c 20000 /dev/zero | tr '\\0' n) && "
		   "echo \"int $name(void) { return 1; } int main(void) { return $name(); }\" "
		   "> long.c && cc -g long.c -o long");
	address = symbol_address("long", "n+", NULL);
	subject = subject__built("long");
	resolve(&subject, address, false, &symbols);
	assert_int_equal(strlen(symbols[0].function), FUNCTION_NAME_MAX);
	assert_int_equal(symbols[0].line, 1);
	subject__free(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported_functions_of_libc_have_the_names_that_nm_prints),
		cmocka_unit_test(the_known_name_is_taken_of_several),
		cmocka_unit_test(a_return_address_belongs_to_its_call),
		cmocka_unit_test(asking_again_gives_the_same_answer),
		cmocka_unit_test(an_address_that_nothing_covers_has_no_name),
		cmocka_unit_test(a_stripped_file_has_the_names_that_it_exports),
		cmocka_unit_test(a_stripped_file_has_the_names_of_its_gnu_debugdata),
		cmocka_unit_test(a_function_without_a_symbol_is_named_by_dwarf),
		cmocka_unit_test(symbols_without_size_reach_to_the_next),
		cmocka_unit_test(a_file_that_was_deleted_keeps_its_names),
		cmocka_unit_test(a_debug_file_of_another_build_is_not_used),
		cmocka_unit_test(a_file_that_was_forgotten_is_asked_anew),
		cmocka_unit_test(a_function_with_a_very_long_name_has_it_cut),
	};

	return cmocka_run_group_tests(tests, set_up_names, built__teardown);
}
