// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who has connected and says nothing holds up nobody: all sockets are behind one epoll, of which
 * the caller sees the fd. The socket gets its name when it is listened at, so that one without a
 * listener is always a dead heaptap's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "control/control.h"
#include "control/socket.h"

#define CLIENTS_MAX 8

struct control {
	control_handler *handler;
	void *arg;
	int dir_fd, listen_fd, epoll_fd;
	char name[32];
	int client_fds[CLIENTS_MAX]; /* -1: free */
};

/* ---- connections */

static int *client_slot(struct control *control, int fd)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->client_fds[i] == fd)
			return &control->client_fds[i];
	return NULL;
}

static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t sz = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &sz))
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void answer(int fd, int err, const char *text)
{
	struct control_answer answer = {.err = err};

	snprintf(answer.text, sizeof(answer.text), "%s", text);
	send(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int watch(struct control *control, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void take_client(struct control *control)
{
	int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int *slot = client_slot(control, -1);

	if (fd < 0)
		return;
	if (!is_allowed(fd))
		answer(fd, -EPERM, "this heaptap is another user's");
	else if (!slot || watch(control, fd))
		answer(fd, -EBUSY, "too many ask it at once");
	else
		*slot = fd;
	if (!slot || *slot != fd)
		close(fd);
}

/* ---- questions */

/* The word behind `at`, NULL if it does not end within the message. */
static const char *next_word(const char **at, const char *end)
{
	const char *word = *at, *nul = memchr(word, '\0', end - word);

	if (!nul)
		return NULL;
	*at = nul + 1;
	return word;
}

static void serve_client(struct control *control, int fd)
{
	struct control_answer answer = {0};
	char question[CONTROL_QUESTION_SZ];
	ssize_t sz = recv(fd, question, sizeof(question), MSG_DONTWAIT);
	const char *at = question, *end = question + (sz > 0 ? sz : 0);
	const char *verb = next_word(&at, end), *argument = verb ? next_word(&at, end) : NULL;

	if (argument) {
		control->handler(control->arg, verb, argument, &answer);
		send(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	*client_slot(control, fd) = -1;
	close(fd);
}

void control__serve(struct control *control)
{
	struct epoll_event events[CLIENTS_MAX + 1];
	int cnt = epoll_wait(control->epoll_fd, events, CLIENTS_MAX + 1, 0);

	for (int i = 0; i < cnt; i++) {
		if (events[i].data.fd == control->listen_fd)
			take_client(control);
		else
			serve_client(control, events[i].data.fd);
	}
}

/* ---- the socket */

static int listen_in(struct control *control)
{
	struct sockaddr_un address = control_dir__address(control->dir_fd, ".", getpid());
	const char *hidden = strrchr(address.sun_path, '/') + 1;

	snprintf(control->name, sizeof(control->name), "%s", hidden + 1);
	unlinkat(control->dir_fd, hidden, 0);
	control->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Before it has a name: this becomes the mode of its file (unix_bind). */
	if (control->listen_fd < 0 || fchmod(control->listen_fd, 0600) ||
		bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (!listen(control->listen_fd, CLIENTS_MAX) &&
		!renameat(control->dir_fd, hidden, control->dir_fd, control->name))
		return watch(control, control->listen_fd);
	return -errno;
}

int control__open(control_handler *handler, void *arg, struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int err = 0;

	if (!control)
		return -ENOMEM;
	*control = (struct control){.handler = handler, .arg = arg, .listen_fd = -1};
	memset(control->client_fds, -1, sizeof(control->client_fds));
	control->dir_fd = control_dir__open(true);
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (control->dir_fd < 0)
		err = control->dir_fd;
	else if (control->epoll_fd < 0)
		err = -errno;
	if (!err)
		control_dir__sweep(control->dir_fd);
	if (!err)
		err = listen_in(control);
	if (err)
		control__close(control);
	else
		*ret_control = control;
	return err;
}

int control__fd(const struct control *control)
{
	return control->epoll_fd;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void control__close(struct control *control)
{
	if (!control)
		return;
	if (control->listen_fd >= 0)
		unlinkat(control->dir_fd, control->name, 0);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		close_fd(control->client_fds[i]);
	close_fd(control->listen_fd);
	close_fd(control->epoll_fd);
	close_fd(control->dir_fd);
	free(control);
}
