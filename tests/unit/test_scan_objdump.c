/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From ELF files to probe sites: real allocators, beside what nm and objdump say of them. */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <heaptap/event.h>
#include <limits.h>

#include "scan_fixture.h"

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
	built__run("echo 'int main(int c, char **) { delete new int(c); delete[] new char[c]; }'"
		   " > new.cc && c++ -O0 -static new.cc -o new");
	assert_int_equal(scan(in_directory("new"), &sites), 0);
	assert_non_null(find_site(&sites, "malloc"));
	assert_non_null(find_site(&sites, "free"));
	assert_null(strstr(names(&sites), "_Z"));
	for (size_t i = 0; i < sites.cnt; i++)
		assert_sound_by_objdump(in_directory("new"), &sites.sites[i]);
	probe_sites__destroy(&sites);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_of_real_allocators_has_all_its_returns),
		cmocka_unit_test(sites_in_real_allocators_are_sound_as_objdump_sees_them),
		cmocka_unit_test(the_known_sites_of_debian_s_libc),
		cmocka_unit_test(static_cxx_program_has_wrappers_only),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
