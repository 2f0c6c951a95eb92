/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * churn CNT DIRECTORY NAME PROGRAM [ARG...]: CNT times, one after the other: copies PROGRAM to a
 * new file NAME below DIRECTORY, executes the copy, and deletes it. So each process has an
 * executable of its own, and inode numbers are used again and again.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "expect.h"

enum { DIRECTORIES = 8, PATH_SZ = 4096 };

static void copy(int program, size_t sz, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	off_t at = 0;

	require(fd >= 0, "no file");
	while ((size_t)at < sz)
		require(sendfile(fd, program, &at, sz - at) > 0, "no room");
	close(fd);
}

static void execute(const char *path, char **argv)
{
	pid_t pid;

	require(posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0, "spawn failed");
	require(waitpid(pid, NULL, 0) == pid, "waitpid failed");
}

int main(int argc, char **argv)
{
	char path[PATH_SZ];
	struct stat st;
	int program;

	require(argc > 4, "arguments are missing");
	program = open(argv[4], O_RDONLY | O_CLOEXEC);
	require(program >= 0 && fstat(program, &st) == 0, "no program");
	for (int i = 0, cnt = atoi(argv[1]); i < cnt; i++) {
		snprintf(path, sizeof(path), "%s/%d", argv[2], i % DIRECTORIES);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/%d/%s", argv[2], i % DIRECTORIES, argv[3]);
		copy(program, st.st_size, path);
		execute(path, argv + 4);
		unlink(path);
	}
	return 0;
}
