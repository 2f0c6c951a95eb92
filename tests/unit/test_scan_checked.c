/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scan where frees are checked (a program of its own, as that is so from the first scan on): which
 * families functions are of, and that C++'s operators are probed wherever they are.
 */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <heaptap/event.h>

#include "libraries.h"
#include "probe/functions.h"
#include "probe/scan.h"

static struct probe_sites scan(const char *path)
{
	struct probe_sites sites = {0};
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		skip();
	assert_int_equal(probe_sites__scan(fd, path, false, &sites), 0);
	close(fd);
	return sites;
}

/* The entry of a function; by one of its names that the table has first. */
static const struct probe_site *entry(const struct probe_sites *sites, const char *name)
{
	for (size_t i = 0; i < sites->cnt; i++)
		if (sites->sites[i].kind != SITE_RETURN && !strcmp(sites->sites[i].name, name))
			return &sites->sites[i];
	return NULL;
}

static unsigned int families(const struct probe_sites *sites, const char *name)
{
	const struct probe_site *site = entry(sites, name);

	return site ? COOKIE_FAMILIES_OF(site->cookie) : 0;
}

static void every_function_is_of_one_family(void **state)
{
	static const struct {
		const char *name;
		unsigned int family;
	} rows[] = {
		{"malloc", FAMILY_MALLOC},
		{"realloc", FAMILY_MALLOC},
		{"memalign", FAMILY_MALLOC},
		{"aligned_alloc", FAMILY_MALLOC},
		{"free", FAMILY_MALLOC},
		{"free_aligned_sized", FAMILY_MALLOC},
		{"_Znwm", FAMILY_NEW},
		{"_ZnwmRKSt9nothrow_t", FAMILY_NEW},
		{"_ZdlPv", FAMILY_NEW},
		{"_ZdlPvm", FAMILY_NEW},
		{"_Znam", FAMILY_NEW_ARRAY},
		{"_ZdaPvRKSt9nothrow_t", FAMILY_NEW_ARRAY},
		{"_ZnwmSt11align_val_tRKSt9nothrow_t", FAMILY_NEW_ALIGNED},
		{"_ZdlPvmSt11align_val_t", FAMILY_NEW_ALIGNED},
		{"_ZnamSt11align_val_t", FAMILY_NEW_ARRAY_ALIGNED},
		{"_ZdaPvSt11align_val_tRKSt9nothrow_t", FAMILY_NEW_ARRAY_ALIGNED},
	};
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint16_t function;

		assert_true(allocator_function__find(
			rows[i].name, strlen(rows[i].name) + 1, &function));
		found += allocator_function__family(function) == rows[i].family;
	}
	assert_int_equal(found, sizeof(rows) / sizeof(*rows));
}

static void frees_are_followed(void **state)
{
	struct probe_sites sites = scan(LIBRARIES "libc.so.6");

	(void)state;
	assert_int_equal(entry(&sites, "free")->kind, SITE_FOLLOWED_FREE);
	assert_true(entry(&sites, "free")->cookie & COOKIE_F_FOLLOWED_FREE);
	assert_int_equal(families(&sites, "free"), FAMILY_MALLOC);
	assert_int_equal(entry(&sites, "malloc")->kind, SITE_CALL);
	assert_false(entry(&sites, "malloc")->cookie & COOKIE_F_FOLLOWED_FREE);
	assert_int_equal(families(&sites, "malloc"), FAMILY_MALLOC);
	probe_sites__destroy(&sites);
}

static void operators_are_probed_without_malloc(void **state)
{
	struct probe_sites sites = scan(LIBRARIES "libstdc++.so.6");

	(void)state;
	assert_string_equal(sites.unseen, "");
	assert_int_equal(families(&sites, "_Znwm"), FAMILY_NEW);
	assert_int_equal(families(&sites, "_Znam"), FAMILY_NEW_ARRAY);
	assert_int_equal(families(&sites, "_ZnamSt11align_val_t"), FAMILY_NEW_ARRAY_ALIGNED);
	assert_int_equal(families(&sites, "_ZdlPvm"), FAMILY_NEW);
	assert_int_equal(families(&sites, "_ZdaPv"), FAMILY_NEW_ARRAY);
	assert_int_equal(entry(&sites, "_Znwm")->kind, SITE_ENTRY);
	assert_true(entry(&sites, "_Znwm")->cookie & COOKIE_F_RETURN_SITES);
	assert_int_equal(entry(&sites, "_ZnwmRKSt9nothrow_t")->kind, SITE_CALL);
	assert_false(entry(&sites, "_ZnwmRKSt9nothrow_t")->cookie & COOKIE_F_RETURN_SITES);
	assert_int_equal(entry(&sites, "_ZdaPvm")->kind, SITE_FOLLOWED_FREE);
	probe_sites__destroy(&sites);
}

static void one_code_of_several_names_is_of_all_their_families(void **state)
{
	struct probe_sites sites = scan(LIBRARIES "libmimalloc.so.2");

	(void)state;
	assert_int_equal(families(&sites, "free"), FAMILY_MALLOC | FAMILY_NEW | FAMILY_NEW_ARRAY);
	assert_int_equal(families(&sites, "_Znwm"), FAMILY_NEW | FAMILY_NEW_ARRAY);
	assert_int_equal(families(&sites, "malloc"), FAMILY_MALLOC);
	probe_sites__destroy(&sites);
}

static void wrappers_of_other_allocators_are_probed(void **state)
{
	struct probe_sites sites = scan(LIBRARIES "libjemalloc.so.2");

	(void)state;
	assert_int_equal(families(&sites, "_Znam"), FAMILY_NEW_ARRAY);
	assert_int_equal(families(&sites, "_ZdaPv"), FAMILY_NEW_ARRAY);
	assert_int_equal(families(&sites, "_ZdlPv"), FAMILY_NEW);
	probe_sites__destroy(&sites);
}

#define NEW_BY_POINTER FUNCTION("_Znwm", "jmp *%rax\n")
#define NEW_BY_MALLOC FUNCTION("_Znwm", "push %rbp\ncall malloc@plt\npop %rbp\nret\n")
#define DELETE FUNCTION("_ZdlPv", "jmp free@plt\n")
#define MALLOC SIMPLE("malloc")

static struct probe_sites scan_assembly(const char *text)
{
	link_assembly(text, "");
	return scan(in_directory("case.so"));
}

static void a_programs_own_operators_are_probed(void **state)
{
	struct probe_sites sites = scan_assembly(NEW_BY_MALLOC DELETE);

	(void)state;
	assert_non_null(entry(&sites, "_Znwm"));
	assert_non_null(entry(&sites, "_ZdlPv"));
	probe_sites__destroy(&sites);
}

static void without_new_there_is_no_delete(void **state)
{
	struct probe_sites sites = scan_assembly(NEW_BY_POINTER DELETE);

	(void)state;
	assert_int_equal(sites.cnt, 0);
	assert_string_not_equal(sites.unseen, "");
	probe_sites__destroy(&sites);
	sites = scan_assembly(NEW_BY_POINTER DELETE MALLOC);
	assert_int_equal(sites.cnt, 1);
	assert_non_null(entry(&sites, "malloc"));
	probe_sites__destroy(&sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_is_of_one_family),
		cmocka_unit_test(frees_are_followed),
		cmocka_unit_test(operators_are_probed_without_malloc),
		cmocka_unit_test(one_code_of_several_names_is_of_all_their_families),
		cmocka_unit_test(wrappers_of_other_allocators_are_probed),
		cmocka_unit_test(a_programs_own_operators_are_probed),
		cmocka_unit_test(without_new_there_is_no_delete),
	};

	allocator_functions__check();
	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
