/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* user/util/log.c: stderr is caught in a file and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "util/log.h"

static char caught[4096];

/* What `say` writes to stderr, in `caught`. */
static void catch_stderr(void (*say)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t sz;

	assert_non_null(file);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	sz = fread(caught, 1, sizeof(caught) - 1, file);
	caught[sz] = '\0';
	fclose(file);
}

static void say_error(void)
{
	log_error("cannot open %s: %d", "/x", 7);
}

static void say_warning(void)
{
	log_warn("slow");
}

static void say_hostile(void)
{
	log_error("%s", "a\nheaptap: forged\x1b[2J\xff");
}

static void say_details(void)
{
	log_debug(1, "one");
	log_debug(2, "two");
}

static void say_with_errno(void)
{
	errno = ENOSPC;
	log_error("%m");
	assert_int_equal(errno, ENOSPC);
}

static void errors_and_warnings_are_one_line_each(void **state)
{
	(void)state;
	catch_stderr(say_error);
	assert_string_equal(caught, "heaptap: cannot open /x: 7\n");
	catch_stderr(say_warning);
	assert_string_equal(caught, "heaptap: warning: slow\n");
}

static void bytes_of_targets_cannot_forge_lines(void **state)
{
	(void)state;
	catch_stderr(say_hostile);
	assert_string_equal(caught, "heaptap: a\\x0aheaptap: forged\\x1b[2J\\xff\n");
}

static void details_are_told_when_asked_for(void **state)
{
	(void)state;
	log_verbosity = 0;
	catch_stderr(say_details);
	assert_string_equal(caught, "");
	log_verbosity = 1;
	catch_stderr(say_details);
	assert_string_equal(caught, "heaptap: one\n");
	log_verbosity = 2;
	catch_stderr(say_details);
	assert_string_equal(caught, "heaptap: one\nheaptap: two\n");
	log_verbosity = 0;
}

static void errno_is_kept(void **state)
{
	(void)state;
	catch_stderr(say_with_errno);
	assert_string_equal(caught, "heaptap: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_and_warnings_are_one_line_each),
		cmocka_unit_test(bytes_of_targets_cannot_forge_lines),
		cmocka_unit_test(details_are_told_when_asked_for),
		cmocka_unit_test(errno_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
