/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random numbers for tests that are another run each time, and can be repeated: HEAPTAP_TEST_SEED.
 */
#ifndef HEAPTAP_TESTS_RANDOM_SEED_H
#define HEAPTAP_TESTS_RANDOM_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* Prints it. */
static inline uint64_t random__seed(void)
{
	const char *asked = getenv("HEAPTAP_TEST_SEED");
	uint64_t seed = 1;

	if (asked)
		seed = strtoull(asked, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 (Steele and others, 2014) */
static inline uint64_t random__next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

#endif
