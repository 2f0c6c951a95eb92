/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text for people and for parsers, out of bytes that nobody vouches for.
 *
 * Names of commands, files and functions come from the processes that are traced and from their
 * ELF files: they may hold anything but NUL. A terminal obeys control sequences among them (clear
 * the screen, set the title, answer as if typed), and a JSON reader refuses what is no UTF-8.
 * One walk cuts the bytes into valid characters and single bytes that are none; what either
 * becomes is up to the caller.
 *
 * Numbers are formatted with integers only: exact to 2^64, and the same in every locale.
 */
#include "util/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Well-formed UTF-8 by its first byte: RFC 3629, section 4; Unicode table 3-7. The second byte's
 * range is what keeps out overlong forms, surrogates and what lies above U+10FFFF.
 */
static const struct utf8_form {
	unsigned char first_min, first_max, second_min, second_max;
	unsigned char size;
} utf8_forms[] = {
	{0x01, 0x7f, 0x00, 0x00, 1},
	{0xc2, 0xdf, 0x80, 0xbf, 2},
	{0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3},
	{0xed, 0xed, 0x80, 0x9f, 3},
	{0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4},
	{0xf1, 0xf3, 0x80, 0xbf, 4},
	{0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Bytes of the character that begins here, 0 if none does. A string's NUL is no continuation byte,
 * so the walk cannot run past the end. */
static size_t utf8_size(const unsigned char *bytes)
{
	size_t form_cnt = sizeof(utf8_forms) / sizeof(*utf8_forms);

	for (size_t i = 0; i < form_cnt; i++) {
		const struct utf8_form *form = &utf8_forms[i];

		if (*bytes < form->first_min || *bytes > form->first_max)
			continue;
		if (form->size > 1 && (bytes[1] < form->second_min || bytes[1] > form->second_max))
			return 0;
		for (size_t at = 2; at < form->size; at++)
			if ((bytes[at] & 0xc0) != 0x80)
				return 0;
		return form->size;
	}
	return 0;
}

static uint32_t utf8_code(const unsigned char *bytes, size_t size)
{
	/* the first byte of a form of n bytes has n + 1 bits of marking */
	uint32_t code = size == 1 ? *bytes : *bytes & (0x7f >> size);

	for (size_t i = 1; i < size; i++)
		code = code << 6 | (bytes[i] & 0x3f);
	return code;
}

/*
 * What must not reach a terminal: C0, DEL and C1 (ECMA-48), line and paragraph separators, and the
 * bidirectional marks that show a name as another one (Unicode UAX #9; CVE-2021-42574).
 */
static bool is_control(uint32_t code)
{
	static const struct {
		uint32_t min, max;
	} ranges[] = {
		{0x00, 0x1f},
		{0x7f, 0x9f},
		{0x61c, 0x61c},
		{0x200e, 0x200f},
		{0x2028, 0x202e},
		{0x2066, 0x2069},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (code >= ranges[i].min && code <= ranges[i].max)
			return true;
	return false;
}

/* The bytes of one character, or one byte that is no part of any. Returns the end of what it wrote,
 * at most four bytes for each that it was given. */
typedef char *(*put_fn)(char *to, const unsigned char *bytes, size_t size, bool valid);

static char *put_printable(char *to, const unsigned char *bytes, size_t size, bool valid)
{
	if (valid && !is_control(utf8_code(bytes, size)))
		return mempcpy(to, bytes, size);
	for (size_t i = 0; i < size; i++)
		to += sprintf(to, "\\x%02x", bytes[i]);
	return to;
}

static char *put_utf8(char *to, const unsigned char *bytes, size_t size, bool valid)
{
	return valid ? mempcpy(to, bytes, size) : stpcpy(to, "\xef\xbf\xbd"); /* U+FFFD */
}

static char *convert(const char *text, put_fn put)
{
	const unsigned char *bytes = (const unsigned char *)text;
	char *result, *to;

	if (!text)
		return NULL;
	result = calloc(strlen(text) + 1, 4);
	if (!result)
		return NULL;
	to = result;
	while (*bytes) {
		size_t size = utf8_size(bytes);

		to = put(to, bytes, size ? size : 1, size);
		bytes += size ? size : 1;
	}
	*to = '\0';
	return result;
}

char *text__printable(const char *bytes)
{
	return convert(bytes, put_printable);
}

char *text__utf8(const char *bytes)
{
	return convert(bytes, put_utf8);
}

const char *text__find_control(const char *text, uint32_t *ret_code, size_t *ret_sz)
{
	for (size_t sz; *text; text += sz) {
		const unsigned char *bytes = (const unsigned char *)text;

		sz = 1;
		if (*bytes >= ' ' && *bytes < 0x7f)
			continue; /* nearly all are */
		sz = utf8_size(bytes);
		sz = sz ? sz : 1;
		*ret_code = utf8_code(bytes, sz);
		*ret_sz = sz;
		if (is_control(*ret_code))
			return text;
	}
	return NULL;
}

/* bytes * scale / 2^shift, to the nearest: more than 64 bits, as long as it is too large to show */
static unsigned __int128 scaled(uint64_t bytes, unsigned int scale, unsigned int shift)
{
	unsigned __int128 half = shift ? (unsigned __int128)1 << (shift - 1) : 0;

	return ((unsigned __int128)bytes * scale + half) >> shift;
}

/* Three digits, without the zeros that end a fraction: 1.5, 12.3, 123. 1000 to 1023 keep four. */
char *text__bytes(char *buf, size_t buf_sz, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	static const struct form {
		unsigned int scale, limit;
		int digits; /* after the point */
	} forms[] = {{100, 1000, 2}, {10, 1000, 1}, {1, 1024, 0}};
	unsigned int form_cnt = sizeof(forms) / sizeof(*forms), at = 0, value, fraction;
	const struct form *form = forms;
	int digits;

	while (scaled(bytes, form->scale, at / form_cnt * 10) >= form->limit)
		form = &forms[++at % form_cnt];
	value = scaled(bytes, form->scale, at / form_cnt * 10);
	fraction = value % form->scale;
	for (digits = form->digits; digits && fraction % 10 == 0; digits--)
		fraction /= 10;
	if (digits)
		snprintf(buf, buf_sz, "%u.%0*u %s", value / form->scale, digits, fraction,
			units[at / form_cnt]);
	else
		snprintf(buf, buf_sz, "%u %s", value / form->scale, units[at / form_cnt]);
	return buf;
}

char *text__count(char *buf, size_t buf_sz, uint64_t count)
{
	char reversed[32]; /* 20 digits and 6 commas at most */
	size_t cnt = 0, at = 0;

	for (unsigned int digit = 1; digit == 1 || count; digit++, count /= 10) {
		reversed[cnt++] = '0' + count % 10;
		if (digit % 3 == 0 && count >= 10)
			reversed[cnt++] = ',';
	}
	while (cnt && at + 1 < buf_sz)
		buf[at++] = reversed[--cnt];
	if (buf_sz)
		buf[at] = '\0';
	return buf;
}

/* Rounded before it is cut into units, so that 59.99 s is told as a minute. "?" for what is no
 * length of time: negative, or no number. */
char *text__duration(char *buf, size_t buf_sz, double seconds)
{
	static const struct {
		uint64_t unit, part; /* in seconds */
		char unit_name, part_name;
	} forms[] = {{86400, 3600, 'd', 'h'}, {3600, 60, 'h', 'm'}, {60, 1, 'm', 's'}};
	uint64_t whole;

	if (!(seconds >= 0) || seconds > 1e15) {
		snprintf(buf, buf_sz, "?");
	} else if (seconds < 0.9995) {
		snprintf(buf, buf_sz, "%u ms", (unsigned int)(seconds * 1e3 + 0.5));
	} else if (seconds < 59.95) {
		whole = seconds * 10 + 0.5;
		snprintf(buf, buf_sz, "%u.%u s", (unsigned int)(whole / 10),
			(unsigned int)(whole % 10));
	} else {
		size_t i = 0;

		whole = seconds + 0.5;
		while (whole < forms[i].unit)
			i++;
		snprintf(buf, buf_sz, "%llu %c %llu %c",
			(unsigned long long)(whole / forms[i].unit), forms[i].unit_name,
			(unsigned long long)(whole % forms[i].unit / forms[i].part),
			forms[i].part_name);
	}
	return buf;
}

/* Decimal digits, then at most one letter; strtoull alone would take spaces, signs and nothing. */
int text__parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned int shift = 0;
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	suffix = text + strspn(text, "0123456789");
	if (*suffix) {
		const char *known = strchr(suffixes, toupper((unsigned char)*suffix));

		if (!known || suffix[1])
			return -EINVAL;
		shift = 10 * (known - suffixes + 1);
	}
	for (; text < suffix; text++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *text - '0', &value))
			return -ERANGE;
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}
