/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A field is a varint (its number, and its wire type in the low 3 bits) and its value. */
#include "util/protobuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

#define VARINT_SIZE_MAX 10
#define FIELD_NUMBER_MAX ((1u << 29) - 1)

/* ---- writing ---- */

void protobuf__destroy(struct protobuf *message)
{
	free(message->bytes);
	*message = (struct protobuf){0};
}

void protobuf__clear(struct protobuf *message)
{
	message->sz = 0;
}

/* Room for sz bytes at the end, which are part of the message from now on; NULL without memory. */
static uint8_t *extend(struct protobuf *message, size_t sz)
{
	size_t cap = message->cap ? message->cap : 64;
	uint8_t *bytes;

	if (message->failed)
		return NULL;
	while (cap - message->sz < sz)
		cap *= 2;
	if (cap > message->cap) {
		bytes = realloc(message->bytes, cap);
		message->failed = !bytes;
		if (!bytes)
			return NULL;
		message->bytes = bytes;
		message->cap = cap;
	}
	message->sz += sz;
	return message->bytes + message->sz - sz;
}

static void append_bytes(struct protobuf *message, const void *bytes, size_t sz)
{
	uint8_t *to = extend(message, sz);

	if (to && sz)
		memcpy(to, bytes, sz);
}

void protobuf__append_number(struct protobuf *message, uint64_t value)
{
	uint8_t bytes[VARINT_SIZE_MAX];
	size_t sz = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[sz++] = value | 0x80;
	bytes[sz++] = value;
	append_bytes(message, bytes, sz);
}

void protobuf__append(struct protobuf *message, const struct protobuf *other)
{
	append_bytes(message, other->bytes, other->sz);
	message->failed |= other->failed;
}

static void append_tag(struct protobuf *message, uint32_t field, enum wire_type type)
{
	protobuf__append_number(message, (uint64_t)field << 3 | type);
}

void protobuf__put_number(struct protobuf *message, uint32_t field, uint64_t value)
{
	if (!value)
		return;
	append_tag(message, field, WIRE_VARINT);
	protobuf__append_number(message, value);
}

void protobuf__put_double(struct protobuf *message, uint32_t field, double value)
{
	uint8_t bytes[8];
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	if (!bits)
		return;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = bits >> (8 * i);
	append_tag(message, field, WIRE_64);
	append_bytes(message, bytes, sizeof(bytes));
}

void protobuf__put_bytes(struct protobuf *message, uint32_t field, const void *bytes, size_t sz)
{
	append_tag(message, field, WIRE_BYTES);
	protobuf__append_number(message, sz);
	append_bytes(message, bytes, sz);
}

void protobuf__put_message(struct protobuf *message, uint32_t field, const struct protobuf *inner)
{
	protobuf__put_bytes(message, field, inner->bytes, inner->sz);
	message->failed |= inner->failed;
}

uint64_t protobuf__zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/* ---- reading ---- */

int64_t protobuf__unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

double protobuf__double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

int protobuf__next_number(struct protobuf_reader *reader, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (reader->at == reader->end)
		return 0;
	for (unsigned int shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 1;
		}
	}
	return -EBADMSG;
}

static int next_fixed(struct protobuf_reader *reader, size_t sz, uint64_t *ret_value)
{
	if ((size_t)(reader->end - reader->at) < sz)
		return -EBADMSG;
	*ret_value = 0;
	for (size_t i = 0; i < sz; i++)
		*ret_value |= (uint64_t)*reader->at++ << (8 * i);
	return 1;
}

static int next_bytes(struct protobuf_reader *reader, struct protobuf_reader *ret_inside)
{
	uint64_t sz;

	if (protobuf__next_number(reader, &sz) != 1 || sz > (uint64_t)(reader->end - reader->at))
		return -EBADMSG;
	ret_inside->at = reader->at;
	ret_inside->end = reader->at += sz;
	return 1;
}

static int next_value(
	struct protobuf_reader *reader, unsigned int type, struct protobuf_field *field)
{
	field->is_bytes = type == WIRE_BYTES;
	switch (type) {
	case WIRE_VARINT:
		return protobuf__next_number(reader, &field->value) == 1 ? 1 : -EBADMSG;
	case WIRE_64:
		return next_fixed(reader, 8, &field->value);
	case WIRE_32:
		return next_fixed(reader, 4, &field->value);
	case WIRE_BYTES:
		return next_bytes(reader, &field->inside);
	default:
		return -EBADMSG;
	}
}

int protobuf__next(struct protobuf_reader *reader, struct protobuf_field *ret_field)
{
	uint64_t tag;
	int ret = protobuf__next_number(reader, &tag);

	if (ret != 1)
		return ret;
	if (tag >> 3 > FIELD_NUMBER_MAX || !(tag >> 3))
		return -EBADMSG;
	*ret_field = (struct protobuf_field){.number = tag >> 3};
	return next_value(reader, tag & 7, ret_field);
}
