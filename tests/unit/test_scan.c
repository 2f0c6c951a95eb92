/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From ELF files to probe sites: which of a file's functions are probed, by their names, what is
 * told of their arguments, and at which of their instructions.
 */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <heaptap/event.h>

#include "scan_fixture.h"

static void rows_become_cookies(void **state)
{
	struct probe_sites sites;
	const struct probe_site *site;

	(void)state;
	scan_assembly(SIMPLE("posix_memalign") SIMPLE("realloc") SIMPLE("calloc") SIMPLE("free"),
		"", &sites);
	site = find_site(&sites, "calloc");
	assert_int_equal(COOKIE_ROLE(site->cookie), ROLE_ALLOC);
	assert_int_equal(COOKIE_SIZE_ARG(site->cookie), 2);
	assert_int_equal(COOKIE_COUNT_ARG(site->cookie), 1);
	assert_int_equal(COOKIE_FUNCTION(site->cookie), site->function);
	assert_string_equal(allocator_functions[site->function].name, "calloc");
	assert_int_equal(site->kind, SITE_CALL);
	site = find_site(&sites, "realloc");
	assert_int_equal(COOKIE_ROLE(site->cookie), ROLE_REALLOC);
	assert_int_equal(COOKIE_BLOCK_ARG(site->cookie), 1);
	site = find_site(&sites, "posix_memalign");
	assert_int_equal(COOKIE_ROLE(site->cookie), ROLE_ALLOC_OUT);
	assert_int_equal(COOKIE_OUT_ARG(site->cookie), 1);
	site = find_site(&sites, "free");
	assert_int_equal(COOKIE_ROLE(site->cookie), ROLE_FREE);
	assert_int_equal(site->kind, SITE_FREE);
	assert_string_equal(sites.reason, "");
	probe_sites__destroy(&sites);
}

static void only_exact_names_of_defined_global_functions(void **state)
{
	(void)state;
	assert_names(
		SIMPLE("malloc_") SIMPLE("xmalloc") SIMPLE("Malloc") SIMPLE("valloc"), "valloc ");
	assert_names(SIMPLE("valloc") ".type free, @function\nfree: ret\n", "valloc ");
	assert_names(SIMPLE("valloc") STATIC("malloc") STATIC("free"), "valloc ");
	assert_names(
		SIMPLE("valloc") ".weak free\n.type free, @function\nfree: ret\n", "free valloc ");
	assert_names(SIMPLE("valloc") ".globl malloc\n.type malloc, @object\nmalloc: .quad 0\n",
		"valloc ");
	assert_names(SIMPLE("valloc") "call malloc@plt\n", "valloc ");
	assert_names(SIMPLE("valloc") ".data\n.globl malloc\n.type malloc, @function\n"
				      "malloc: .quad 0\n.text\n",
		"valloc ");
}

static void local_functions_that_are_an_allocator_together(void **state)
{
	(void)state;
	assert_names(SIMPLE("valloc") STATIC("malloc") STATIC("free") STATIC("realloc"),
		"realloc malloc free valloc ");
	assert_names(STATIC("_rjem_malloc") STATIC("_rjem_sdallocx") STATIC("_rjem_rallocx"),
		"_rjem_malloc _rjem_rallocx _rjem_sdallocx ");
}

static void static_program_with_symbols_and_without(void **state)
{
	struct probe_sites sites;

	(void)state;
	built__run(
		"printf '.globl _start, malloc\\n.type malloc, @function\\n_start: malloc: nop\\n'"
		" > exe.s");
	built__run("cc -nostdlib -static -Wl,-z,noexecstack exe.s -o exe");
	assert_int_equal(scan(in_directory("exe"), &sites), 0);
	assert_string_equal(names(&sites), "malloc ");
	probe_sites__destroy(&sites);
	built__run("strip exe");
	assert_int_equal(scan(in_directory("exe"), &sites), 0);
	assert_int_equal(sites.cnt, 0);
	assert_non_null(strstr(sites.reason, "stripped"));
	probe_sites__destroy(&sites);
}

static void one_site_for_functions_at_one_address(void **state)
{
	(void)state;
	assert_names(".globl cfree\n.type cfree, @function\ncfree:\n" SIMPLE("free"), "free ");
	assert_names(
		".globl memalign\n.type memalign, @function\nmemalign:\n" SIMPLE("aligned_alloc"),
		"aligned_alloc ");
}

static void both_implementations_of_two_symbol_versions(void **state)
{
	struct probe_sites sites;

	(void)state;
	built__run("echo 'V1 { }; V2 { } V1;' > versions");
	scan_assembly(FUNCTION("old", "push %rbp\nret\n") FUNCTION(
			      "new", "ret\n") ".symver old, valloc@V1\n.symver new, valloc@@V2\n",
		"-Wl,--version-script=versions", &sites);
	assert_string_equal(names(&sites), "valloc valloc ");
	probe_sites__destroy(&sites);
}

static void ifuncs_have_no_code_of_their_own(void **state)
{
	struct probe_sites sites;

	(void)state;
	scan_assembly(
		".globl malloc\n.type malloc, @gnu_indirect_function\nmalloc: ret\n", "", &sites);
	assert_int_equal(sites.cnt, 0);
	assert_non_null(strstr(sites.reason, "IFUNC"));
	probe_sites__destroy(&sites);
}

/* ---- what maps ---- */

/* The same of the functions that map, too. */
static void assert_names_with_mapping(const char *text, const char *expected)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	probe_sites__destroy(&sites);
	assert_int_equal(scan_for(in_directory("case.so"), true, &sites), 0);
	assert_string_equal(names(&sites), expected);
	probe_sites__destroy(&sites);
}

#define MAPPERS SIMPLE("munmap") SIMPLE("mremap") SIMPLE("brk") SIMPLE("sbrk")

static void what_maps_is_probed_if_asked_for(void **state)
{
	assert_names(MALLOC_AND_FREE SIMPLE("mmap") MAPPERS, "malloc free ");
	assert_names_with_mapping(MALLOC_AND_FREE SIMPLE("mmap64") MAPPERS,
		"malloc free mmap64 munmap mremap brk sbrk ");
}

static void what_maps_is_probed_beside_mmap_only(void **state)
{
	assert_names_with_mapping(MALLOC_AND_FREE MAPPERS, "malloc free ");
	assert_names_with_mapping(MAPPERS, "");
}

static void what_maps_is_no_allocator_that_an_operator_wraps(void **state)
{
	static const char text[] = NEW_AROUND("call mmap@plt\n") SIMPLE("mmap")
		FUNCTION("_ZnwmRKSt9nothrow_t", "jmp mmap\n");

	assert_names_with_mapping(text, "malloc free _Znwm _ZnwmRKSt9nothrow_t mmap ");
	assert_names(text, "malloc free _Znwm _ZnwmRKSt9nothrow_t ");
}

static void mapping_functions_have_their_arguments(void **state)
{
	struct probe_sites sites;
	uint64_t cookie;

	scan_assembly(SIMPLE("mmap") MAPPERS, "", &sites);
	probe_sites__destroy(&sites);
	assert_int_equal(scan_for(in_directory("case.so"), true, &sites), 0);
	cookie = find_site(&sites, "mremap")->cookie;
	assert_int_equal(COOKIE_ROLE(cookie), ROLE_REMAP);
	assert_int_equal(COOKIE_BLOCK_ARG(cookie), 1);
	assert_int_equal(COOKIE_COUNT_ARG(cookie), 2);
	assert_int_equal(COOKIE_SIZE_ARG(cookie), 3);
	assert_int_equal(COOKIE_OUT_ARG(cookie), 4);
	assert_int_equal(COOKIE_ROLE(find_site(&sites, "sbrk")->cookie), ROLE_BREAK);
	for (size_t i = 0; i < sites.cnt; i++)
		assert_int_equal(sites.sites[i].kind, SITE_CALL);
	probe_sites__destroy(&sites);
}

/* ---- the instruction at the entry ---- */

static void assert_delta(const char *text, uint32_t delta)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	assert_int_equal(find_site(&sites, "malloc")->entry_delta, delta);
	probe_sites__destroy(&sites);
}

/* endbr64; push: the site is the push, unless something else comes there. */
#define ENDBR64_MALLOC(entrance, after)                                                            \
	FUNCTION("malloc", "endbr64\n" entrance "push %rbp\n" after "pop %rbp\nret\n")

static void a_site_that_something_else_enters_is_not_taken(void **state)
{
	(void)state;
	assert_delta(ENDBR64_MALLOC("", ""), 4);
	assert_delta(ENDBR64_MALLOC("1: ", "jmp 1b\n"), 0);
	assert_delta(ENDBR64_MALLOC("1: ", "je 1b\n"), 0);
	assert_delta(ENDBR64_MALLOC("1: ", "") "call 1b\n", 0);
	assert_delta(ENDBR64_MALLOC("1: ", "") ".skip 70000\njne 1b\n", 0);
	assert_delta("jmp 1f\n.balign 64\n" ENDBR64_MALLOC("1: ", ""), 0);
	assert_delta(ENDBR64_MALLOC(
			     ".globl also_malloc\n.type also_malloc, @function\nalso_malloc: ", ""),
		0);
	assert_delta(ENDBR64_MALLOC("1: ", "") ".data\n.quad 1b\n.text\n", 0);
	/* the entry itself may be called from anywhere */
	assert_delta("2: " ENDBR64_MALLOC("", "jmp 2b\n") "call 2b\n", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_become_cookies),
		cmocka_unit_test(only_exact_names_of_defined_global_functions),
		cmocka_unit_test(local_functions_that_are_an_allocator_together),
		cmocka_unit_test(static_program_with_symbols_and_without),
		cmocka_unit_test(one_site_for_functions_at_one_address),
		cmocka_unit_test(both_implementations_of_two_symbol_versions),
		cmocka_unit_test(ifuncs_have_no_code_of_their_own),
		cmocka_unit_test(what_maps_is_probed_if_asked_for),
		cmocka_unit_test(what_maps_is_probed_beside_mmap_only),
		cmocka_unit_test(what_maps_is_no_allocator_that_an_operator_wraps),
		cmocka_unit_test(mapping_functions_have_their_arguments),
		cmocka_unit_test(a_site_that_something_else_enters_is_not_taken),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
