/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Text for people and for parsers, out of bytes that nobody vouches for. */
#ifndef HEAPTAP_UTIL_TEXT_H
#define HEAPTAP_UTIL_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * The bytes as valid UTF-8 without control characters: each byte that is neither becomes \xNN.
 * Returns a new string (free()), NULL without memory. NULL stays NULL.
 */
char *text__printable(const char *bytes);

/* As valid UTF-8, for JSON, in which control characters are escaped: bytes that are no UTF-8 become
 * U+FFFD. A new string (free()), NULL without memory. */
char *text__utf8(const char *bytes);

/* The first character of valid UTF-8 that must not reach a terminal, and its code; NULL: none. */
const char *text__find_control(const char *text, uint32_t *ret_code, size_t *ret_sz);

/* "1.5 KiB": powers of 1024, three digits. Returns buf. */
char *text__bytes(char *buf, size_t buf_sz, uint64_t bytes);

/* "1,234,567". Returns buf. */
char *text__count(char *buf, size_t buf_sz, uint64_t count);

/* "850 ms", "12.3 s", "4 m 10 s", "3 h 2 m", "5 d 3 h". Returns buf. */
char *text__duration(char *buf, size_t buf_sz, double seconds);

/* A number with an optional suffix K, M, G, T (powers of 1024): 0, or -EINVAL / -ERANGE. */
int text__parse_size(const char *text, uint64_t *ret_bytes);

#endif
