/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* die WAY [FILE]: leaks, says so, and ends in the way named: each must leave complete books behind.
 * "exec" is for a FILE that is recognised as a program, and then cannot be loaded. */
#include <signal.h>
#include "expect.h"

enum { LEAK_CNT = 5, BLOCK_SZ = 2101 };

static const char *file;

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	for (unsigned int i = 0; i < LEAK_CNT; i++)
		leak_inner();
}

static void touch_nothing(void)
{
	raise(SIGSEGV);
}

static void kill_self(void)
{
	kill(getpid(), SIGKILL);
}

static void terminate(void)
{
	kill(getpid(), SIGTERM);
}

static void exit_three(void)
{
	exit(3);
}

static void exit_at_once(void)
{
	_exit(4);
}

static void exit_quickly(void)
{
	quick_exit(5);
}

static void exec_in_vain(void)
{
	execl(file, file, NULL);
	_exit(6);
}

int main(int argc, char **argv)
{
	const struct {
		const char *name;
		void (*die)(void);
	} ways[] = {
		{"segv", touch_nothing},
		{"kill", kill_self},
		{"term", terminate},
		{"abort", abort},
		{"exit", exit_three},
		{"_exit", exit_at_once},
		{"quick_exit", exit_quickly},
		{"exec", exec_in_vain},
	};

	file = argc > 2 ? argv[2] : "";
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name) == 0) {
			leak_outer();
			expect_print(ways[i].name);
			ways[i].die();
		}
	}
	return 2;
}
