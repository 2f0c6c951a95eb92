/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The main thread ends by pthread_exit; another thread waits for that, and allocates only then: the
 * process lives on without the thread whose number is its pid. */
#include <pthread.h>
#include "expect.h"

enum { LEAK_CNT = 5, BLOCK_SZ = 1901 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	for (unsigned int i = 0; i < LEAK_CNT; i++)
		leak_inner();
}

static void *outlive_main(void *main_thread)
{
	require(pthread_join((pthread_t)(uintptr_t)main_thread, NULL) == 0, "join failed");
	leak_outer();
	expect_print("main_exits_first");
	_exit(4);
}

int main(void)
{
	pthread_t thread;
	void *self = (void *)(uintptr_t)pthread_self();

	leak_outer();
	require(pthread_create(&thread, NULL, outlive_main, self) == 0, "no thread");
	pthread_exit(NULL);
}
