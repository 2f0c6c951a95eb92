/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The members of a summary that are recorded, as tables: see format.h for how to add one. */
#ifndef HEAPTAP_RECORD_FIELDS_H
#define HEAPTAP_RECORD_FIELDS_H

#include "util/intern.h"
#include "util/protobuf.h"

enum field_type {
	FIELD_U64, /* uint64_t, size_t */
	FIELD_I64, /* int64_t, time_t, long */
	FIELD_U32,
	FIELD_I32, /* int32_t, int, pid_t */
	FIELD_BOOL,
	FIELD_DOUBLE,
	FIELD_STRING, /* char *: a number in the strings */
	FIELD_CHARS,  /* char[cnt] */
	FIELD_COUNTS, /* uint64_t[cnt], indexed by an enum that only ever grows */
	FIELD_ENUM,   /* an enum's value below cnt */
};

struct field {
	uint32_t number; /* from FIELD_FIRST */
	enum field_type type;
	size_t offset; /* in the struct */
	uint64_t cnt;
};

/* Ends with a row of number 0. */
extern const struct field summary_fields[], process_fields[], stack_fields[], frame_fields[],
	block_fields[], finding_fields[], section_fields[];

/* Strings of a message that is read, from number 1. */
struct field_strings {
	char **strings;
	size_t cnt;
};

void fields__encode(const struct field *fields, const void *object, struct intern *strings,
	struct protobuf *message);
/* Sets the member that a field is of. 1; 0 if the table has none of that number; -EBADMSG. */
int fields__decode(const struct field *fields, void *object, const struct field_strings *strings,
	struct protobuf_field *field);

#endif
