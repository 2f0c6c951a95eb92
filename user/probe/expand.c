/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* $LIB was fixed when the dynamic linker was built, and is not written down anywhere: all known
 * values are tried. $PLATFORM is what the kernel says, AT_PLATFORM. */
#include <string.h>
#include <sys/auxv.h>

#include "probe/expand.h"

const char *const library_directory_names[] = {"lib/x86_64-linux-gnu", "lib64", "lib", NULL};

/* The length of a token at the start of text, without its dollar sign; 0: it isn't this one. */
static size_t token_sz(const char *text, size_t text_sz, const char *token)
{
	size_t sz = strlen(token);

	if (text_sz >= sz && memcmp(text, token, sz) == 0)
		return sz;
	if (text_sz >= sz + 2 && text[0] == '{' && memcmp(text + 1, token, sz) == 0 &&
		text[sz + 1] == '}')
		return sz + 2;
	return 0;
}

bool expand__has_lib(const char *text, size_t text_sz)
{
	for (size_t i = 0; i < text_sz; i++)
		if (text[i] == '$' && token_sz(text + i + 1, text_sz - i - 1, "LIB") > 0)
			return true;
	return false;
}

/* What a token stands for; text is what follows the dollar sign. NULL: it is no token. */
static const char *token_value(
	const char *text, size_t text_sz, const char *origin, const char *lib, size_t *ret_sz)
{
	if ((*ret_sz = token_sz(text, text_sz, "ORIGIN")) > 0)
		return origin;
	if ((*ret_sz = token_sz(text, text_sz, "LIB")) > 0)
		return lib;
	if ((*ret_sz = token_sz(text, text_sz, "PLATFORM")) > 0) {
		const char *platform = (const char *)getauxval(AT_PLATFORM);

		return platform ? platform : "x86_64";
	}
	return NULL;
}

bool expand__tokens(const char *text, size_t text_sz, const char *origin, const char *lib,
	char *buf, size_t buf_sz)
{
	size_t used = 0;

	for (size_t i = 0; i < text_sz;) {
		const char *value = NULL;
		size_t sz = 0;

		if (text[i] == '$')
			value = token_value(text + i + 1, text_sz - i - 1, origin, lib, &sz);
		i += 1 + (value ? sz : 0);
		sz = value ? strlen(value) : 1;
		if (buf_sz - used <= sz)
			return false;
		memcpy(buf + used, value ? value : text + i - 1, sz);
		used += sz;
	}
	if (used == buf_sz)
		return false;
	buf[used] = '\0';
	return true;
}
