/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A library with an allocator of its own inside, which is linked statically and not exported: the
 * rest of the process has another one. */
#include <stdlib.h>
#include "private_alloc.h"

void *private_alloc(size_t n)
{
	return malloc(n);
}

void private_free(void *p)
{
	free(p);
}
