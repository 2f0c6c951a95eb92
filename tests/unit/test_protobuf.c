/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The wire format: against the examples of its documentation, and against what an enemy would send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>
#include "util/protobuf.h"

#define READER(bytes)                                                                              \
	{                                                                                          \
		(const uint8_t *)(bytes), (const uint8_t *)(bytes) + sizeof(bytes) - 1             \
	}

static void assert_bytes(struct protobuf *message, const char *bytes, size_t sz)
{
	assert_false(message->failed);
	assert_int_equal(message->sz, sz);
	if (sz)
		assert_memory_equal(message->bytes, bytes, sz);
	protobuf__destroy(message);
}

/* protobuf.dev/programming-guides/encoding: "A Simple Message", "Length-Delimited Records" */
static void messages_are_as_documented(void **state)
{
	struct protobuf message = {0}, inner = {0};

	(void)state;
	protobuf__put_number(&message, 1, 150);
	assert_bytes(&message, "\x08\x96\x01", 3);
	protobuf__put_bytes(&message, 2, "testing", 7);
	assert_bytes(&message, "\x12\x07testing", 9);
	protobuf__put_number(&inner, 1, 150);
	protobuf__put_message(&message, 3, &inner);
	assert_bytes(&message, "\x1a\x03\x08\x96\x01", 5);
	protobuf__clear(&inner);
	protobuf__append_number(&inner, 3);
	protobuf__append_number(&inner, 270);
	protobuf__append_number(&inner, 86942);
	protobuf__put_message(&message, 6, &inner);
	assert_bytes(&message, "\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
	protobuf__put_double(&message, 1, 1.0);
	assert_bytes(&message, "\x09\0\0\0\0\0\0\xf0\x3f", 9);
	protobuf__destroy(&inner);
}

static void nothing_is_not_written(void **state)
{
	struct protobuf message = {0};

	(void)state;
	protobuf__put_number(&message, 1, 0);
	protobuf__put_double(&message, 2, 0.0);
	assert_bytes(&message, "", 0);
}

static void zigzag_is_as_documented(void **state)
{
	static const int64_t values[] = {0, -1, 1, -2, 0x7fffffff, -0x80000000LL};
	static const uint64_t coded[] = {0, 1, 2, 3, 0xfffffffe, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		assert_int_equal(protobuf__zigzag(values[i]), coded[i]);
		assert_int_equal(protobuf__unzigzag(coded[i]), values[i]);
	}
	assert_int_equal(protobuf__unzigzag(protobuf__zigzag(INT64_MIN)), INT64_MIN);
	assert_int_equal(protobuf__unzigzag(protobuf__zigzag(INT64_MAX)), INT64_MAX);
}

static void numbers_come_back(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (int less = 0; less < 2; less++) {
			uint64_t value = (1ull << shift) - less;
			struct protobuf message = {0};
			struct protobuf_reader reader;
			uint64_t read = ~value;

			protobuf__append_number(&message, value);
			reader =
				(struct protobuf_reader){message.bytes, message.bytes + message.sz};
			assert_int_equal(protobuf__next_number(&reader, &read), 1);
			assert_int_equal(read, value);
			assert_int_equal(protobuf__next_number(&reader, &read), 0);
			protobuf__destroy(&message);
		}
	}
}

static void doubles_come_back_bit_by_bit(void **state)
{
	static const double values[] = {1.0 / 3, -1, 1e300, -0.0, INFINITY, NAN};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct protobuf message = {0};
		struct protobuf_reader reader;
		struct protobuf_field field;
		double read;

		protobuf__put_double(&message, 5, values[i]);
		reader = (struct protobuf_reader){message.bytes, message.bytes + message.sz};
		assert_int_equal(protobuf__next(&reader, &field), 1);
		assert_int_equal(field.number, 5);
		read = protobuf__double(field.value);
		assert_memory_equal(&read, &values[i], sizeof(read));
		protobuf__destroy(&message);
	}
}

static void fields_are_read_in_turn(void **state)
{
	struct protobuf_reader reader = READER("\x08\x96\x01\x12\x02hi\x1d\x01\x02\x03\x04");
	struct protobuf_field field;

	(void)state;
	assert_int_equal(protobuf__next(&reader, &field), 1);
	assert_true(field.number == 1 && !field.is_bytes && field.value == 150);
	assert_int_equal(protobuf__next(&reader, &field), 1);
	assert_true(field.number == 2 && field.is_bytes && field.inside.end - field.inside.at == 2);
	assert_int_equal(protobuf__next(&reader, &field), 1);
	assert_true(field.number == 3 && field.value == 0x04030201);
	assert_int_equal(protobuf__next(&reader, &field), 0);
}

static void assert_refused(const char *bytes, size_t sz)
{
	struct protobuf_reader reader = {(const uint8_t *)bytes, (const uint8_t *)bytes + sz};
	struct protobuf_field field;

	assert_int_equal(protobuf__next(&reader, &field), -EBADMSG);
}

static void what_is_no_field_is_refused(void **state)
{
	(void)state;
	assert_refused("\x08", 1);	   /* no value */
	assert_refused("\x08\xff\xff", 3); /* a number without end */
	assert_refused("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12); /* too long a one */
	assert_refused("\x12\x05test", 6); /* fewer bytes than it says */
	assert_refused("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	assert_refused("\x09\x01\x02", 3);		       /* half a double */
	assert_refused("\x0b\x0c", 2);			       /* groups, which nobody writes */
	assert_refused("\x00\x01", 2);			       /* number 0 */
	assert_refused("\x80\x80\x80\x80\x80\x80\x01\x01", 8); /* a number beyond the format's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_as_documented),
		cmocka_unit_test(nothing_is_not_written),
		cmocka_unit_test(zigzag_is_as_documented),
		cmocka_unit_test(numbers_come_back),
		cmocka_unit_test(doubles_come_back_bit_by_bit),
		cmocka_unit_test(fields_are_read_in_turn),
		cmocka_unit_test(what_is_no_field_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
