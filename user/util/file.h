/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that takes another's place. */
#ifndef HEAPTAP_UTIL_FILE_H
#define HEAPTAP_UTIL_FILE_H

#include <sys/stat.h>

/* Gives it the other's mode, and its owner where that is allowed: root's heaptap may write a user's
 * file. 0 or -errno. */
int file__become_like(int fd, const struct stat *other);

#endif
