/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See sampling.h. Of p only -expm1() gives all digits for a block that is far smaller than the
 * mean. */
#include "heap/sampling.h"

#include <math.h>

double sampling__probability(uint64_t mean, uint64_t size)
{
	return -expm1(-(double)(size ? size : 1) / mean);
}

uint64_t sampling__weight(uint64_t mean, uint64_t size, uint64_t chance)
{
	double inverse, whole;

	if (!mean)
		return 1;
	inverse = 1 / sampling__probability(mean, size);
	whole = floor(inverse);
	return (uint64_t)whole + ((chance >> 11) * 0x1p-53 < inverse - whole);
}
