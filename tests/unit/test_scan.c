/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From ELF files to probe sites: files assembled for one rule each, real allocators beside what nm
 * and objdump say of them, and files that lie.
 */
#include <linux/types.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <heaptap/event.h>

#include "probe/scan.h"

#define LIBRARIES "/usr/lib/x86_64-linux-gnu/"

static char directory[PATH_MAX];

static const char *in_directory(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[4 * PATH_MAX];
	int used = snprintf(command, sizeof(command), "cd '%s' && ", directory);
	va_list args;

	va_start(args, format);
	vsnprintf(command + used, sizeof(command) - used, format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static int scan_for(const char *path, bool with_mapping, struct probe_sites *ret_sites)
{
	int fd = open(path, O_RDONLY);
	int err;

	assert_true(fd >= 0);
	err = probe_sites__scan(fd, "", with_mapping, ret_sites);
	close(fd);
	return err;
}

static int scan(const char *path, struct probe_sites *ret_sites)
{
	return scan_for(path, false, ret_sites);
}

static const struct probe_site *find_site(const struct probe_sites *sites, const char *name)
{
	for (size_t i = 0; i < sites->cnt; i++)
		if (strcmp(sites->sites[i].name, name) == 0)
			return &sites->sites[i];
	return NULL;
}

/* The names of the functions that are probed, in order, each with a blank behind it. */
static const char *names(const struct probe_sites *sites)
{
	static char text[4096];

	text[0] = '\0';
	for (size_t i = 0; i < sites->cnt; i++) {
		if (sites->sites[i].kind == SITE_RETURN)
			continue;
		strcat(text, sites->sites[i].name);
		strcat(text, " ");
	}
	return text;
}

/* A global function of an assembler text. */
#define FUNCTION(name, body)                                                                       \
	".globl " name "\n.type " name ", @function\n" name ":\n" body ".size " name ", .-" name   \
	"\n.balign 256, 0xcc\n"
#define SIMPLE(name) FUNCTION(name, "push %rbp\npop %rbp\nret\n")
#define STATIC(name) ".type " name ", @function\n" name ": push %rbp\npop %rbp\nret\n"

/* Links an assembler text as a library, and scans it. */
static void scan_assembly(const char *text, const char *flags, struct probe_sites *ret_sites)
{
	FILE *file = fopen(in_directory("case.s"), "w");

	assert_non_null(file);
	fputs(".text\n", file);
	fputs(text, file);
	fputs("\n.section .note.GNU-stack,\"\",@progbits\n", file);
	fclose(file);
	run("cc -nostdlib -shared %s case.s -o case.so", flags);
	assert_int_equal(scan(in_directory("case.so"), ret_sites), 0);
}

static void assert_names(const char *text, const char *expected)
{
	struct probe_sites sites;

	scan_assembly(text, "", &sites);
	assert_string_equal(names(&sites), expected);
	probe_sites__destroy(&sites);
}

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
	run("printf '.globl _start, malloc\\n.type malloc, @function\\n_start: malloc: nop\\n' > "
	    "exe.s");
	run("cc -nostdlib -static -Wl,-z,noexecstack exe.s -o exe");
	assert_int_equal(scan(in_directory("exe"), &sites), 0);
	assert_string_equal(names(&sites), "malloc ");
	probe_sites__destroy(&sites);
	run("strip exe");
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
	run("echo 'V1 { }; V2 { } V1;' > versions");
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

static void operators_without_malloc_are_left_to_their_allocator(void **state)
{
	struct probe_sites sites;

	(void)state;
	scan_assembly(SIMPLE("_Znwm") SIMPLE("_ZdlPv"), "", &sites);
	assert_int_equal(sites.cnt, 0);
	assert_non_null(strstr(sites.reason, "no malloc"));
	probe_sites__destroy(&sites);
}

#define MALLOC_AND_FREE SIMPLE("malloc") SIMPLE("free")

static void operators_of_their_own_are_probed_beside_malloc(void **state)
{
	(void)state;
	assert_names(MALLOC_AND_FREE SIMPLE("_Znwm") SIMPLE("_ZdlPv"), "malloc free _Znwm _ZdlPv ");
}

#define NEW_AROUND(call)                                                                           \
	MALLOC_AND_FREE FUNCTION("_Znwm", "push %rbx\nmov %rdi,%rbx\n" call "pop %rbx\nret\n")

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
	static const char text[] =
		NEW_AROUND("call mmap@plt\n") SIMPLE("mmap") FUNCTION("_ZnwmRKSt9nothrow_t",
			"jmp mmap\n");

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

/* ---- functions that may throw (exits.h) ---- */

/* The address of what lies at an offset in a file. */
static uint64_t address_at(const char *path, uint64_t offset)
{
	int fd = open(path, O_RDONLY);
	uint64_t address = 0;
	Elf64_Ehdr header;
	Elf64_Phdr segment;

	assert_int_equal(read(fd, &header, sizeof(header)), sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		assert_int_equal(
			pread(fd, &segment, sizeof(segment), header.e_phoff + i * sizeof(segment)),
			sizeof(segment));
		if (segment.p_type == PT_LOAD && segment.p_flags & PF_X &&
			offset - segment.p_offset < segment.p_filesz)
			address = segment.p_vaddr + (offset - segment.p_offset);
	}
	close(fd);
	return address;
}

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

#define EXIT(name, ret) ".globl " name "\n" name ": " ret "\n"
#define NEW(body) MALLOC_AND_FREE FUNCTION("_Znwm", body)
#define LOCAL(name, body) ".type " name ", @function\n" name ":\n" body ".balign 64, 0xcc\n"

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

/* A call, and the landing pad of an exception from it, which no jump leads to. */
#define CATCHING(lsda, pad)                                                                        \
	NEW(".cfi_startproc\n.cfi_lsda " lsda                                                      \
	    "\nentry: push %rbx\ncalls: call abort@plt\ncalled:\n"                                 \
	    "pop %rbx\n" EXIT("e1", "ret") pad ".cfi_endproc\n")
#define LSDA_HEADER(base, encoding)                                                                \
	".section .gcc_except_table,\"a\"\ntable: " base "\n.byte 0xff, " encoding "\n"            \
	".uleb128 last - first\nfirst: "

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

/* A line of objdump: "  98ef3:\t0f 84 bf 00 00 00    \tje     98fb8 <free+0xc8>". */
struct disassembled {
	uint64_t address;
	uint8_t bytes[16];
	size_t bytes_cnt;
	char text[128];
};

static int next_instruction(FILE *objdump, struct disassembled *ret_instruction)
{
	char line[512], *cursor;

	while (fgets(line, sizeof(line), objdump)) {
		char *tab = strchr(line, '\t');
		char *text = tab ? strchr(tab + 1, '\t') : NULL;

		if (!text || !strchr(" 0123456789abcdef", line[0]))
			continue;
		*text = '\0';
		ret_instruction->address = strtoull(line, &cursor, 16);
		ret_instruction->bytes_cnt = 0;
		for (cursor = tab + 1; *cursor && *cursor != ' ';) {
			ret_instruction->bytes[ret_instruction->bytes_cnt++] =
				strtoul(cursor, &cursor, 16);
			cursor += *cursor == ' ';
		}
		snprintf(ret_instruction->text, sizeof(ret_instruction->text), "%s", text + 1);
		ret_instruction->text[strcspn(ret_instruction->text, "\n#")] = '\0';
		return 1;
	}
	return 0;
}

static int is_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strncmp(text, *words, strlen(*words)) == 0 &&
			strchr(" \t", text[strlen(*words)]))
			return 1;
	return 0;
}

/* By its text, as the kernel's list has it. */
static int text_is_emulated(const char *text)
{
	static const char *const words[] = {"jo", "jno", "jb", "jae", "je", "jne", "jbe", "ja",
		"js", "jns", "jp", "jnp", "jl", "jge", "jle", "jg", "jmp", "call", NULL};

	if (strncmp(text, "push", 4) == 0)
		return text[strcspn(text, "%$*(")] == '%';
	return is_word(text, words) && !strchr(text, '*');
}

/* Whether an instruction of AT&T syntax leaves these registers, and the stack, as they are: its
 * last operand is neither them nor memory, unless it only compares. */
static int text_is_harmless(const char *text, uint8_t args)
{
	static const char *const comparing[] = {"cmp", "cmpb", "cmpl", "cmpq", "cmpw", "test",
		"testb", "testl", "testq", "endbr64", "nop", "nopw", "nopl", "bt", NULL};
	static const char *const families[][4] = {{"%rdi", "%edi", "%di", "%dil"},
		{"%rsi", "%esi", "%si", "%sil"}, {"%rdx", "%edx", "%dx", "%dl"},
		{"%rsp", "%esp", "%sp", "%spl"}};
	const char *last = strrchr(text, '%');

	if (is_word(text, comparing) || strncmp(text, "endbr64", 7) == 0)
		return 1;
	if (text_is_emulated(text) || !last || strchr(last, ')') || strncmp(text, "mul", 3) == 0)
		return 0;
	for (size_t f = 0; f < 4; f++)
		for (size_t i = 0; i < 4; i++)
			if (((args | 8) >> f & 1) &&
				strncmp(last, families[f][i], strlen(families[f][i])) == 0 &&
				strchr(" \t", last[strlen(families[f][i])]))
				return 0;
	return 1;
}

static uint8_t args_of(const struct probe_site *site)
{
	unsigned bits = 1u << COOKIE_SIZE_ARG(site->cookie) | 1u << COOKIE_COUNT_ARG(site->cookie) |
			1u << COOKIE_BLOCK_ARG(site->cookie) | 1u << COOKIE_OUT_ARG(site->cookie);

	return bits >> 1;
}

/* The address of a function, as nm has it. */
static uint64_t range_by_nm(const char *path, const char *name, uint64_t *ret_end)
{
	char command[PATH_MAX + 128];
	unsigned long long address = 0, sz = 0;
	FILE *nm;

	snprintf(command, sizeof(command),
		"(nm -SD --defined-only --without-symbol-versions '%s'; nm -S '%s') 2>/dev/null | "
		"awk '$4 == \"%s\" && $3 ~ /[TWi]/ {print $1, $2; exit}'",
		path, path, name);
	nm = popen(command, "r");
	assert_int_equal(fscanf(nm, "%llx %llx", &address, &sz), 2);
	pclose(nm);
	*ret_end = address + sz;
	return address;
}

static uint64_t address_by_nm(const char *path, const char *name)
{
	uint64_t end;

	return range_by_nm(path, name, &end);
}

/* Reads what the file has at the site. */
static void assert_bytes_at_site(
	const char *path, const struct probe_site *site, const struct disassembled *instruction)
{
	uint8_t bytes[16];
	int fd = open(path, O_RDONLY);

	assert_int_equal(pread(fd, bytes, instruction->bytes_cnt, site->file_offset),
		instruction->bytes_cnt);
	close(fd);
	assert_memory_equal(bytes, instruction->bytes, instruction->bytes_cnt);
}

static int text_is_ret(const char *text)
{
	static const char *const prefixes[] = {"bnd ", "repz ", "rep "};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			text += strlen(prefixes[i]);
	return strncmp(text, "ret", 3) == 0;
}

static int is_return_site(const char *path, const struct probe_sites *sites, uint64_t address)
{
	for (size_t i = 0; i < sites->cnt; i++)
		if (sites->sites[i].kind == SITE_RETURN &&
			address_at(path, sites->sites[i].file_offset) == address)
			return 1;
	return 0;
}

/* Every ret in the body of a function that may throw, as nm and objdump tell them, is a site. */
static size_t assert_rets_of_body(
	const char *path, const struct probe_sites *sites, const struct probe_site *entry)
{
	uint64_t end, address = range_by_nm(path, entry->name, &end);
	struct disassembled instruction;
	char command[PATH_MAX + 256];
	size_t ret_cnt = 0;
	FILE *objdump;

	snprintf(command, sizeof(command),
		"objdump -dw --start-address=%#llx --stop-address=%#llx '%s'",
		(unsigned long long)address, (unsigned long long)end, path);
	objdump = popen(command, "r");
	while (next_instruction(objdump, &instruction)) {
		if (!text_is_ret(instruction.text))
			continue;
		assert_true(is_return_site(path, sites, instruction.address));
		ret_cnt++;
	}
	pclose(objdump);
	return ret_cnt;
}

/* Every return site is a ret. */
static void assert_returns_by_objdump(const char *path, const struct probe_sites *sites)
{
	struct disassembled instruction;
	char command[PATH_MAX + 64];
	size_t wanted = 0, found = 0;
	FILE *objdump;

	for (size_t i = 0; i < sites->cnt; i++)
		wanted += sites->sites[i].kind == SITE_RETURN;
	snprintf(command, sizeof(command), "objdump -dw '%s'", path);
	objdump = popen(command, "r");
	while (next_instruction(objdump, &instruction))
		if (text_is_ret(instruction.text))
			found += is_return_site(path, sites, instruction.address);
	pclose(objdump);
	assert_int_equal(found, wanted);
}

static void new_of_real_allocators_has_all_its_returns(void **state)
{
	static const char *const libraries[] = {LIBRARIES "libjemalloc.so.2",
		LIBRARIES "libtcmalloc_minimal.so.4", LIBRARIES "libmimalloc.so.2"};
	struct probe_sites sites;

	(void)state;
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		const struct probe_site *nothrow;
		size_t entries = 0;

		if (access(libraries[i], R_OK) != 0)
			continue;
		assert_int_equal(scan(libraries[i], &sites), 0);
		assert_string_equal(sites.unseen, "");
		assert_returns_by_objdump(libraries[i], &sites);
		for (size_t k = 0; k < sites.cnt; k++) {
			if (sites.sites[k].kind != SITE_ENTRY)
				continue;
			entries++;
			assert_true(assert_rets_of_body(libraries[i], &sites, &sites.sites[k]) > 0);
		}
		assert_true(entries > 0);
		/* mimalloc's operator only hands on to it */
		nothrow = find_site(&sites, "mi_new_nothrow");
		if (!nothrow)
			nothrow = find_site(&sites, "_ZnwmRKSt9nothrow_t");
		assert_int_equal(nothrow->kind, SITE_CALL);
		probe_sites__destroy(&sites);
	}
}

static void assert_sound_by_objdump(const char *path, const struct probe_site *site)
{
	uint64_t entry = address_by_nm(path, site->name);
	struct disassembled instruction = {0};
	char command[PATH_MAX + 256];
	FILE *objdump;

	snprintf(command, sizeof(command),
		"objdump -dw --start-address=%#llx --stop-address=%#llx '%s'",
		(unsigned long long)entry, (unsigned long long)entry + 96, path);
	objdump = popen(command, "r");
	while (next_instruction(objdump, &instruction) &&
		instruction.address < entry + site->entry_delta)
		if (!text_is_harmless(instruction.text, args_of(site)))
			fail_msg("%s: %s before %s", path, instruction.text, site->instruction);
	while (fgets(command, sizeof(command), objdump))
		;
	pclose(objdump);
	assert_int_equal(instruction.address, entry + site->entry_delta);
	assert_int_equal(text_is_emulated(instruction.text), site->cost == SITE_EMULATED);
	assert_bytes_at_site(path, site, &instruction);
}

/* No direct branch in the whole file goes behind an entry, up to the site. */
static void assert_not_entered_by_objdump(const char *path, const struct probe_sites *sites)
{
	uint64_t entries[128];
	char line[512];
	FILE *objdump;

	for (size_t i = 0; i < sites->cnt; i++)
		entries[i] = address_by_nm(path, sites->sites[i].name);
	snprintf(line, sizeof(line),
		"objdump -dw --no-show-raw-insn '%s' | "
		"sed -nE 's/.*\\s(j[a-z]+|call|loop) +([0-9a-f]+) .*/\\2/p'",
		path);
	objdump = popen(line, "r");
	while (fgets(line, sizeof(line), objdump)) {
		uint64_t target = strtoull(line, NULL, 16);

		for (size_t i = 0; i < sites->cnt; i++)
			assert_false(target > entries[i] &&
				     target <= entries[i] + sites->sites[i].entry_delta);
	}
	pclose(objdump);
}

static void assert_sound(const char *path, size_t sites_min)
{
	struct probe_sites sites;

	assert_int_equal(scan_for(path, true, &sites), 0);
	assert_true(sites.cnt >= sites_min);
	for (size_t i = 0; i < sites.cnt; i++)
		if (sites.sites[i].kind != SITE_RETURN)
			assert_sound_by_objdump(path, &sites.sites[i]);
	assert_not_entered_by_objdump(path, &sites);
	probe_sites__destroy(&sites);
}

static void sites_in_real_allocators_are_sound_as_objdump_sees_them(void **state)
{
	static const char *const libraries[] = {LIBRARIES "libjemalloc.so.2",
		LIBRARIES "libtcmalloc_minimal.so.4", LIBRARIES "libmimalloc.so.2",
		"/usr/lib/x86_64-linux-musl/libc.so"};

	(void)state;
	assert_sound(LIBRARIES "libc.so.6", 9);
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++)
		if (access(libraries[i], R_OK) == 0)
			assert_sound(libraries[i], 9);
}

/* Debian 12's; another build of glibc has other prologues. */
static void the_known_sites_of_debian_s_libc(void **state)
{
	static const struct {
		const char *name;
		uint32_t delta;
	} known[] = {{"malloc", 0}, {"calloc", 0}, {"realloc", 0}, {"free", 3},
		{"aligned_alloc", 7}, {"posix_memalign", 7}};
	struct probe_sites sites;

	(void)state;
	if (system("grep -aq 'Debian GLIBC 2.36-9' " LIBRARIES "libc.so.6") != 0)
		skip();
	assert_int_equal(scan(LIBRARIES "libc.so.6", &sites), 0);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct probe_site *site = find_site(&sites, known[i].name);

		assert_int_equal(site->entry_delta, known[i].delta);
		assert_int_equal(site->cost, SITE_EMULATED);
	}
	/* cfree is free, memalign is aligned_alloc */
	assert_null(find_site(&sites, "cfree"));
	assert_null(find_site(&sites, "memalign"));
	probe_sites__destroy(&sites);
}

static void static_cxx_program_has_wrappers_only(void **state)
{
	struct probe_sites sites;

	(void)state;
	run("echo 'int main(int c, char **) { delete new int(c); delete[] new char[c]; }' > new.cc "
	    "&& "
	    "c++ -O0 -static new.cc -o new");
	assert_int_equal(scan(in_directory("new"), &sites), 0);
	assert_non_null(find_site(&sites, "malloc"));
	assert_non_null(find_site(&sites, "free"));
	assert_null(strstr(names(&sites), "_Z"));
	for (size_t i = 0; i < sites.cnt; i++)
		assert_sound_by_objdump(in_directory("new"), &sites.sites[i]);
	probe_sites__destroy(&sites);
}

/* A file in memory. */
static int memory_file(const void *bytes, size_t sz)
{
	int fd = memfd_create("scan", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, sz), sz);
	return fd;
}

static int scan_bytes(const void *bytes, size_t sz, struct probe_sites *ret_sites)
{
	int fd = memory_file(bytes, sz);
	int err = probe_sites__scan(fd, "", false, ret_sites);

	close(fd);
	return err;
}

static void assert_not_traced(uint8_t class, uint16_t machine, const char *reason)
{
	union {
		Elf64_Ehdr ehdr64;
		Elf32_Ehdr ehdr32;
	} header = {0};
	struct probe_sites sites = {0};

	memcpy(header.ehdr64.e_ident, ELFMAG, SELFMAG);
	header.ehdr64.e_ident[EI_CLASS] = class;
	header.ehdr64.e_ident[EI_DATA] = ELFDATA2LSB;
	header.ehdr64.e_ident[EI_VERSION] = EV_CURRENT;
	header.ehdr64.e_type = ET_DYN;
	header.ehdr64.e_machine = machine;
	header.ehdr64.e_version = EV_CURRENT;
	assert_int_equal(scan_bytes(&header, sizeof(header), &sites), -ENOTSUP);
	assert_string_equal(sites.reason, reason);
	assert_int_equal(sites.cnt, 0);
	probe_sites__destroy(&sites);
}

static void other_machines_are_refused_by_name(void **state)
{
	(void)state;
	assert_not_traced(ELFCLASS32, EM_386, "32-bit x86 program: not traced");
	assert_not_traced(ELFCLASS32, EM_X86_64, "x32 program: not traced");
	assert_not_traced(ELFCLASS64, EM_AARCH64, "aarch64 program: not traced");
	assert_not_traced(ELFCLASS64, 4711, "program of ELF machine 4711: not traced");
}

static void files_that_are_no_programs(void **state)
{
	struct probe_sites sites = {0};
	int fd = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(scan_bytes("", 0, &sites), -ENOEXEC);
	assert_int_equal(scan_bytes("#!/bin/sh\n", 10, &sites), -ENOEXEC);
	assert_int_equal(scan_bytes("\177ELF", 4, &sites), -ENOEXEC);
	assert_int_equal(probe_sites__scan(fd, "", false, &sites), -ENOEXEC);
	close(fd);
	assert_int_equal(probe_sites__scan(-1, "", false, &sites), -EBADF);
}

/* A small library with some of everything, and its bytes. */
static uint8_t *make_library(size_t *ret_sz)
{
	struct probe_sites sites;
	struct stat stat;
	uint8_t *bytes;
	int fd;

	scan_assembly(CATCHING("0x1b, table", "pad: pop %rbx\nret\n")
			      FUNCTION("_Znam", "jmp malloc@plt\n") SIMPLE("calloc") LSDA_HEADER(
				      ".byte 0xff", "1") ".uleb128 calls - entry, "
							 "called - calls, pad - entry, 1\nlast:\n",
		"", &sites);
	probe_sites__destroy(&sites);
	fd = open(in_directory("case.so"), O_RDONLY);
	assert_int_equal(fstat(fd, &stat), 0);
	bytes = malloc(stat.st_size);
	assert_int_equal(read(fd, bytes, stat.st_size), stat.st_size);
	close(fd);
	*ret_sz = stat.st_size;
	return bytes;
}

static void cut_files_neither_crash_nor_hang(void **state)
{
	struct probe_sites sites = {0};
	uint8_t *bytes;
	size_t sz;

	(void)state;
	bytes = make_library(&sz);
	for (size_t cut = 0; cut < sz; cut += cut < 512 ? 8 : 61) {
		if (scan_bytes(bytes, cut, &sites) == 0)
			probe_sites__destroy(&sites);
	}
	assert_int_equal(scan_bytes(bytes, sz, &sites), 0);
	assert_string_equal(names(&sites), "malloc calloc free _Znwm ");
	probe_sites__destroy(&sites);
	free(bytes);
}

/* Each 8-byte word of the headers and tables, by itself, as all ones and as a big number. */
static void lying_words_neither_crash_nor_hang(void **state)
{
	static const uint64_t lies[] = {UINT64_MAX, 0x7ffffffffffffff0, 0xffffffff, 0x1000};
	struct probe_sites sites = {0};
	uint8_t *bytes;
	size_t sz;

	(void)state;
	bytes = make_library(&sz);
	for (size_t at = 16; at + 8 <= sz; at += 8) {
		uint64_t saved, lie = lies[at / 8 % 4];

		memcpy(&saved, bytes + at, 8);
		if (saved == 0 && at > 1024)
			continue;
		memcpy(bytes + at, &lie, 8);
		if (scan_bytes(bytes, sz, &sites) == 0)
			probe_sites__destroy(&sites);
		memcpy(bytes + at, &saved, 8);
	}
	free(bytes);
}

static int make_directory(void **state)
{
	char name[] = "/tmp/test_scan.XXXXXX";

	(void)state;
	if (!mkdtemp(name) || !realpath(name, directory))
		return -1;
	return 0;
}

static int remove_directory(void **state)
{
	char command[2 * PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
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
		cmocka_unit_test(what_maps_is_probed_if_asked_for),
		cmocka_unit_test(what_maps_is_probed_beside_mmap_only),
		cmocka_unit_test(what_maps_is_no_allocator_that_an_operator_wraps),
		cmocka_unit_test(mapping_functions_have_their_arguments),
		cmocka_unit_test(a_site_that_something_else_enters_is_not_taken),
		cmocka_unit_test(only_what_may_throw_has_return_sites),
		cmocka_unit_test(every_form_of_ret_is_an_exit),
		cmocka_unit_test(tail_jumps_lead_to_exits_of_other_functions),
		cmocka_unit_test(a_jump_to_what_has_a_return_probe_is_its_call),
		cmocka_unit_test(behind_the_last_call_of_a_function_nothing_comes),
		cmocka_unit_test(landing_pads_lead_to_exits),
		cmocka_unit_test(what_may_return_anywhere_is_not_probed),
		cmocka_unit_test(new_of_real_allocators_has_all_its_returns),
		cmocka_unit_test(sites_in_real_allocators_are_sound_as_objdump_sees_them),
		cmocka_unit_test(the_known_sites_of_debian_s_libc),
		cmocka_unit_test(static_cxx_program_has_wrappers_only),
		cmocka_unit_test(other_machines_are_refused_by_name),
		cmocka_unit_test(files_that_are_no_programs),
		cmocka_unit_test(cut_files_neither_crash_nor_hang),
		cmocka_unit_test(lying_words_neither_crash_nor_hang),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
