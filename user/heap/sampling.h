/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a sampled block stands for. Of blocks of s bytes a fraction p = 1 - e^(-s/BYTES) is sampled,
 * so each counts as 1/p blocks (Horvitz and Thompson, "A generalization of sampling without
 * replacement from a finite universe", 1952): sums over sampled blocks are then right on the
 * average, whatever their sizes. A block of no bytes is sampled as one of 1 byte.
 *
 * The books count in whole blocks, so 1/p is rounded to a whole weight k, up or down by chance,
 * such that the average stays 1/p. The chance is a function of the allocation's number: the block
 * goes out of the books with the weight that it came in with, and a site whose blocks are all freed
 * holds exactly nothing. (Not of the address: an allocator gives one out again and again, and they
 * would all be rounded alike.)
 *
 * A sum of k * x over sampled blocks has a variance of which the sum of k * (k - 1) * x^2 is an
 * unbiased estimate, rounding included: a block contributes E[k^2 p] - 1 = E[k (k - 1) p] to it.
 */
#ifndef HEAPTAP_HEAP_SAMPLING_H
#define HEAPTAP_HEAP_SAMPLING_H

#include <stdint.h>

/* The probability that a block of `size` bytes is sampled. mean: bytes between points, not 0. */
double sampling__probability(uint64_t mean, uint64_t size);
/* How many blocks a sampled one counts as, at least 1. chance: a random number of its own. mean 0:
 * there is no sampling, and each block is one. */
uint64_t sampling__weight(uint64_t mean, uint64_t size, uint64_t chance);
/* What a block of this weight adds to the variance of a sum of k * x. */
static inline double sampling__variance(uint64_t weight, double x)
{
	return (double)weight * (weight - 1) * x * x;
}

#endif
