/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From ELF files to probe sites: all exits of functions that may throw (exits.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "scan_fixture.h"

/* The symbols e1 … e9 at which returns are probed, in order; "?" for one that has none. */
static const char *exits(const struct probe_sites *sites)
{
	static char text[1024];
	char command[2 * PATH_MAX + 64];
	uint64_t addresses[10] = {0};
	unsigned long long address;
	size_t cnt = 0;
	unsigned number;
	FILE *nm;

	snprintf(command, sizeof(command), "nm -D '%s' | grep ' e[1-9]$'", in_directory("case.so"));
	nm = popen(command, "r");
	while (fscanf(nm, "%llx T e%u ", &address, &number) == 2)
		addresses[number] = address;
	pclose(nm);
	text[0] = '\0';
	for (number = 1; number < 10; number++)
		for (size_t i = 0; i < sites->cnt; i++)
			if (addresses[number] && sites->sites[i].kind == SITE_RETURN &&
				address_at(in_directory("case.so"), sites->sites[i].file_offset) ==
					addresses[number])
				sprintf(text + strlen(text), "e%u ", number);
	for (size_t i = 0; i < sites->cnt; i++)
		cnt += sites->sites[i].kind == SITE_RETURN;
	for (size_t named = strlen(text) / strlen("e1 "); named < cnt; named++)
		strcat(text, "? ");
	return text;
}

static void assert_exits(const char *text, const char *expected)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	assert_string_equal(exits(&sites), expected);
	assert_int_equal(find_site(&sites, "_Znwm")->kind, SITE_ENTRY);
	assert_int_equal(find_site(&sites, "malloc")->kind, SITE_CALL);
	assert_string_equal(sites.unseen, "");
	probe_sites__destroy(&sites);
}

static void only_what_may_throw_has_return_sites(void **state)
{
	struct probe_sites sites;

	(void)state;
	scan_assembly(NEW("push %rbp\npop %rbp\n" EXIT("e1", "ret")) SIMPLE("_ZnwmRKSt9nothrow_t")
			      SIMPLE("_ZdlPv"),
		"", &sites);
	assert_string_equal(exits(&sites), "e1 ");
	assert_int_equal(find_site(&sites, "malloc")->kind, SITE_CALL);
	assert_int_equal(find_site(&sites, "_Znwm")->kind, SITE_ENTRY);
	assert_int_equal(find_site(&sites, "_ZnwmRKSt9nothrow_t")->kind, SITE_CALL);
	assert_int_equal(find_site(&sites, "_ZdlPv")->kind, SITE_FREE);
	for (size_t i = 0; i < sites.cnt; i++)
		assert_int_equal(sites.sites[i].cost,
			sites.sites[i].kind == SITE_RETURN ? SITE_SINGLE_STEPPED : SITE_EMULATED);
	probe_sites__destroy(&sites);
}

static void every_form_of_ret_is_an_exit(void **state)
{
	(void)state;
	assert_exits(
		NEW("test %rdi,%rdi\nje 1f\n" EXIT("e1", "ret") "1: jp 2f\n" EXIT("e2",
			"rep ret") "2: js 3f\n" EXIT("e3", "bnd ret") "3: " EXIT("e4", "ret $8")),
		"e1 e2 e3 e4 ");
}

static void tail_jumps_lead_to_exits_of_other_functions(void **state)
{
	(void)state;
	assert_exits(NEW("jmp helper\n") LOCAL("helper", EXIT("e1", "ret")), "e1 ");
	assert_exits(NEW("test %rdi,%rdi\nje helper\n" EXIT("e1", "ret"))
			     LOCAL("helper", "jmp deeper\n") LOCAL("deeper", EXIT("e2", "ret")),
		"e1 e2 ");
	assert_exits(NEW("jmp helper@plt\n") FUNCTION("helper", EXIT("e1", "ret")), "e1 ");
	assert_exits(
		NEW("jmp *helper@GOTPCREL(%rip)\n") FUNCTION("helper", EXIT("e1", "ret")), "e1 ");
	/* of two functions: one site */
	assert_exits(NEW("jmp helper\n") FUNCTION("_Znam", "jmp helper\n")
			     LOCAL("helper", EXIT("e1", "ret")),
		"e1 ");
	/* one that is called comes back; its rets are its own */
	assert_exits(
		NEW("call helper\n" EXIT("e1", "ret")) LOCAL("helper", EXIT("e2", "ret")), "e1 ");
	assert_exits(NEW("1: dec %rdi\njne 1b\n" EXIT("e1", "ret")), "e1 ");
	assert_exits(NEW("ud2\n" EXIT("e1", "ret")), "");
}

static void a_jump_to_what_has_a_return_probe_is_its_call(void **state)
{
	(void)state;
#define OR_MALLOC(jump) NEW("test %rdi,%rdi\nje 1f\n" EXIT("e1", "ret") "1: " jump "\n")
	assert_exits(OR_MALLOC("jmp malloc@plt"), "e1 ");
	assert_exits(OR_MALLOC("jmp *calloc@GOTPCREL(%rip)"), "e1 ");
	assert_exits(OR_MALLOC("jmp inner") ".set inner, malloc\n.local inner\n", "e1 ");
	/* others that may throw have none */
	assert_exits(OR_MALLOC("jmp _Znam@plt") FUNCTION("_Znam", EXIT("e2", "ret")), "e1 e2 ");
	assert_exits(OR_MALLOC("jmp free@plt"), "e1 ? ");
}

static void behind_the_last_call_of_a_function_nothing_comes(void **state)
{
	static const char call_cold[] = NEW(".cfi_startproc\ntest %rdi,%rdi\nje 1f\n" EXIT(
		"e1", "ret") "1: call abort@plt\n"
			     ".cfi_endproc\n.byte 0x90\n" EXIT("e2", "ret"));

	(void)state;
	assert_exits(call_cold, "e1 ");
	/* where nobody tells the end, a ret too many is found */
	assert_exits(
		NEW("test %rdi,%rdi\nje 1f\n" EXIT("e1", "ret") "1: call abort@plt\n"
								".byte 0x90\n" EXIT("e2", "ret")),
		"e1 e2 ");
	/* in its middle, a call comes back */
	assert_exits(
		NEW(".cfi_startproc\ncall abort@plt\n" EXIT("e1", "ret") ".cfi_endproc\n"), "e1 ");
}

static void landing_pads_lead_to_exits(void **state)
{
	(void)state;
	assert_exits(CATCHING("0x1b, table", "pad: pop %rbx\n" EXIT("e2", "ret")) LSDA_HEADER(
			     ".byte 0xff", "1") ".uleb128 calls - entry, called - calls, "
						"pad - entry, 1\nlast:\n",
		"e1 e2 ");
	assert_exits(CATCHING("0x1b, table", "pad: pop %rbx\n" EXIT("e2", "ret"))
			     LSDA_HEADER(".byte 0xff", "3") ".long calls - entry, called - calls, "
							    "pad - entry\n.byte 0\nlast:\n",
		"e1 e2 ");
	/* none for this call */
	assert_exits(CATCHING("0x1b, table", "pad: pop %rbx\n" EXIT("e2", "ret")) LSDA_HEADER(
			     ".byte 0xff", "1") ".uleb128 calls - entry, called - calls, "
						"0, 0\nlast:\n",
		"e1 ");
	/* in a cold part that has a base of its own */
	assert_exits(CATCHING("0x1b, table", "") "cold: nop\npad: jmp out\n" LOCAL(
			     "out", EXIT("e2", "ret")) LSDA_HEADER(".byte 0x1b\n.long cold - .",
			     "1") ".uleb128 calls - entry, called - calls, pad - cold, 1\nlast:\n",
		"e1 e2 ");
}

static void assert_unseen(const char *text, const char *expected, const char *unseen)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	assert_string_equal(names(&sites), expected);
	assert_string_equal(exits(&sites), "");
	if (!strstr(sites.unseen, unseen))
		fail_msg("%s: not told: %s", sites.unseen, unseen);
	assert_string_equal(sites.reason, "");
	probe_sites__destroy(&sites);
}

static void what_may_return_anywhere_is_not_probed(void **state)
{
	static const char others[] = "malloc free ";

	(void)state;
	assert_unseen(NEW("test %rdi,%rdi\nje 1f\nret\n1: jmp *%rax\n"), others,
		"_Znwm: not probed (may throw, and not all returns can be found: an indirect "
		"jump)");
	assert_unseen(NEW("jmp *(%rdx,%rdi,8)\n"), others, "an indirect jump");
	assert_unseen(NEW("jmp elsewhere@plt\n"), others, "a jump to another file");
	assert_unseen(NEW("nop\n.byte 0x06\nret\n"), others, "no instruction");
	assert_unseen(NEW("lretq\n"), others, "a far return");
	assert_unseen(NEW("iretq\n"), others, "a far return");
	assert_unseen(NEW(".rept 65\nje 1f\nret\n1:\n.endr\nret\n"), others, "too many returns");
	assert_unseen(NEW(".rept 9000\nnop\n.endr\nret\n"), others, "too much code");
	assert_unseen(NEW("jmp *%rax\n") FUNCTION("_Znam", "jmp *%rdx\n"), others,
		"_Znwm and 1 more: not probed");
	assert_unseen(CATCHING("0x1b, table", "") LSDA_HEADER(".byte 0xff", "1") ".byte 1\nlast:\n",
		others, "landing pads that cannot be read");
	assert_unseen(CATCHING("0x9b, table", "") LSDA_HEADER(".byte 0xff", "1") "last:\n", others,
		"landing pads that cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_may_throw_has_return_sites),
		cmocka_unit_test(every_form_of_ret_is_an_exit),
		cmocka_unit_test(tail_jumps_lead_to_exits_of_other_functions),
		cmocka_unit_test(a_jump_to_what_has_a_return_probe_is_its_call),
		cmocka_unit_test(behind_the_last_call_of_a_function_nothing_comes),
		cmocka_unit_test(landing_pads_lead_to_exits),
		cmocka_unit_test(what_may_return_anywhere_is_not_probed),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
