/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cache of libraries, beside what ldconfig -p reads in it; and caches that lie. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "probe/ldcache.h"

#define HEADER_SZ 48
#define ENTRY_SZ 24

struct ldconfig_line {
	char name[256];
	char path[1024];
};

/* The next x86-64 line of `ldconfig -p`: "\tlibz.so.1 (libc6,x86-64) => /lib/.../libz.so.1". */
static int next_line(FILE *ldconfig, struct ldconfig_line *ret_line)
{
	char line[2048], kind[256];

	while (fgets(line, sizeof(line), ldconfig))
		if (sscanf(line, " %255s (%255[^)]) => %1023s", ret_line->name, kind,
			    ret_line->path) == 3 &&
			strstr(kind, "x86-64"))
			return 1;
	return 0;
}

static int is_in_cache(const struct ldcache *cache, const struct ldconfig_line *line)
{
	struct ldcache_entry entry;

	for (size_t i = 0; i < cache->entry_cnt; i++)
		if (ldcache__get(cache, i, &entry) && strcmp(entry.name, line->name) == 0 &&
			strcmp(entry.path, line->path) == 0)
			return 1;
	return 0;
}

static void has_the_entries_that_ldconfig_prints(void **state)
{
	FILE *ldconfig = popen("PATH=/sbin:/usr/sbin:$PATH ldconfig -p", "r");
	struct ldconfig_line line;
	struct ldcache_entry entry;
	struct ldcache cache;
	size_t line_cnt = 0, entry_cnt = 0;

	(void)state;
	assert_non_null(ldconfig);
	assert_int_equal(ldcache__open(LDCACHE_PATH, &cache), 0);
	for (; next_line(ldconfig, &line); line_cnt++)
		assert_true(is_in_cache(&cache, &line));
	pclose(ldconfig);
	for (size_t i = 0; i < cache.entry_cnt; i++)
		entry_cnt += ldcache__get(&cache, i, &entry);
	assert_true(line_cnt > 10);
	assert_int_equal(entry_cnt, line_cnt);
	ldcache__close(&cache);
}

/* A cache of one entry, whose strings are "a.so" and "/a.so". */
static size_t make_cache(uint8_t *buf, uint32_t flags, uint32_t name, uint32_t path)
{
	static const char strings[] = "a.so\0/a.so";
	uint32_t one = 1;

	memset(buf, 0, HEADER_SZ + ENTRY_SZ);
	memcpy(buf, "glibc-ld.so.cache1.1", 20);
	memcpy(buf + 20, &one, 4);
	memcpy(buf + HEADER_SZ, &flags, 4);
	memcpy(buf + HEADER_SZ + 4, &name, 4);
	memcpy(buf + HEADER_SZ + 8, &path, 4);
	memcpy(buf + HEADER_SZ + ENTRY_SZ, strings, sizeof(strings));
	return HEADER_SZ + ENTRY_SZ + sizeof(strings);
}

#define NAME_AT (HEADER_SZ + ENTRY_SZ)
#define PATH_AT (NAME_AT + 5)

/* On the heap, and of exactly that size, so that a sanitizer sees each byte read past the end. */
static int first_entry(
	const uint8_t *bytes, size_t sz, struct ldcache_entry *ret_entry, struct ldcache *ret_cache)
{
	uint8_t *copy = malloc(sz + !sz);
	int err;

	memcpy(copy, bytes, sz);
	err = ldcache__parse(copy, sz, ret_cache);
	if (err) {
		free(copy);
		return err;
	}
	return ret_cache->entry_cnt > 0 && ldcache__get(ret_cache, 0, ret_entry);
}

static void reads_an_entry(void **state)
{
	uint8_t bytes[256];
	size_t sz = make_cache(bytes, 0x0303, NAME_AT, PATH_AT);
	struct ldcache_entry entry;
	struct ldcache cache;

	(void)state;
	assert_int_equal(first_entry(bytes, sz, &entry, &cache), 1);
	assert_string_equal(entry.name, "a.so");
	assert_string_equal(entry.path, "/a.so");
	assert_false(entry.has_hwcap);
	ldcache__close(&cache);
}

static void leaves_out_other_machines_and_bad_offsets(void **state)
{
	static const struct {
		uint32_t flags, name, path;
	} bad[] = {
		{0x0003, NAME_AT, PATH_AT}, /* i386 */
		{0x0803, NAME_AT, PATH_AT}, /* x32 */
		{0x0303, 0xfffffff0, PATH_AT},
		{0x0303, NAME_AT, NAME_AT + 11}, /* just behind the end */
		{0x0303, NAME_AT, 0x7fffffff},
	};
	struct ldcache_entry entry;
	struct ldcache cache;
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t sz = make_cache(bytes, bad[i].flags, bad[i].name, bad[i].path);

		assert_int_equal(first_entry(bytes, sz, &entry, &cache), 0);
		ldcache__close(&cache);
	}
}

static void refuses_a_string_without_an_end(void **state)
{
	uint8_t bytes[256];
	size_t sz = make_cache(bytes, 0x0303, NAME_AT, PATH_AT) - 1;
	struct ldcache_entry entry;
	struct ldcache cache;

	(void)state;
	assert_int_equal(first_entry(bytes, sz, &entry, &cache), 0);
	ldcache__close(&cache);
}

static void refuses_more_entries_than_the_file_has(void **state)
{
	uint8_t bytes[256];
	size_t sz = make_cache(bytes, 0x0303, NAME_AT, PATH_AT);
	uint32_t counts[] = {2, 0x0aaaaaab, UINT32_MAX};
	struct ldcache_entry entry;
	struct ldcache cache;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		memcpy(bytes + 20, &counts[i], 4);
		assert_int_equal(first_entry(bytes, sz, &entry, &cache), -EINVAL);
	}
}

static void refuses_other_formats_and_short_files(void **state)
{
	uint8_t bytes[256];
	size_t sz = make_cache(bytes, 0x0303, NAME_AT, PATH_AT);
	struct ldcache_entry entry;
	struct ldcache cache;

	(void)state;
	for (size_t i = 0; i < HEADER_SZ + ENTRY_SZ; i++)
		assert_int_equal(first_entry(bytes, i, &entry, &cache), -EINVAL);
	memcpy(bytes, "ld.so-1.7.0", 11);
	assert_int_equal(first_entry(bytes, sz, &entry, &cache), -EINVAL);
	assert_int_equal(ldcache__open("/nonexistent/cache", &cache), -ENOENT);
	assert_int_equal(ldcache__open("/dev/null", &cache), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_entries_that_ldconfig_prints),
		cmocka_unit_test(reads_an_entry),
		cmocka_unit_test(leaves_out_other_machines_and_bad_offsets),
		cmocka_unit_test(refuses_a_string_without_an_end),
		cmocka_unit_test(refuses_more_entries_than_the_file_has),
		cmocka_unit_test(refuses_other_formats_and_short_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
