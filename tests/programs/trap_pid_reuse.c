/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two processes with the same pid, one after the other: the second is made with clone3(2) and
 * set_tid, which takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. Books by pid alone mix them.
 */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "expect.h"

enum { FIRST_SZ = 1101, SECOND_SZ = 2203 };

static NOINLINE void leak_inner(size_t n)
{
	tally_alloc(malloc(n), n);
}

static NOINLINE void leak_outer(size_t n, unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		leak_inner(n);
}

/* A child with this pid, or with any if it is 0. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (uintptr_t)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t live_and_die(pid_t pid, const char *name, size_t n, unsigned int cnt)
{
	pid_t child = fork_as(pid);

	require(child >= 0, "clone3 failed");
	if (child == 0) {
		leak_outer(n, cnt);
		expect_print(name);
		_exit(0);
	}
	require(waitpid(child, NULL, 0) == child, "waitpid failed");
	return child;
}

int main(void)
{
	pid_t first = live_and_die(0, "first", FIRST_SZ, 3);

	require(live_and_die(first, "second", SECOND_SZ, 5) == first, "the pid was not reused");
	expect_print("parent");
	return 0;
}
