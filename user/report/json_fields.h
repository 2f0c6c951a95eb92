/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One JSON object in the making: a function for each type of field that JSON_SCHEMA.md knows. Lack
 * of memory is noted in `failed`, to be asked once at the end instead of after every field.
 */
#ifndef HEAPTAP_REPORT_JSON_FIELDS_H
#define HEAPTAP_REPORT_JSON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <json-c/json.h>
#include "report/output.h"

struct fields {
	struct json_object *object;
	bool failed;
};

void fields__begin(struct fields *fields);
void fields__end(struct fields *fields); /* takes half-built ones too */

/* Keys are copied; values are the object's afterwards, also if `failed` is set. */
void fields__add(struct fields *fields, const char *key, struct json_object *value);
void fields__add_null(struct fields *fields, const char *key);
void fields__add_bool(struct fields *fields, const char *key, bool value);
void fields__add_count(struct fields *fields, const char *key, uint64_t value);
void fields__add_signed(struct fields *fields, const char *key, int64_t value);
/* value where `known`, else null */
void fields__add_known(struct fields *fields, const char *key, bool known, uint64_t value);
/* "0x…": addresses do not fit the 53 bits that many readers keep of a number */
void fields__add_hex(struct fields *fields, const char *key, bool known, uint64_t value);
/* with three decimals; negative or no number: null */
void fields__add_seconds(struct fields *fields, const char *key, double seconds);
/* bytes that are no UTF-8 become U+FFFD; NULL: null */
void fields__add_text(struct fields *fields, const char *key, const char *text);
/* RFC 3339 in UTC with milliseconds */
void fields__add_time(struct fields *fields, const char *key, struct timespec time);
/* Ends `inner`. */
void fields__add_object(struct fields *fields, const char *key, struct fields *inner);

/* Which part of an object's text is written. */
enum part {
	PART_WHOLE = 0,
	PART_HEAD = 1 << 0, /* without the brace that closes it */
	PART_TAIL = 1 << 1, /* without the brace that opens it */
};

/* Writes the object, and ends it. */
void fields__put(struct output *out, struct fields *fields, enum part part);

#endif
