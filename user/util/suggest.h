/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "Did you mean …?": of some words, the one that a mistyped word was most likely to be. */
#ifndef HEAPTAP_UTIL_SUGGEST_H
#define HEAPTAP_UTIL_SUGGEST_H

#include <stddef.h>

struct suggestion {
	const char *wanted;
	const char *best; /* NULL: none that was tried is near enough */
	size_t distance;  /* of the best, or one more than is near enough */
};

struct suggestion suggestion__of(const char *wanted);
/* word must live as long as the suggestion. */
void suggestion__try(struct suggestion *suggestion, const char *word);

#endif
