/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two allocators in one process: the program's, and that of a library which keeps it to itself
 * (private_alloc.c). Each of them frees what it has given.
 *
 * With -DLATE it loads the library that PRIVATE_LIBRARY names, and waits for a line before it goes
 * on.
 */
#include <dlfcn.h>
#include "expect.h"
#include "private_alloc.h"

enum { LEAK_CNT = 7, FREE_CNT = 5, BLOCK_SZ = 1701, PRIVATE_SZ = 2301 };

#ifdef LATE

static void *(*late_alloc)(size_t n);
static void (*late_free)(void *p);
#define private_alloc late_alloc
#define private_free late_free

static void prepare(void)
{
	void *library = dlopen(getenv("PRIVATE_LIBRARY"), RTLD_NOW);
	char byte;

	require(library != NULL, "dlopen failed");
	late_alloc = (void *(*)(size_t))dlsym(library, "private_alloc");
	late_free = (void (*)(void *))dlsym(library, "private_free");
	require(late_alloc && late_free, "dlsym failed");
	require(read(STDIN_FILENO, &byte, 1) == 1, "nobody said to go on");
}

#else

static void prepare(void)
{
}

#endif

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	tally_alloc(private_alloc(PRIVATE_SZ), PRIVATE_SZ);
}

static NOINLINE void use_and_free(void)
{
	void *p = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	void *own = tally_alloc(private_alloc(PRIVATE_SZ), PRIVATE_SZ);

	private_free(own);
	tally_free(PRIVATE_SZ);
	free(p);
	tally_free(BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	for (int i = 0; i < FREE_CNT; i++)
		use_and_free();
	for (int i = 0; i < LEAK_CNT; i++)
		leak_inner();
}

int main(void)
{
	prepare();
	leak_outer();
	expect_print("several");
	return 0;
}
