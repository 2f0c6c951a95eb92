/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Near is: few letters left out, put in, changed, or swapped with their neighbour (the "optimal
 * string alignment" distance). One in three letters at most, as else any word would do.
 */
#include "util/suggest.h"

#include <string.h>

#define WORD_SZ_MAX 64 /* of longer words only so much is compared */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance_of(const char *a, size_t a_sz, const char *b, size_t b_sz)
{
	size_t rows[3][WORD_SZ_MAX + 1];

	for (size_t j = 0; j <= b_sz; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_sz; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_sz; j++) {
			row[j] = least(least(above[j], row[j - 1]) + 1,
				above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[a_sz % 3][b_sz];
}

struct suggestion suggestion__of(const char *wanted)
{
	size_t sz = strnlen(wanted, WORD_SZ_MAX);

	return (struct suggestion){.wanted = wanted, .distance = sz / 3 + 1};
}

void suggestion__try(struct suggestion *suggestion, const char *word)
{
	size_t wanted_sz = strnlen(suggestion->wanted, WORD_SZ_MAX);
	size_t word_sz = strnlen(word, WORD_SZ_MAX), distance;

	if (wanted_sz > word_sz + suggestion->distance ||
		word_sz > wanted_sz + suggestion->distance)
		return;
	distance = distance_of(suggestion->wanted, wanted_sz, word, word_sz);
	if (distance >= suggestion->distance)
		return;
	suggestion->distance = distance;
	suggestion->best = word;
}
