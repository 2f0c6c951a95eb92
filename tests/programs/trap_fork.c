/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A fork copies the books: the child may free what its parent allocated, and the parent still has
 * it. Three generations; each prints its own EXPECT line.
 */
#include <sys/wait.h>
#include "expect.h"

enum { BLOCK_CNT = 6, BLOCK_SZ = 1201 };

static NOINLINE void leak_inner(size_t n)
{
	tally_alloc(malloc(n), n);
}

static NOINLINE void leak_outer(size_t n, unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner(n);
}

static NOINLINE void free_one(void **block)
{
	free(*block);
	*block = NULL;
	tally_free(BLOCK_SZ);
}

static void wait_for(pid_t child)
{
	int status;

	require(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child failed");
}

static void grandchild(void **blocks)
{
	tally_fork_child();
	free_one(&blocks[1]);
	free_one(&blocks[2]);
	expect_print("grandchild");
	_exit(0);
}

static void child(void **blocks)
{
	pid_t pid;

	tally_fork_child();
	free_one(&blocks[0]);
	leak_outer(333, 2);
	pid = fork();
	if (pid == 0)
		grandchild(blocks);
	wait_for(pid);
	leak_outer(77, 1);
	expect_print("child");
	_exit(0);
}

int main(void)
{
	void *blocks[BLOCK_CNT];
	pid_t pid;

	for (unsigned int i = 0; i < BLOCK_CNT; i++)
		blocks[i] = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	pid = fork();
	if (pid == 0)
		child(blocks);
	wait_for(pid);
	free_one(&blocks[1]);
	free_one(&blocks[5]);
	leak_outer(55, 1);
	expect_print("parent");
	return 0;
}
