/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A Poisson process along the bytes that are allocated: how far it is to the next point, and
 * whether a block reaches it. Plain C without floating point, so that the kernel side has it, and
 * the unit tests hold it against libm. Who includes it has defined random_u64().
 *
 * Distances are exponential by comparisons of uniform numbers alone, von Neumann's method ("Various
 * techniques used in connection with random digits", 1951; Devroye, "Non-Uniform Random Variate
 * Generation", 1986, IV.2). A row of uniform numbers in [0, 1) descends n times before it
 * first rises. That n is even has the probability 1 - x + x^2/2! - … = e^-x, where x is the first
 * of the row: so the first of an even row has the density of the exponential distribution below 1.
 * A row is odd with probability 1/e: then one is added, and a new row begun. There is no logarithm,
 * and no table with an error of interpolation, which would weigh most where most blocks are: far
 * below the mean.
 */
#ifndef HEAPTAP_POISSON_H
#define HEAPTAP_POISSON_H

/* Comparisons in one draw: e on the average. Once in 10^12 draws the row has not ended by then, and
 * is taken as it is. */
#define POISSON_STEPS_MAX 64

/* floor(mean * (whole + fraction / 2^64)) + 1, for which the products of halves suffice */
static inline __u64 poisson_scale(__u32 mean, __u64 whole, __u64 fraction)
{
	__u64 high = mean * (fraction >> 32), low = mean * (fraction & 0xffffffff) >> 32;

	return mean * whole + ((high + low) >> 32) + 1;
}

/*
 * How many bytes it is to the next point, with the byte in which it lies: at least 1. Points are
 * `mean` bytes apart on the average; with probability 1 - e^(-n/mean) it is not more than n, to
 * 2^-64.
 */
static inline __u64 poisson_distance(__u32 mean)
{
	__u64 first = random_u64(), last = first, whole = 0;
	bool is_odd = false;

	for (int i = 0; i < POISSON_STEPS_MAX; i++) {
		__u64 next = random_u64();

		if (next < last) {
			is_odd = !is_odd;
			last = next;
		} else if (is_odd) {
			is_odd = false;
			whole++;
			first = last = random_u64();
		} else {
			break;
		}
	}
	return poisson_scale(mean, whole, first);
}

/* Passes a block by if it does not reach the next point; else (false) a new distance is to be
 * drawn. A block of no bytes counts as one of 1 byte, or it would never reach any. */
static inline bool poisson_passes(__u64 *distance, __u64 size)
{
	size += !size;
	if (size >= *distance)
		return false;
	*distance -= size;
	return true;
}

#endif
