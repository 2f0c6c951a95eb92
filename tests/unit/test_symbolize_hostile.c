/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that lie, that are cut, and that name others, are asked for names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "module_bytes.h"
#include "symbolize_fixture.h"

#define MUTATIONS 2000

static void lying_files_cost_their_own_names_only(void **state)
{
	struct subject subject = subject__built("plain");
	uint64_t seed = 0x7654321, start, address;
	const struct symbol *symbols;
	unsigned char *bytes, *lying;
	size_t sz, at;

	(void)state;
	built__run("cc -O2 -g plain.c -o hostile && objcopy -R .comment hostile");
	bytes = built__read("hostile", &sz);
	lying = malloc(sz);
	start = symbol_address("hostile", "main", NULL);
	for (int i = 0; i < MUTATIONS; i++) {
		memcpy(lying, bytes, sz);
		for (int j = 0; j < 8;
			j++) { /* half of them in the last quarter: sections' headers */
			at = built__random(&seed) % sz;
			lying[j % 2 ? at : sz - 1 - at / 4] = built__random(&seed);
		}
		if (i % 100 == 99) { /* each file is held open */
			subject__free(&subject);
			subject = subject__built("plain");
		}
		subject.module = add_bytes(subject.modules, lying, sz);
		for (int j = 0; j < 3; j++)
			resolve(&subject, start + j * 16, j % 2, &symbols);
	}
	subject__free(&subject);
	free(lying);
	free(bytes);
	subject = subject__built("plain");
	address = symbol_address("plain", "shown", NULL);
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
}

static void a_truncated_file_gives_no_wrong_names(void **state)
{
	struct subject subject = subject__built("plain");
	size_t sz;
	unsigned char *bytes = built__read("plain", &sz);
	uint64_t address = symbol_address("plain", "shown", NULL);
	const struct symbol *symbols;

	(void)state;
	for (size_t cut = 0; cut < sz; cut += cut < 1024 ? 13 : 211) {
		subject.module = add_bytes(subject.modules, bytes, cut);
		resolve(&subject, address, false, &symbols);
		assert_true(!symbols[0].function || !strcmp(symbols[0].function, "shown"));
	}
	subject.module = add_bytes(subject.modules, bytes, sz);
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
	free(bytes);
}

/* The link leads nowhere that may be opened: were it followed, the answer would not come. */
static void a_shared_debug_file_named_by_the_target_is_not_opened(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	char path[BUILT_PATH_SZ];
	FILE *link;

	(void)state;
	built__run("rm -f altlink fifo && mkfifo fifo");
	link = fopen(built__path("altlink", path), "w");
	fprintf(link, "%s%c%s", built__path("fifo", path), 0, "0123456789abcdefghij");
	fclose(link);
	built__run("objcopy --add-section .gnu_debugaltlink=altlink plain linking");
	subject = subject__built("linking");
	resolve(&subject, symbol_address("plain", "shown", NULL), false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_null(symbols[0].file);
	subject__free(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lying_files_cost_their_own_names_only),
		cmocka_unit_test(a_truncated_file_gives_no_wrong_names),
		cmocka_unit_test(a_shared_debug_file_named_by_the_target_is_not_opened),
	};

	return cmocka_run_group_tests(tests, set_up, built__teardown);
}
