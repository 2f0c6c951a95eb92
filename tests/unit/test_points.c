/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions that somebody waits for, in this very program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/points.h"

/* Two returns, as neither branch can go on to the other. */
__attribute__((noinline, used)) int function_with_returns(volatile int *number)
{
	if (*number)
		return *number += 1;
	*number = 7;
	return 7;
}

/* It ends by a jump through a pointer. */
__attribute__((noinline, used, naked)) void function_without_returns(void)
{
	__asm__ volatile("jmp *%rdi");
}

static struct points points;
static struct probe_sites sites;
static char self[PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	return readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	probe_sites__destroy(&sites);
	points__destroy(&points);
	return 0;
}

static void scan(void)
{
	int fd = open(self, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(points__scan(&points, fd, self, &sites), 0);
	close(fd);
}

static size_t cnt_of(uint64_t cookie)
{
	size_t cnt = 0;

	for (size_t i = 0; i < sites.cnt; i++) {
		assert_int_equal(sites.sites[i].kind, SITE_POINT);
		cnt += sites.sites[i].cookie == cookie;
	}
	return cnt;
}

static void a_checkpoint_has_its_entry(void **state)
{
	(void)state;
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "function_with_returns"), 0);
	scan();
	assert_int_equal(sites.cnt, 1);
	assert_int_equal(cnt_of(POINT_COOKIE(0, POINT_CHECKPOINT)), 1);
	assert_true(points.places[0].is_found);
	assert_false(points__has_sections(&points));
}

static void a_section_has_its_returns_too(void **state)
{
	(void)state;
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main"), 0);
	assert_int_equal(points__add(&points, POINT_SECTION_ENTER, "function_with_returns"), 0);
	scan();
	assert_int_equal(cnt_of(POINT_COOKIE(1, POINT_SECTION_ENTER)), 1);
	assert_true(cnt_of(POINT_COOKIE(1, POINT_SECTION_RETURN)) >= 1);
	assert_null(points.places[1].problem);
	assert_true(points__has_sections(&points));
}

static void a_section_whose_returns_are_not_known_has_no_sites(void **state)
{
	(void)state;
	assert_int_equal(points__add(&points, POINT_SECTION_ENTER, "function_without_returns"), 0);
	scan();
	assert_int_equal(sites.cnt, 0);
	assert_true(points.places[0].is_found);
	assert_non_null(points.places[0].problem);
}

static void a_near_name_is_suggested(void **state)
{
	(void)state;
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "function_with_return"), 0);
	scan();
	assert_int_equal(sites.cnt, 0);
	assert_false(points.places[0].is_found);
	assert_true(points.places[0].was_met);
	assert_string_equal(points.places[0].meant, "function_with_returns");
}

static void only_the_file_that_was_named_is_looked_into(void **state)
{
	const char *slash = strrchr(self, '/');
	char by_name[PATH_MAX + 32], by_path[PATH_MAX + 32];

	(void)state;
	snprintf(by_name, sizeof(by_name), "main@%s", slash + 1);
	snprintf(by_path, sizeof(by_path), "main@%s", self);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, by_name), 0);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, by_path), 0);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main@other"), 0);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main@/dev/null"), 0);
	scan();
	assert_int_equal(sites.cnt, 2);
	for (size_t i = 0; i < points.cnt; i++)
		assert_int_equal(points.places[i].was_met, i < 2);
}

static void what_names_no_function_is_refused(void **state)
{
	char long_name[PLACE_NAME_MAX + 2];

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, ""), -EINVAL);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "@file"), -EINVAL);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main@"), -EINVAL);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, long_name), -EINVAL);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main@/no/such/file"), -ENOENT);
	assert_int_equal(points.cnt, 0);
	while (points.cnt < PLACES_MAX)
		assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main"), 0);
	assert_int_equal(points__add(&points, POINT_CHECKPOINT, "main"), -E2BIG);
}

static void a_file_that_is_no_program_has_none(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(points__add(&points, POINT_SECTION_ENTER, "main"), 0);
	assert_int_equal(points__scan(&points, fd, "/dev/null", &sites), -ENOEXEC);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint_has_its_entry),
		TEST(a_section_has_its_returns_too),
		TEST(a_section_whose_returns_are_not_known_has_no_sites),
		TEST(a_near_name_is_suggested),
		TEST(only_the_file_that_was_named_is_looked_into),
		TEST(what_names_no_function_is_refused),
		TEST(a_file_that_is_no_program_has_none),
	};

	return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
