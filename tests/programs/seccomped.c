/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process that allows itself a handful of system calls (seccomp(2), SECCOMP_RET_KILL_PROCESS for
 * all others), then allocates. The kernel's own uprobe and uretprobe system calls are not in the
 * list: a kernel that puts them through the filter would kill the process.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "expect.h"

enum { LEAK_CNT = 9, BLOCK_SZ = 2301 };

static NOINLINE void leak_inner(void)
{
	tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
}

static NOINLINE void leak_outer(void)
{
	for (unsigned int i = 0; i < LEAK_CNT; i++)
		leak_inner();
	for (unsigned int i = 0; i < LEAK_CNT; i++) {
		free(tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ));
		tally_free(BLOCK_SZ);
	}
}

#define ALLOW(nr)                                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void allow_few_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_write),
		ALLOW(SYS_brk),
		ALLOW(SYS_mmap),
		ALLOW(SYS_munmap),
		ALLOW(SYS_getpid),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_getrandom),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs failed");
	require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp failed");
}

int main(void)
{
	allow_few_calls();
	leak_outer();
	expect_print("seccomped");
	return 0;
}
