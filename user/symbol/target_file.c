/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opening what a target's path leads to.
 *
 * A path of a container means something only in the container's root, absolute symbolic links
 * included: openat2(RESOLVE_IN_ROOT) under /proc/PID/root does that. A device may act on being
 * opened and a fifo may block, so a file is taken with O_PATH first, looked at, and only a regular
 * one is opened, through /proc/self/fd.
 *
 * Which file it is, is told by its inode number and, where the file system tells, its generation.
 * The device number is not asked for: overlayfs and btrfs show stat(2) another one than the
 * kernel's mappings have (linux: fs/overlayfs/inode.c ovl_map_dev_ino, fs/btrfs/inode.c
 * btrfs_getattr). An equal inode number on another file system under the same path would be taken
 * for the file; that is rarer than overlayfs by far.
 *
 * /proc/PID/map_files leads to mapped files that have no path any more. The kernel lets only
 * CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE through it (linux: fs/proc/base.c
 * proc_map_files_get_link); others still get the program itself from /proc/PID/exe.
 */
#include "symbol/target_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/proc.h"

#define PROC_PATH_SZ 128 /* /proc/PID/map_files/START-END and the like */

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Opens for reading what an O_PATH fd stands for; takes that fd. */
static int reopen(int path_fd)
{
	char name[PROC_PATH_SZ];
	int fd = -EINVAL;

	if (path_fd < 0)
		return -errno;
	if (is_regular(path_fd)) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0)
			fd = -errno;
	}
	close(path_fd);
	return fd;
}

/* Without openat2 (seccomp filters, emulators) links are followed in our own root. */
static int open_path_plain(pid_t pid, const char *path)
{
	char *name;
	int fd;

	if (asprintf(&name, "/proc/%d/root/%s", pid, path) < 0) {
		errno = ENOMEM;
		return -1;
	}
	fd = open(name, O_PATH | O_CLOEXEC);
	free(name);
	return fd;
}

static int open_path_in(pid_t pid, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char root[PROC_PATH_SZ];
	int root_fd, fd, err;

	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -1;
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	err = errno;
	close(root_fd);
	if (fd < 0 && (err == ENOSYS || err == EPERM))
		return open_path_plain(pid, path);
	errno = err;
	return fd;
}

int target_file__open(pid_t pid, const char *path)
{
	return reopen(pid > 0 ? open_path_in(pid, path) : open(path, O_PATH | O_CLOEXEC));
}

/* Where the file system does not tell the generation, none is another. */
static bool is_of(int fd, struct file_id id)
{
	int generation = 0;
	struct stat st;

	if (fstat(fd, &st) || st.st_ino != id.inode)
		return false;
	return !id.generation || ioctl(fd, FS_IOC_GETVERSION, &generation) ||
	       (uint32_t)generation == id.generation;
}

/* Closes an fd that is of another file; hands errors on. */
static int keep_if(int fd, struct file_id id)
{
	if (fd < 0 || is_of(fd, id))
		return fd;
	close(fd);
	return -ESTALE;
}

struct mapped_file {
	pid_t pid;
	struct file_id id;
	int fd; /* or -errno */
};

static int open_if_mapped_here(const struct proc_mapping *mapping, void *arg)
{
	struct mapped_file *file = arg;
	char name[PROC_PATH_SZ];

	if (mapping->inode != file->id.inode || mapping->dev != file->id.dev)
		return 0;
	snprintf(name, sizeof(name), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, file->pid,
		mapping->start, mapping->end);
	file->fd = keep_if(target_file__open(0, name), file->id);
	return file->fd >= 0 || file->fd == -EPERM;
}

static int open_mapped(pid_t pid, struct file_id id)
{
	struct mapped_file file = {.pid = pid, .id = id, .fd = -ENOENT};
	int err = proc__each_mapping(pid, open_if_mapped_here, &file);

	return err < 0 ? err : file.fd;
}

static int open_exe(pid_t pid, struct file_id id)
{
	char name[PROC_PATH_SZ];

	snprintf(name, sizeof(name), "/proc/%d/exe", pid);
	return keep_if(target_file__open(0, name), id);
}

int target_file__open_inode(pid_t pid, const char *path, struct file_id id, bool *ret_replaced)
{
	bool replaced = false;
	int fd = -ESTALE, own;

	if (pid > 0) {
		fd = keep_if(target_file__open(pid, path), id);
		replaced = fd == -ESTALE;
		if (fd < 0)
			fd = open_mapped(pid, id);
		if (fd < 0)
			fd = open_exe(pid, id);
	}
	if (fd < 0) {
		own = keep_if(target_file__open(0, path), id);
		replaced = replaced || own == -ESTALE;
		fd = own;
	}
	*ret_replaced = fd < 0 && replaced;
	return *ret_replaced ? -ESTALE : fd;
}
