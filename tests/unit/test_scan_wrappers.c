/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From ELF files to probe sites: functions around others that are probed are not, by their code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scan_fixture.h"

static void operators_without_malloc_are_left_to_their_allocator(void **state)
{
	struct probe_sites sites;

	(void)state;
	scan_assembly(SIMPLE("_Znwm") SIMPLE("_ZdlPv"), "", &sites);
	assert_int_equal(sites.cnt, 0);
	assert_non_null(strstr(sites.reason, "no malloc"));
	probe_sites__destroy(&sites);
}

static void operators_of_their_own_are_probed_beside_malloc(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE SIMPLE("_Znwm") SIMPLE("_ZdlPv"), "malloc free _Znwm _ZdlPv ");
}

static void operators_around_malloc_are_wrappers(void **state)
{
	(void)state;
	assert_names(NEW_AROUND("call malloc@plt\n"), "malloc free ");
	assert_names(NEW_AROUND("call *malloc@GOTPCREL(%rip)\n"), "malloc free ");
	assert_names(NEW_AROUND("jmp malloc@plt\n"), "malloc free ");
	assert_names(NEW_AROUND("jmp *malloc@GOTPCREL(%rip)\n"), "malloc free ");
	assert_names(NEW_AROUND("call *calloc@GOTPCREL(%rip)\n"), "malloc free ");
	assert_names(NEW_AROUND("call other@plt\n"), "malloc free _Znwm ");
}

/* The direct call needs a symbol that can't be interposed. */
static void operators_around_malloc_called_directly_are_wrappers(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE ".set inner, malloc\n.local inner\n" FUNCTION(
			     "_Znwm", "push %rbx\ncall inner\npop %rbx\nret\n"),
		"malloc free ");
	assert_names(MALLOC_AND_FREE
		".set inner, malloc\n.local inner\n" FUNCTION("_Znwm", "jmp inner\n"),
		"malloc free ");
}

static void a_fast_path_makes_an_operator_no_wrapper(void **state)
{
	(void)state;
	assert_names(
		MALLOC_AND_FREE FUNCTION("_Znwm", "mov %fs:0,%rax\ntest %rax,%rax\nje 1f\nret\n"
						  "1: jmp malloc@plt\n"),
		"malloc free _Znwm ");
	assert_names(MALLOC_AND_FREE FUNCTION("_ZnwmRKSt9nothrow_t",
			     "test %rdi,%rdi\njne 1f\njmp *%rax\n1: jmp malloc@plt\n"),
		"malloc free _ZnwmRKSt9nothrow_t ");
}

static void all_ways_through_cold_parts_and_loops_are_followed(void **state)
{
	(void)state;
	/* as libstdc++'s: round the new-handler until malloc gives something */
	assert_names(MALLOC_AND_FREE FUNCTION("_Znwm",
			     "push %rbx\ntest %rdi,%rdi\nje cold\n"
			     "1: call malloc@plt\ntest %rax,%rax\nje 2f\npop %rbx\nret\n"
			     "2: call *%rbx\njmp 1b\n") "cold: mov $1,%edi\njmp 1b\n",
		"malloc free ");
}

static void deletes_around_free_are_wrappers_also_behind_a_null_check(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE FUNCTION("_ZdlPv", "jmp free@plt\n")
			     FUNCTION("_ZdaPv", "jmp _ZdlPv@plt\n"),
		"malloc free ");
	assert_names(MALLOC_AND_FREE FUNCTION("_ZdlPv", "endbr64\ntest %rdi,%rdi\nje 1f\njmp "
							"free@plt\n1: ret\n"),
		"malloc free ");
	assert_names(MALLOC_AND_FREE FUNCTION(
			     "_ZdlPv", "test %rdi,%rdi\njne 1f\nret\n1: jmp free@plt\n"),
		"malloc free ");
	/* another register's check is none */
	assert_names(
		MALLOC_AND_FREE FUNCTION("_ZdlPv", "test %rsi,%rsi\nje 1f\njmp free@plt\n1: ret\n"),
		"malloc free _ZdlPv ");
}

static void frees_around_free_are_wrappers(void **state)
{
	(void)state;
	assert_names(SIMPLE("free") FUNCTION("free_sized", "jmp free@plt\n")
			     FUNCTION("cfree", "sub $8,%rsp\ncall free@plt\n"
					       "add $8,%rsp\nret\n"),
		"free ");
}

/* mimalloc's: the names between are none of the table's. */
static void tail_calls_through_the_file_s_own_functions_are_followed(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE FUNCTION("inner_free", "jmp free@plt\n")
			     FUNCTION("_ZdlPv", "jmp inner_free@plt\n"),
		"malloc free ");
	assert_names(MALLOC_AND_FREE FUNCTION("inner_free", "ret\n")
			     FUNCTION("_ZdlPv", "jmp inner_free@plt\n"),
		"malloc free _ZdlPv ");
}

static void an_operator_that_frees_on_its_way_is_no_wrapper(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE FUNCTION("_Znwm", "push %rbx\ncall free@plt\npop %rbx\nret\n"),
		"malloc free _Znwm ");
}

static void functions_that_allocate_through_others_are_probed(void **state)
{
	(void)state;
	assert_names(SIMPLE("realloc") FUNCTION("reallocarray", "imul %rdx,%rsi\n"
								"jmp realloc@plt\n"),
		"realloc reallocarray ");
}

static void operators_that_call_themselves_end(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE FUNCTION("_Znwm", "1: jmp 1b\n")
			     FUNCTION("_ZdlPv", "jmp _ZdlPv@plt\n"),
		"malloc free _Znwm _ZdlPv ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_without_malloc_are_left_to_their_allocator),
		cmocka_unit_test(operators_of_their_own_are_probed_beside_malloc),
		cmocka_unit_test(operators_around_malloc_are_wrappers),
		cmocka_unit_test(operators_around_malloc_called_directly_are_wrappers),
		cmocka_unit_test(a_fast_path_makes_an_operator_no_wrapper),
		cmocka_unit_test(all_ways_through_cold_parts_and_loops_are_followed),
		cmocka_unit_test(deletes_around_free_are_wrappers_also_behind_a_null_check),
		cmocka_unit_test(frees_around_free_are_wrappers),
		cmocka_unit_test(tail_calls_through_the_file_s_own_functions_are_followed),
		cmocka_unit_test(an_operator_that_frees_on_its_way_is_no_wrapper),
		cmocka_unit_test(functions_that_allocate_through_others_are_probed),
		cmocka_unit_test(operators_that_call_themselves_end),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
