/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one hash of the books' tables, for 64-bit keys.
 *
 * A target chooses the addresses that it frees and, with some effort, the hashes of its stacks. So
 * each table has its own random odd multiplier, which no target can know. Multiplying by an odd
 * number and xoring with a right shift can both be undone: different keys have different hashes,
 * and key 0 is the only one whose hash is UINT64_MAX. blocks.c rests on both.
 */
#ifndef HEAPTAP_HEAP_HASH_H
#define HEAPTAP_HEAP_HASH_H

#include <stdint.h>

#define HASH_GOLDEN 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio: Knuth, TAOCP 3, 6.4 */

static inline uint64_t hash__of(uint64_t key, uint64_t multiplier)
{
	uint64_t x = key * multiplier;

	x ^= x >> 32;
	return ~(x * HASH_GOLDEN);
}

#endif
