/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Output compared with a file of tests/unit/golden/. HEAPTAP_UPDATE_GOLDEN=1 writes the files anew:
 * read the difference before it is committed, for the comparison proves nothing about that run. A
 * unit test is one file, so these functions are in a header.
 */
#ifndef HEAPTAP_TESTS_GOLDEN_H
#define HEAPTAP_TESTS_GOLDEN_H

#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "report/summary.h"

/* The folder of the tests' sources: as it was compiled, or HEAPTAP_TESTS_DIR if it has moved. */
static inline const char *tests__path(char *buf, size_t buf_sz, const char *name)
{
	char source[] = __FILE__;
	const char *dir = getenv("HEAPTAP_TESTS_DIR");

	snprintf(buf, buf_sz, "%s/%s", dir ? dir : dirname(source), name);
	return buf;
}

/* A rendered summary, which must be told as written. free() */
static inline char *golden__render(const struct renderer *renderer, const struct summary *summary,
	const struct render_options *options, size_t *ret_sz)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_sz);

	assert_non_null(out);
	assert_int_equal(renderer->render(summary, options, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* The golden file's text; free(). With HEAPTAP_UPDATE_GOLDEN it becomes `text` first. */
static inline char *golden__read(const char *name, const char *extension, const char *text)
{
	const char *update = getenv("HEAPTAP_UPDATE_GOLDEN");
	char file_name[128], path[PATH_MAX], *golden = NULL;
	size_t cap = 0;
	FILE *file;

	snprintf(file_name, sizeof(file_name), "golden/%s.%s", name, extension);
	tests__path(path, sizeof(path), file_name);
	if (update && !strcmp(update, "1")) {
		file = fopen(path, "w");
		if (!file || fputs(text, file) < 0 || fclose(file))
			fail_msg("cannot write %s", path);
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("cannot read %s: HEAPTAP_UPDATE_GOLDEN=1 makes it", path);
	if (getdelim(&golden, &cap, '\0', file) < 0)
		fail_msg("cannot read %s", path);
	fclose(file);
	return golden;
}

#endif
