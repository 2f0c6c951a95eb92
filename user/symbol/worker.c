/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heaptap's end of the worker: starting the processes, asking, and reading answers, which are not
 * trusted either: a file may have taken the worker over.
 *
 * The keeper is forked twice, so that it is nobody's child here: the caller may wait for any child
 * of its own. It ends when heaptap's end of the socket is closed, also by heaptap's death.
 *
 * Each question has a number, and an answer says which it answers, so that a late answer to a
 * question that was given up is passed over.
 */
#include "symbol/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "symbol/worker_wire.h"

struct worker {
	int fd;
	pid_t keeper;
	uint64_t seq;
	char buf[WIRE_ANSWER_SZ_MAX];
};

/* Whether the second fork worked is told by the keeper's hello, or by the end of its socket. */
static int fork_keeper(int fds[2])
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (fork() == 0) {
			close(fds[0]);
			worker_process__keep(fds[1]); /* does not return */
		}
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int receive_hello(struct worker *worker)
{
	struct wire_hello hello;
	ssize_t sz;

	do
		sz = recv(worker->fd, &hello, sizeof(hello), 0);
	while (sz < 0 && errno == EINTR);
	if (sz != sizeof(hello))
		return sz < 0 ? -errno : -EPIPE;
	worker->keeper = hello.keeper;
	return 0;
}

static int set_limits(int fd)
{
	struct timeval timeout = {.tv_sec = 2 * worker_process__seconds_max()};
	int sz = 2 * WIRE_ANSWER_SZ_MAX;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sz, sizeof(sz));
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ? -errno : 0;
}

struct worker *worker__new(void)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int fds[2], err;

	if (!worker)
		return NULL;
	worker->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		goto err_out;
	worker->fd = fds[0];
	err = set_limits(fds[0]);
	if (!err)
		err = set_limits(fds[1]);
	if (!err)
		err = fork_keeper(fds);
	close(fds[1]);
	if (!err)
		err = receive_hello(worker);
	if (!err)
		return worker;
	errno = -err;
err_out:
	err = errno;
	worker__free(worker);
	errno = err;
	return NULL;
}

void worker__free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->fd >= 0)
		close(worker->fd);
	free(worker);
}

pid_t worker__keeper(const struct worker *worker)
{
	return worker->keeper;
}

static int send_question(struct worker *worker, const struct question *question)
{
	struct wire_question wire = {
		.seq = ++worker->seq,
		.address = question->address,
		.file = question->file,
		.is_return = question->is_return,
		.with_dwarf = question->with_dwarf,
	};
	struct iovec parts[2] = {
		{&wire, sizeof(wire)},
		{(char *)question->path, strnlen(question->path, WIRE_PATH_SZ_MAX - 1)},
	};
	union wire_fd control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t sz;

	memcpy(CMSG_DATA(&control.header), &question->fd, sizeof(int));
	do
		sz = sendmsg(worker->fd, &message, MSG_NOSIGNAL);
	while (sz < 0 && errno == EINTR);
	return sz < 0 ? -errno : 0;
}

/* Waits for the answer to the last question. Returns its size. */
static ssize_t receive_answer(struct worker *worker)
{
	const struct wire_answer *answer = (const struct wire_answer *)worker->buf;
	ssize_t sz;

	do {
		sz = recv(worker->fd, worker->buf, sizeof(worker->buf), 0);
		if (sz < 0 && errno == EINTR)
			continue;
		if (sz < (ssize_t)sizeof(*answer))
			return sz < 0 && errno != EAGAIN ? -errno : -EIO;
	} while (sz < 0 || answer->seq != worker->seq);
	return sz;
}

/* Takes a string of sz bytes (its NUL included; 0: NULL) from [*at, end) to *to. */
static int take_text(
	const char **at, const char *end, uint32_t sz, char **to, const char **ret_text)
{
	if (sz == 0) {
		*ret_text = NULL;
		return 0;
	}
	if (sz > (size_t)(end - *at) || (*at)[sz - 1])
		return -EPROTO;
	memcpy(*to, *at, sz);
	*ret_text = *to;
	*to += sz;
	*at += sz;
	return 0;
}

static int take_symbol(const char **at, const char *end, char **to, struct symbol *symbol)
{
	struct wire_symbol wire;
	int err;

	if ((size_t)(end - *at) < sizeof(wire))
		return -EPROTO;
	memcpy(&wire, *at, sizeof(wire));
	*at += sizeof(wire);
	symbol->offset = wire.offset;
	symbol->line = wire.line;
	symbol->column = wire.column;
	symbol->inlined = wire.inlined;
	err = take_text(at, end, wire.function_sz, to, &symbol->function);
	return err ? err : take_text(at, end, wire.file_sz, to, &symbol->file);
}

static int take_answer(const char *buf, size_t sz, struct symbol **ret_symbols)
{
	const struct wire_answer *answer = (const struct wire_answer *)buf;
	const char *at = buf + sizeof(*answer), *end = buf + sz;
	struct symbol *symbols;
	int err = 0;
	char *to;

	if (answer->error || !answer->symbol_cnt || answer->symbol_cnt > SYMBOLS_MAX)
		return answer->error < 0 ? answer->error : -EPROTO;
	symbols = calloc(1, answer->symbol_cnt * sizeof(*symbols) + sz);
	if (!symbols)
		return -ENOMEM;
	to = (char *)(symbols + answer->symbol_cnt);
	for (uint32_t i = 0; i < answer->symbol_cnt && !err; i++)
		err = take_symbol(&at, end, &to, &symbols[i]);
	if (err) {
		free(symbols);
		return err;
	}
	*ret_symbols = symbols;
	return answer->symbol_cnt;
}

int worker__ask(struct worker *worker, const struct question *question, struct symbol **ret_symbols)
{
	int err = send_question(worker, question);
	ssize_t sz = err ? err : receive_answer(worker);

	return sz < 0 ? sz : take_answer(worker->buf, sz, ret_symbols);
}
