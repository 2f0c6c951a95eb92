/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trap_exec CNT: exec puts a new image into the same process, and the old one's blocks are gone.
 * Each image leaks CNT blocks, prints its EXPECT line, and execs itself with CNT - 1.
 */
#include "expect.h"

enum { BLOCK_SZ = 1401 };

static NOINLINE void leak_inner(size_t n)
{
	tally_alloc(malloc(n), n);
}

static NOINLINE void leak_outer(unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner(BLOCK_SZ + cnt);
}

int main(int argc, char **argv)
{
	unsigned int cnt = argc > 1 ? argv[1][0] - '0' : 0;
	char next[2] = {};

	leak_outer(cnt);
	expect_print("image");
	if (cnt > 1) {
		next[0] = '0' + cnt - 1;
		execl("/proc/self/exe", argv[0], next, NULL);
		require(0, "exec failed");
	}
	return 0;
}
