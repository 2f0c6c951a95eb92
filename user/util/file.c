/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/file.h"

#include <errno.h>
#include <unistd.h>

int file__become_like(int fd, const struct stat *other)
{
	(void)!fchown(fd, other->st_uid, other->st_gid);
	return fchmod(fd, other->st_mode & 0777) ? -errno : 0;
}
