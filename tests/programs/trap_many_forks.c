/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* trap_many_forks CNT: so many children, one after the other, each with blocks of its own beside
 * its parent's. Their numbers come back when there are more than the system has. */
#include <sys/wait.h>
#include "expect.h"

enum { BLOCK_SZ = 1709 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static NOINLINE void leak_outer(unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner();
}

int main(int argc, char **argv)
{
	int cnt = argc > 1 ? atoi(argv[1]) : 10;

	leak_outer(2);
	for (int i = 0; i < cnt; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			tally_fork_child();
			leak_outer(1 + i % 3);
			expect_print("child");
			_exit(0);
		}
		require(pid > 0 && waitpid(pid, NULL, 0) == pid, "no child");
	}
	expect_print("parent");
	return 0;
}
