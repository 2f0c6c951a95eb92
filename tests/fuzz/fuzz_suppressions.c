/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a file of suppressions, and its patterns on names: the bytes themselves, and the
 * patterns. A pattern that says less must match what one that says more does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/kind_rules.h"
#include "report/pattern.h"

/* Without signs a pattern is looked for as it is, with "^" at the front only. */
static void check_plain(const char *pattern, const char *text)
{
	char *anchored = malloc(strlen(pattern) + 2);
	bool found = *text && strstr(text, pattern);

	if (strpbrk(pattern, "*$") || *pattern == '^')
		goto out;
	strcpy(anchored, "^");
	strcat(anchored, pattern);
	if (pattern__matches(pattern, text) != found)
		abort();
	if (pattern__matches(anchored, text) != (*text && !strncmp(text, pattern, strlen(pattern))))
		abort();
out:
	free(anchored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz)
{
	char *text = strndup((const char *)data, sz);
	struct kind_rules rules = {0};
	size_t line = 0;

	kind_rules__add_suppressions(&rules, text, &line);
	if (!line || line > sz + 1)
		abort();
	for (size_t i = 0; i < rules.cnt; i++) {
		check_plain(rules.rules[i].pattern, text);
		for (size_t j = 0; j < rules.cnt && j < 16; j++)
			check_plain(rules.rules[i].pattern, rules.rules[j].pattern);
		pattern__matches(rules.rules[i].pattern, text);
	}
	kind_rules__destroy(&rules);
	free(text);
	return 0;
}
