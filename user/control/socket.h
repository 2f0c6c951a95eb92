/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the sockets lie: what both sides of control.h share. */
#ifndef HEAPTAP_CONTROL_SOCKET_H
#define HEAPTAP_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#define CONTROL_QUESTION_SZ 512 /* verb and argument with their NULs: at most */

/* The directory, opened, made first if `create`: its fd, or -errno. -EPERM: it is not ours alone.
 */
int control_dir__open(bool create);
/* As sockets are named that lie in it: by way of its fd, however long its path is. `prefix` is of
 * the file's name. */
struct sockaddr_un control_dir__address(int dir_fd, const char *prefix, pid_t pid);
/* The fd of a connection, with socket(2)'s flags; -ECONNREFUSED: nobody listens any more; -EAGAIN,
 * with SOCK_NONBLOCK: one that listens, but does not take those who wait; or another -errno. */
int control_dir__connect(int dir_fd, pid_t pid, int flags);
/* Sockets of those who were killed are removed. */
void control_dir__sweep(int dir_fd);
/* Calls visit for each that can be asked. */
int control_dir__each(int dir_fd, void (*visit)(pid_t pid, void *arg), void *arg);

#endif
