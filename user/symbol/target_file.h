/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening files whose names targets choose: regular files only, in the target's own root. */
#ifndef HEAPTAP_SYMBOL_TARGET_FILE_H
#define HEAPTAP_SYMBOL_TARGET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "symbol/module.h"

/*
 * Opens `path` for reading, as process `pid` sees it (pid 0: as we do). Symbolic links are resolved
 * in that root. Anything but a regular file is -EINVAL and was not opened as such: a device or a
 * fifo sees nothing of this. Returns the fd, close-on-exec, or -errno.
 */
int target_file__open(pid_t pid, const char *path);

/*
 * The same for the file `id` (the kernel's encoding of dev) that process `pid` has mapped and that
 * `path` once led to: by the path in the process's root, by the process's mappings (which
 * still lead to a deleted file), by the path in our root. *ret_replaced, also set on failure, says
 * that the path leads to another file by now. Returns the fd or -errno.
 */
int target_file__open_inode(pid_t pid, const char *path, struct file_id id, bool *ret_replaced);

#endif
