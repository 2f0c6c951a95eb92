/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding): numbered
 * fields, each a number or a run of bytes. pprof's profiles are written in it, and heaptap's own
 * recordings, because a reader passes over fields that it does not know.
 *
 * It is our own, and not protobuf-c's: that needs a code generator at build time and a tree of
 * objects of the whole profile at run time, where these are a few functions that write it piece by
 * piece; and what is read here is hostile.
 */
#ifndef HEAPTAP_UTIL_PROTOBUF_H
#define HEAPTAP_UTIL_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- writing */

/* A message in the making; all zeros: an empty one. Lack of memory is noted in `failed`, to be
 * asked once at the end. */
struct protobuf {
	uint8_t *bytes;
	size_t sz, cap;
	bool failed;
};

void protobuf__destroy(struct protobuf *message);
/* Empty again, keeping its memory. */
void protobuf__clear(struct protobuf *message);
/* A number; 0 is what a reader takes for a field that is not there, and is left out. */
void protobuf__put_number(struct protobuf *message, uint32_t field, uint64_t value);
void protobuf__put_double(struct protobuf *message, uint32_t field, double value);
void protobuf__put_bytes(struct protobuf *message, uint32_t field, const void *bytes, size_t sz);
void protobuf__put_message(struct protobuf *message, uint32_t field, const struct protobuf *inner);
/* What stands between fields, in packed arrays: without a field number. */
void protobuf__append_number(struct protobuf *message, uint64_t value);
void protobuf__append(struct protobuf *message, const struct protobuf *other);

/* Small for numbers near 0 of either sign (the format's "zigzag"). */
uint64_t protobuf__zigzag(int64_t value);
int64_t protobuf__unzigzag(uint64_t value);

/* ---- reading: every byte is hostile */

struct protobuf_reader {
	const uint8_t *at, *end;
};

struct protobuf_field {
	uint32_t number;
	bool is_bytes;
	uint64_t value;		       /* of numbers; of doubles the bits */
	struct protobuf_reader inside; /* of bytes, messages and packed arrays */
};

/* 1 with the next field, 0 at the end, -EBADMSG where the bytes are no fields. */
int protobuf__next(struct protobuf_reader *reader, struct protobuf_field *ret_field);
/* The next number of a packed array: 1, 0 at the end, or -EBADMSG. */
int protobuf__next_number(struct protobuf_reader *reader, uint64_t *ret_value);
double protobuf__double(uint64_t bits);

#endif
