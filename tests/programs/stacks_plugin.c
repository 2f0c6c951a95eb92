/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A library that allocates below a frame of FRAME_SZ bytes: see stacks_dlclose.c. */
#include <stdlib.h>

static __attribute__((noinline)) int inner(int n)
{
	volatile char room[FRAME_SZ];
	void *volatile block = malloc(n + 1);

	room[n % FRAME_SZ] = n;
	free(block);
	return room[n % FRAME_SZ];
}

int stacks_plugin(int n)
{
	volatile int here = n;

	return inner(n) + here;
}
