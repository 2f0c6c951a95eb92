/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trap_spawn COMMAND [ARG...]: a child of posix_spawn and one of vfork run in their parent's memory
 * until they exec. Their parent's books must not be copied, closed or ended with them.
 */
#include <spawn.h>
#include <sys/wait.h>
#include "expect.h"

static NOINLINE void leak_inner(size_t n)
{
	tally_alloc(malloc(n), n);
}

static NOINLINE void leak_outer(size_t n, unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner(n);
}

static void wait_for(pid_t child)
{
	require(child > 0 && waitpid(child, NULL, 0) == child, "waitpid failed");
}

/* vfork is what is tested here. */
static pid_t vfork_and_exec(char **argv)
{
	pid_t pid = vfork(); /* NOLINT */

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	extern char **environ;
	pid_t pid;

	require(argc > 1, "a command is needed");
	leak_outer(1601, 2);
	require(posix_spawn(&pid, argv[1], NULL, NULL, argv + 1, environ) == 0, "spawn failed");
	wait_for(pid);
	leak_outer(1607, 3);
	wait_for(vfork_and_exec(argv + 1));
	leak_outer(1609, 4);
	expect_print("parent");
	return 0;
}
