/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * user/util/text.c. What is UTF-8 is asked of iconv, sizes are computed again in long double, and
 * escaped text is turned back into what it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <iconv.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "util/text.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))
#define REPLACEMENT "\xef\xbf\xbd"

static bool iconv_takes(iconv_t converter, const char *text)
{
	char copy[256], out[4 * sizeof(copy)], *from = copy, *to = out;
	size_t from_sz = strlen(text), to_sz = sizeof(out);

	assert_true(from_sz < sizeof(copy));
	memcpy(copy, text, from_sz);
	iconv(converter, NULL, NULL, NULL, NULL);
	return iconv(converter, &from, &from_sz, &to, &to_sz) != (size_t)-1;
}

static iconv_t utf8_reader(void)
{
	iconv_t converter = iconv_open("UTF-32LE", "UTF-8");

	assert_true(converter != (iconv_t)-1);
	return converter;
}

static void check_converted(const char *in, char *(*convert)(const char *), const char *expected)
{
	char *out = convert(in);

	assert_non_null(out);
	assert_string_equal(out, expected);
	free(out);
}

static void null_stays_null(void **state)
{
	(void)state;
	assert_null(text__printable(NULL));
	assert_null(text__utf8(NULL));
}

static void printable_keeps_text_and_escapes_what_a_terminal_obeys(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""},
		{"plain ~ text", "plain ~ text"},
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
			"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"a\nb\tc\rd", "a\\x0ab\\x09c\\x0dd"},
		{"\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"},
		{"\x7f", "\\x7f"},
		{"\xc2\x9b"
		 "31m", /* U+009B: CSI in one character */
			"\\xc2\\x9b31m"},
		{"\x9b"
		 "31m", /* the same as a byte */
			"\\x9b31m"},
		{"a\xe2\x80\xae"
		 "b", /* U+202E: right to left from here */
			"a\\xe2\\x80\\xaeb"},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"}, /* U+2028: line separator */
		{"\xff\xfe", "\\xff\\xfe"},
		{"cut \xe2\x82", "cut \\xe2\\x82"},
		{"\xe2\x82z", "\\xe2\\x82z"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_converted(cases[i].in, text__printable, cases[i].out);
}

static void utf8_replaces_each_byte_that_is_none_and_keeps_controls(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""}, {"a\n\x1b", "a\n\x1b"}, {"\xc3\xa9", "\xc3\xa9"}, {"\xff", REPLACEMENT},
		{"a\xff\xfe"
		 "b",
			"a" REPLACEMENT REPLACEMENT "b"},
		{"\xc0\xaf", REPLACEMENT REPLACEMENT},		       /* overlong '/' */
		{"\xed\xa0\x80", REPLACEMENT REPLACEMENT REPLACEMENT}, /* surrogate */
		{"\xf4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT},
		{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}, /* U+10FFFF */
		{"\xe2\x82", REPLACEMENT REPLACEMENT},	  /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_converted(cases[i].in, text__utf8, cases[i].out);
}

/* All strings of four bytes from the edges of UTF-8's table. */
static void utf8_agrees_with_iconv_on_every_edge(void **state)
{
	static const unsigned char edges[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1,
		0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5};
	size_t cnt = ARRAY_SIZE(edges), valid_cnt = 0;
	iconv_t converter = utf8_reader();

	(void)state;
	for (size_t i = 0; i < cnt * cnt * cnt * cnt; i++) {
		char in[] = {edges[i % cnt], edges[i / cnt % cnt], edges[i / cnt / cnt % cnt],
			edges[i / cnt / cnt / cnt], '\0'};
		bool valid = iconv_takes(converter, in);
		char *out = text__utf8(in);

		assert_non_null(out);
		assert_int_equal(valid, !strcmp(in, out));
		assert_true(iconv_takes(converter, out));
		valid_cnt += valid;
		free(out);
	}
	assert_in_range(valid_cnt, 1, cnt * cnt * cnt * cnt - 1);
	iconv_close(converter);
}

static void undo_escapes(const char *text, char *ret_bytes)
{
	for (; *text; text++) {
		unsigned int byte = (unsigned char)*text;

		if (*text == '\\') {
			assert_int_equal(sscanf(text, "\\x%2x", &byte), 1);
			text += 3;
		}
		*ret_bytes++ = (char)byte;
	}
	*ret_bytes = '\0';
}

static void printable_loses_nothing_and_is_always_harmless(void **state)
{
	iconv_t converter = utf8_reader();

	(void)state;
	srandom(1);
	for (unsigned int round = 0; round < 5000; round++) {
		char in[32], back[32], *out;
		size_t sz = random() % (sizeof(in) - 1);

		for (size_t i = 0; i < sz; i++)
			do
				in[i] = random() % 3 ? 0x80 + random() % 0x80 : random();
			while (!in[i] || in[i] == '\\');
		in[sz] = '\0';
		out = text__printable(in);
		assert_non_null(out);
		assert_true(iconv_takes(converter, out));
		for (const unsigned char *at = (unsigned char *)out; *at; at++) {
			assert_in_range(*at, 0x20, 0xff);
			assert_int_not_equal(*at, 0x7f);
			assert_false(at[0] == 0xc2 && at[1] < 0xa0);
		}
		undo_escapes(out, back);
		assert_string_equal(back, in);
		free(out);
	}
	iconv_close(converter);
}

static void bytes_have_three_digits_and_a_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1, "1 B"},
		{1023, "1023 B"},
		{1024, "1 KiB"},
		{1536, "1.5 KiB"},
		{1126, "1.1 KiB"},
		{10239, "10 KiB"}, /* 9.999 */
		{12595, "12.3 KiB"},
		{125952, "123 KiB"},
		{1023 * 1024, "1023 KiB"},
		{1023 * 1024 + 511, "1023 KiB"},
		{1023 * 1024 + 512, "1 MiB"},
		{1024 * 1024 - 1, "1 MiB"},
		{1024 * 1024, "1 MiB"},
		{3ULL << 40, "3 TiB"},
		{1ULL << 62, "4 EiB"},
		{1ULL << 63, "8 EiB"},
		{UINT64_MAX, "16 EiB"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(text__bytes(buf, sizeof(buf), cases[i].bytes), buf);
		assert_string_equal(buf, cases[i].text);
	}
}

/* Read back, a size is off by half a unit of its third digit at most. */
static void bytes_are_near_what_they_stand_for(void **state)
{
	static const char units[] = "BKMGTPE";

	(void)state;
	srandom(2);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t bytes = ((uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ random()) >>
				 (random() % 64);
		long double number, step, unit;
		char buf[32], letter;

		text__bytes(buf, sizeof(buf), bytes);
		assert_true(strlen(buf) <= strlen("1023 KiB"));
		assert_int_equal(sscanf(buf, "%Lf %c", &number, &letter), 2);
		unit = powl(1024, strchr(units, letter) - units);
		step = letter == 'B' ? 0 : number < 10 ? 0.01L : number < 100 ? 0.1L : 1;
		assert_true(fabsl(number * unit - bytes) <= step / 2 * unit * 1.0001L);
	}
}

static void counts_have_a_comma_every_three_digits(void **state)
{
	static const struct {
		uint64_t count;
		const char *text;
	} cases[] = {
		{0, "0"},
		{7, "7"},
		{999, "999"},
		{1000, "1,000"},
		{123456, "123,456"},
		{1234567, "1,234,567"},
		{1000000000, "1,000,000,000"},
		{UINT64_MAX, "18,446,744,073,709,551,615"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(text__count(buf, sizeof(buf), cases[i].count), buf);
		assert_string_equal(buf, cases[i].text);
	}
}

static void durations_are_told_in_two_units(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{0, "0 ms"},
		{0.0004, "0 ms"},
		{0.85, "850 ms"},
		{0.9994, "999 ms"},
		{0.9996, "1.0 s"},
		{12.3, "12.3 s"},
		{59.94, "59.9 s"},
		{59.96, "1 m 0 s"},
		{250, "4 m 10 s"},
		{3599.6, "1 h 0 m"},
		{10920, "3 h 2 m"},
		{86399.7, "1 d 0 h"},
		{442800, "5 d 3 h"},
		{86400e4, "10000 d 0 h"},
		{-1, "?"},
		{NAN, "?"},
		{INFINITY, "?"},
		{1e300, "?"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_ptr_equal(text__duration(buf, sizeof(buf), cases[i].seconds), buf);
		assert_string_equal(buf, cases[i].text);
	}
}

static void a_short_buffer_gets_the_beginning(void **state)
{
	char *buf = malloc(4); /* sanitizers and valgrind watch its end */

	(void)state;
	assert_non_null(buf);
	assert_string_equal(text__count(buf, 4, 1234567), "1,2");
	assert_string_equal(text__bytes(buf, 4, 1536), "1.5");
	assert_string_equal(text__duration(buf, 4, 442800), "5 d");
	assert_string_equal(text__count(buf, 1, 12), "");
	free(buf);
}

static void sizes_are_read_with_and_without_a_suffix(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"42", 42},
		{"007", 7},
		{"1K", 1024},
		{"64M", 64ULL << 20},
		{"64m", 64ULL << 20},
		{"2G", 2ULL << 30},
		{"16777215T", 16777215ULL << 40},
		{"18446744073709551615", UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 1;

		assert_int_equal(text__parse_size(cases[i].text, &bytes), 0);
		assert_true(bytes == cases[i].bytes);
	}
}

static void wrong_sizes_are_refused_and_leave_the_result_alone(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{"", -EINVAL},
		{"K", -EINVAL},
		{" 1", -EINVAL},
		{"1 ", -EINVAL},
		{"+1", -EINVAL},
		{"-1", -EINVAL},
		{"0x10", -EINVAL},
		{"1.5M", -EINVAL},
		{"1KB", -EINVAL},
		{"1P", -EINVAL},
		{"1\n", -EINVAL},
		{"18446744073709551616", -ERANGE},
		{"99999999999999999999999", -ERANGE},
		{"16777216T", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 4711;

		assert_int_equal(text__parse_size(cases[i].text, &bytes), cases[i].err);
		assert_int_equal(bytes, 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_stays_null),
		cmocka_unit_test(printable_keeps_text_and_escapes_what_a_terminal_obeys),
		cmocka_unit_test(utf8_replaces_each_byte_that_is_none_and_keeps_controls),
		cmocka_unit_test(utf8_agrees_with_iconv_on_every_edge),
		cmocka_unit_test(printable_loses_nothing_and_is_always_harmless),
		cmocka_unit_test(bytes_have_three_digits_and_a_unit),
		cmocka_unit_test(bytes_are_near_what_they_stand_for),
		cmocka_unit_test(counts_have_a_comma_every_three_digits),
		cmocka_unit_test(durations_are_told_in_two_units),
		cmocka_unit_test(a_short_buffer_gets_the_beginning),
		cmocka_unit_test(sizes_are_read_with_and_without_a_suffix),
		cmocka_unit_test(wrong_sizes_are_refused_and_leave_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
