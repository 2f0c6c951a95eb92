/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Talking to a heaptap that is tracing: by a Unix socket of mode 0600, in a directory that nobody
 * else can write to. One question, one answer, and the connection is over.
 *
 *   directory   $HEAPTAP_RUNTIME_DIR; else /run/heaptap for root, $XDG_RUNTIME_DIR/heaptap for
 * others socket      PID.sock in it, of SOCK_SEQPACKET: a message is a question or an answer as a
 * whole question    a verb and its argument, each with its NUL: "checkpoint\0after the import\0"
 *   answer      0 or -errno (4 bytes, the machine's order), then a line for people with its NUL
 *
 * The mode keeps others out; whom it lets through is asked of the kernel all the same
 * (SO_PEERCRED): root, and the user that heaptap runs as.
 */
#ifndef HEAPTAP_CONTROL_CONTROL_H
#define HEAPTAP_CONTROL_CONTROL_H

#include <stddef.h>
#include <sys/types.h>

#define CONTROL_TEXT_SZ 256

struct control_answer {
	int err; /* 0 or -errno */
	char text[CONTROL_TEXT_SZ];
};
_Static_assert(sizeof(struct control_answer) == 4 + CONTROL_TEXT_SZ, "it is sent as it is");

/* ---- the side that is asked ---- */

/* Answers a question; the text is empty before. */
typedef void control_handler(
	void *arg, const char *verb, const char *argument, struct control_answer *answer);

struct control;

/* 0 or -errno: -EPERM if the directory is another user's, or others can write to it. */
int control__open(control_handler *handler, void *arg, struct control **ret_control);
/* Readable when somebody asks: for a poll. */
int control__fd(const struct control *control);
/* Answers those who have asked, and waits for nobody. */
void control__serve(struct control *control);
void control__close(struct control *control); /* takes NULL */

/* ---- the side that asks ---- */

/* Those of this user that can be asked now; at most cap of them: how many there are, or -errno. */
ssize_t control__list(pid_t *ret_pids, size_t cap);
/* Waits for the answer: 0, or -errno if there is none (-ESRCH: no such heaptap; -ECONNRESET: it has
 * ended). */
int control__ask(
	pid_t pid, const char *verb, const char *argument, struct control_answer *ret_answer);

#endif
