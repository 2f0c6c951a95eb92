// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A socket's file stays when its heaptap is killed; nobody listens at it any more, and so it is
 * known. */
#include "control/socket.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".sock"

/* ---- the directory */

/* -ENOENT: this user has none. */
static int dir_path(char *path, size_t sz)
{
	const char *own = getenv("HEAPTAP_RUNTIME_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	int written;

	if (own && *own)
		written = snprintf(path, sz, "%s", own);
	else if (!geteuid())
		written = snprintf(path, sz, "/run/heaptap");
	else if (xdg && *xdg)
		written = snprintf(path, sz, "%s/heaptap", xdg);
	else
		return -ENOENT;
	return (size_t)written < sz ? 0 : -ENAMETOOLONG;
}

int control_dir__open(bool create)
{
	char path[4096];
	struct stat st;
	int err = dir_path(path, sizeof(path)), fd;

	if (err)
		return err;
	if (create && mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	close(fd);
	return -EPERM;
}

/* ---- sockets in it */

struct sockaddr_un control_dir__address(int dir_fd, const char *prefix, pid_t pid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s%d" SUFFIX, dir_fd,
		prefix, pid);
	return address;
}

int control_dir__connect(int dir_fd, pid_t pid, int flags)
{
	struct sockaddr_un address = control_dir__address(dir_fd, "", pid);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0), err;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* The process of a socket by its file's name; 0: it is another file. */
static pid_t pid_of(const char *name)
{
	char *end;
	long pid = isdigit((unsigned char)*name) ? strtol(name, &end, 10) : 0;

	return pid > 0 && pid <= 1 << 22 && !strcmp(end, SUFFIX) ? pid : 0;
}

static int each_socket(
	int dir_fd, void (*visit)(int dir_fd, pid_t pid, int connected, void *arg), void *arg)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		pid_t pid = pid_of(entry->d_name);
		int connected = pid ? control_dir__connect(dir_fd, pid, SOCK_NONBLOCK) : -ENOENT;

		if (pid)
			visit(dir_fd, pid, connected, arg);
		if (connected >= 0)
			close(connected);
	}
	closedir(dir);
	return 0;
}

static void remove_stale(int dir_fd, pid_t pid, int connected, void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "%d" SUFFIX, pid);
	if (connected == -ECONNREFUSED)
		unlinkat(dir_fd, name, 0);
}

void control_dir__sweep(int dir_fd)
{
	each_socket(dir_fd, remove_stale, NULL);
}

struct visitor {
	void (*visit)(pid_t pid, void *arg);
	void *arg;
};

static void visit_live(int dir_fd, pid_t pid, int connected, void *arg)
{
	const struct visitor *visitor = arg;

	if (connected >= 0 || connected == -EAGAIN)
		visitor->visit(pid, visitor->arg);
}

int control_dir__each(int dir_fd, void (*visit)(pid_t pid, void *arg), void *arg)
{
	return each_socket(dir_fd, visit_live, &(struct visitor){visit, arg});
}
