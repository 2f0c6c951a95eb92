/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A library that is loaded, leaks from a function of its own, and is closed again. Built several times,
 * with the function's name in LEAK_FUNCTION, and what stands before it in SHIFT. */
#include <stddef.h>
#include <stdlib.h>

#ifdef SHIFT
__asm__(SHIFT);
#endif

void *LEAK_FUNCTION(size_t n);

__attribute__((noinline)) void *LEAK_FUNCTION(size_t n)
{
	void *p = malloc(n);

	__asm__ volatile("" : "+r"(p));
	return p;
}
