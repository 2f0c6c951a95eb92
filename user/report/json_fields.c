/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Typed fields on top of json-c, which escapes strings (RFC 8259, section 7) but takes any bytes
 * and writes doubles with 17 digits and by the locale: so strings are made UTF-8 first, and
 * fractions are formatted here, out of integers. Of control characters it escapes those that the
 * RFC demands; a terminal obeys others, which are escaped here (each is below U+10000).
 */
#include "report/json_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "util/text.h"

void fields__begin(struct fields *fields)
{
	fields->object = json_object_new_object();
	fields->failed = !fields->object;
}

void fields__end(struct fields *fields)
{
	json_object_put(fields->object);
	fields->object = NULL;
}

void fields__add(struct fields *fields, const char *key, struct json_object *value)
{
	if (value && !fields->failed && !json_object_object_add(fields->object, key, value))
		return;
	fields->failed = true;
	json_object_put(value);
}

/* json-c's null is a NULL pointer, which fields__add takes for a failed allocation */
void fields__add_null(struct fields *fields, const char *key)
{
	if (fields->failed || json_object_object_add(fields->object, key, NULL))
		fields->failed = true;
}

void fields__add_bool(struct fields *fields, const char *key, bool value)
{
	fields__add(fields, key, json_object_new_boolean(value));
}

void fields__add_count(struct fields *fields, const char *key, uint64_t value)
{
	fields__add(fields, key, json_object_new_uint64(value));
}

void fields__add_signed(struct fields *fields, const char *key, int64_t value)
{
	fields__add(fields, key, json_object_new_int64(value));
}

void fields__add_known(struct fields *fields, const char *key, bool known, uint64_t value)
{
	if (known)
		fields__add_count(fields, key, value);
	else
		fields__add_null(fields, key);
}

void fields__add_hex(struct fields *fields, const char *key, bool known, uint64_t value)
{
	char hex[2 + 16 + 1];

	snprintf(hex, sizeof(hex), "0x%llx", (unsigned long long)value);
	fields__add_text(fields, key, known ? hex : NULL);
}

void fields__add_seconds(struct fields *fields, const char *key, double seconds)
{
	unsigned long long ms;
	char decimal[32];

	if (!(seconds >= 0) || seconds > 1e15) {
		fields__add_null(fields, key);
		return;
	}
	ms = seconds * 1e3 + 0.5;
	snprintf(decimal, sizeof(decimal), "%llu.%03u", ms / 1000, (unsigned int)(ms % 1000));
	fields__add(fields, key, json_object_new_double_s(seconds, decimal));
}

void fields__add_text(struct fields *fields, const char *key, const char *text)
{
	char *utf8;

	if (!text) {
		fields__add_null(fields, key);
		return;
	}
	utf8 = text__utf8(text);
	fields__add(fields, key, utf8 ? json_object_new_string(utf8) : NULL);
	free(utf8);
}

void fields__add_time(struct fields *fields, const char *key, struct timespec time)
{
	char date[32], text[64];
	struct tm tm;

	if (!gmtime_r(&time.tv_sec, &tm) || tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999) {
		fields__add_null(fields, key);
		return;
	}
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned int)(time.tv_nsec / 1000000));
	fields__add_text(fields, key, text);
}

void fields__add_object(struct fields *fields, const char *key, struct fields *inner)
{
	struct json_object *object = inner->object;

	if (inner->failed)
		fields->failed = true;
	fields__add(fields, key, object);
	inner->object = NULL;
}

static void put_json(struct output *out, const char *text, size_t sz)
{
	const char *end = text + sz, *control;
	uint32_t code;

	while ((control = text__find_control(text, &code, &sz))) {
		output__write(out, text, control - text);
		output__printf(out, "\\u%04x", code);
		text = control + sz;
	}
	output__write(out, text, end - text);
}

void fields__put(struct output *out, struct fields *fields, enum part part)
{
	size_t skip = !!(part & PART_TAIL), cut = !!(part & PART_HEAD), sz = 0;
	const char *text = NULL;

	if (!fields->failed)
		text = json_object_to_json_string_length(fields->object,
			JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &sz);
	if (text)
		put_json(out, text + skip, sz - skip - cut);
	else if (!out->err)
		out->err = -ENOMEM;
	fields__end(fields);
}
