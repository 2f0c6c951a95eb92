// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Allocations that a family numbers itself, as numbered.c does: a parent, its child by fork and one
 * by vfork, each of CNT allocations, one after the other. A child by fork goes on with its parent's
 * number, which the parent's does not notice; one by vfork is in its parent's memory, and counts
 * there. So with CNT 10: the parent says 1 to 10, the fork's child 11 to 20, the vfork's 11 to 20,
 * and the parent 21 to 30. A line is WHO NUMBER.
 */
#include <sys/wait.h>
#include "expect.h"

static size_t number; /* in the memory that the vfork's child shares */

static NOINLINE void allocate(const char *who)
{
	struct line line = {.sz = 0};

	line_add(&line, who);
	line_add(&line, " ");
	line_add_number(&line, ++number, 10);
	line_print(&line);
	escape(malloc(number));
}

static NOINLINE void allocate_all(const char *who, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		allocate(who);
}

static void wait_for(pid_t child)
{
	int status;

	require(waitpid(child, &status, 0) == child && !status, "the child failed");
}

int main(int argc, char **argv)
{
	size_t cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	char byte;
	pid_t child;

	require(read(STDIN_FILENO, &byte, 1) == 1, "nobody lets it begin");
	allocate_all("parent", cnt);
	child = fork();
	if (!child) {
		allocate_all("fork", cnt);
		_exit(0);
	}
	wait_for(child);
	child = vfork();
	if (!child) {
		allocate_all("vfork", cnt);
		_exit(0);
	}
	wait_for(child);
	allocate_all("parent", cnt);
	say("end");
	_exit(0);
}
