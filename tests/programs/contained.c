/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * contained ROOT COMMAND [ARG...]: executes COMMAND as the first process of pid and mount
 * namespaces of its own, whose root is ROOT, and ends as it does. For root only.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 98;
}

/* As pivot_root(2) says: the old root comes to lie upon the new one, and is taken away. The root
 * that a kernel starts with cannot be taken away: there the new one is only made the root of this
 * process. */
static int enter(const char *root)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount(root, root, NULL, MS_BIND | MS_REC, NULL) || chdir(root))
		return fail(root);
	if (syscall(SYS_pivot_root, ".", "."))
		return chroot(".") ? fail("chroot") : 0;
	return umount2(".", MNT_DETACH) || chdir("/") ? fail("pivot_root") : 0;
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 3 || unshare(CLONE_NEWNS | CLONE_NEWPID))
		return fail("unshare");
	pid = fork();
	if (pid == 0) {
		if (enter(argv[1]))
			return 98;
		execv(argv[2], argv + 2);
		return fail(argv[2]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("fork");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
