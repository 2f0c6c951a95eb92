// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Keeps blocks of 16 bytes, and between them some that cannot be read any more: a page and more each,
 * without any permission. The first byte of a block is its number, from 1. */
#include <sys/mman.h>
#include "expect.h"

enum { BLOCK_CNT = 9, LARGE = 1 << 20, PAGE = 4096 };

static NOINLINE unsigned char *keep(size_t n)
{
	return escape(malloc(n));
}

int main(void)
{
	for (int i = 1; i <= BLOCK_CNT; i++) {
		unsigned char *block = keep(i % 3 ? 16 : LARGE);

		require(block != NULL, "no memory");
		memset(block, i, 16);
		if (i % 3 == 0)
			require(!mprotect((void *)((uintptr_t)block & -PAGE), LARGE, PROT_NONE),
				"mprotect");
	}
	_exit(0);
}
