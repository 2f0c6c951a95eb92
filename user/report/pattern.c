/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * As the sanitizers match, with what is odd about it, so that a file of suppressions means the same
 * here: each piece between the stars is looked for once, where it comes first ("ab$" does not match
 * "abab"), and an empty pattern matches every name.
 */
#include "report/pattern.h"

#include <string.h>

bool pattern__matches(const char *pattern, const char *text)
{
	bool at_front = *pattern == '^', after_star = false;

	if (!text || !*text)
		return false;
	pattern += at_front;
	while (*pattern && *pattern != '$') {
		size_t sz = strcspn(pattern, "*$");
		const char *found;

		if (!sz) {
			pattern++;
			after_star = true;
			at_front = false;
			continue;
		}
		found = *text ? memmem(text, strlen(text), pattern, sz) : NULL;
		if (!found || (at_front && found != text))
			return false;
		text = found + sz;
		pattern += sz;
		at_front = after_star = false;
	}
	return !*pattern || !*text || after_star;
}
