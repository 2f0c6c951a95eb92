/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trap_clone WAY: the ways to make a process by clone(2), beside fork and vfork.
 *
 *   copy      no flags: memory of its own, as fork
 *   borrow    CLONE_VM | CLONE_VFORK: the child allocates and frees in its parent's memory, and
 * ends outlive   CLONE_VM: the child allocates and frees in its parent's memory, in which it goes
 * on when the parent has ended leave     CLONE_VM: likewise, when the parent has left it by an exec
 *
 * Only one of the two runs at a time: they share the C library's thread-local data, too. An EXPECT
 * line says what is in the memory when its process leaves it, or ends.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "expect.h"

enum { STACK_SZ = 64 << 10, BLOCK_CNT = 4, BLOCK_SZ = 1301, CHILD_SZ = 1303 };

static char stack[STACK_SZ] __attribute__((aligned(16)));
static void *blocks[BLOCK_CNT];
static int parents_turn_is_over[2]; /* a pipe, which the parent's end closes */

static NOINLINE void leak_inner(size_t n)
{
	tally_alloc(malloc(n), n);
}

static NOINLINE void leak_outer(size_t n, unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner(n);
}

static void free_one(unsigned int i)
{
	tally_free(BLOCK_SZ);
	free(blocks[i]);
}

static void begin(void)
{
	for (unsigned int i = 0; i < BLOCK_CNT; i++)
		blocks[i] = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static void wait_for(pid_t child)
{
	int status;

	require(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child failed");
}

static void copy(void)
{
	pid_t child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0) {
		tally_fork_child();
		free_one(0);
		leak_outer(CHILD_SZ, 2);
		expect_print("child");
		_exit(0);
	}
	wait_for(child);
	free_one(1);
	expect_print("parent");
}

static int borrower(void *arg)
{
	(void)arg;
	free_one(0);
	leak_outer(CHILD_SZ, 3);
	_exit(0);
}

static void borrow(void)
{
	wait_for(clone(borrower, stack + STACK_SZ, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
	free_one(1);
	expect_print("parent");
}

static int outliver(void *arg)
{
	char byte;

	(void)arg;
	close(parents_turn_is_over[1]);
	require(read(parents_turn_is_over[0], &byte, 1) == 0, "the parent has written");
	tally_fork_child();
	free_one(2);
	leak_outer(CHILD_SZ, 5);
	expect_print("child");
	_exit(0);
}

/* The child has a table of files of its own, so it sees when the parent's end closes the pipe. */
static void make_outliver(void)
{
	require(pipe(parents_turn_is_over) == 0, "no pipe");
	require(clone(outliver, stack + STACK_SZ, CLONE_VM | SIGCHLD, NULL) > 0, "clone failed");
	free_one(1);
	leak_outer(CHILD_SZ, 1);
	expect_print("parent");
}

static void outlive(void)
{
	make_outliver();
	_exit(0);
}

static void leave(void)
{
	make_outliver();
	execl("/proc/self/exe", "trap_clone", "end", NULL);
	require(0, "exec failed");
}

static void end(void)
{
	leak_outer(CHILD_SZ, 7);
	expect_print("end");
}

/* In a process that ends before the first one, which waits for all. */
static void apart(void (*way)(void))
{
	pid_t parent;
	int status;

	require(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "no subreaper");
	parent = fork();
	if (parent == 0) {
		begin();
		way();
	}
	while (wait(&status) > 0)
		require(status == 0, "a child failed");
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (strcmp(way, "end") == 0)
		end();
	else if (strcmp(way, "outlive") == 0)
		apart(outlive);
	else if (strcmp(way, "leave") == 0)
		apart(leave);
	else
		begin();
	if (strcmp(way, "copy") == 0)
		copy();
	if (strcmp(way, "borrow") == 0)
		borrow();
	return 0;
}
