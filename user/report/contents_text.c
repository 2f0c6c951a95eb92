/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording's contents are hostile, too: nothing is taken for granted of the digits. */
#include "report/contents_text.h"

#include <stdlib.h>
#include <string.h>

static int digit(char character)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = character ? strchr(digits, character) : NULL;

	return at ? at - digits : -1;
}

char *contents__text(const char *hex)
{
	char *text = malloc(strlen(hex) / 2 + 1), *to = text;

	while (text && digit(hex[0]) >= 0 && digit(hex[1]) >= 0) {
		int byte = digit(hex[0]) << 4 | digit(hex[1]);

		*to++ = byte >= ' ' && byte < 0x7f ? byte : '.';
		hex += 2;
	}
	if (text)
		*to = '\0';
	return text;
}
