// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Who is asked is not looked at: only this user and root can put a socket into the directory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "control/control.h"
#include "control/socket.h"

struct list {
	pid_t *pids;
	size_t cnt, cap;
};

static void add(pid_t pid, void *arg)
{
	struct list *list = arg;

	if (list->cnt < list->cap)
		list->pids[list->cnt++] = pid;
}

ssize_t control__list(pid_t *ret_pids, size_t cap)
{
	struct list list = {.pids = ret_pids, .cap = cap};
	int dir_fd = control_dir__open(false), err;

	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	err = control_dir__each(dir_fd, add, &list);
	close(dir_fd);
	return err ? err : (ssize_t)list.cnt;
}

/* An answer that has come is taken, also if the question could not be sent any more: who is refused
 * is told before he asks. */
static int exchange(int fd, const char *question, size_t sz, struct control_answer *ret_answer)
{
	ssize_t received;

	send(fd, question, sz, MSG_NOSIGNAL);
	do
		received = recv(fd, ret_answer, sizeof(*ret_answer), 0);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;
	ret_answer->text[CONTROL_TEXT_SZ - 1] = '\0';
	return received == sizeof(*ret_answer) ? 0 : -ECONNRESET;
}

int control__ask(
	pid_t pid, const char *verb, const char *argument, struct control_answer *ret_answer)
{
	char question[CONTROL_QUESTION_SZ];
	int sz = snprintf(question, sizeof(question), "%s%c%s", verb, '\0', argument) + 1;
	int dir_fd = control_dir__open(false), fd, err;

	if (dir_fd < 0)
		return dir_fd == -ENOENT ? -ESRCH : dir_fd;
	fd = (size_t)sz > sizeof(question) ? -ENAMETOOLONG : control_dir__connect(dir_fd, pid, 0);
	close(dir_fd);
	if (fd < 0)
		return fd == -ENOENT || fd == -ECONNREFUSED ? -ESRCH : fd;
	err = exchange(fd, question, sz, ret_answer);
	close(fd);
	return err;
}
