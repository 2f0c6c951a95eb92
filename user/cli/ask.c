// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which heaptap is meant, and what is said of its answer. */
#include "cli/ask.h"

#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "control/control.h"
#include "util/log.h"

#define TOLD_MAX 16

static void tell_several(const pid_t *pids, size_t cnt)
{
	char list[256] = "";
	size_t sz = 0;

	for (size_t i = 0; i < cnt; i++)
		sz += snprintf(list + sz, sizeof(list) - sz, " %d", pids[i]);
	log_error("several heaptaps are tracing: choose one by --pid, of%s", list);
}

/* 0 and an exit code after saying why, if it cannot be told. */
static pid_t find(const struct options *options, int *ret_exit_code)
{
	pid_t pids[TOLD_MAX];
	ssize_t cnt;

	if (options->pid)
		return options->pid;
	cnt = control__list(pids, TOLD_MAX);
	if (cnt == 1)
		return pids[0];
	*ret_exit_code = EXIT_TARGET;
	if (cnt > 1)
		tell_several(pids, cnt);
	else if (cnt)
		log_error("cannot look for a heaptap that is tracing: %s", strerror(-cnt));
	else
		log_error("no heaptap of this user is tracing");
	return 0;
}

static int explain(pid_t pid, int err)
{
	if (err == -ESRCH)
		log_error("there is no heaptap %d of this user that is tracing", pid);
	else if (err == -ECONNRESET)
		log_error("heaptap %d has ended without an answer", pid);
	else
		log_error("cannot ask heaptap %d: %s", pid, strerror(-err));
	return err == -EACCES || err == -EPERM ? EXIT_PRIVILEGE : EXIT_TARGET;
}

int ask(const struct options *options, const char *verb, const char *argument)
{
	struct control_answer answer;
	int exit_code = 0, err;
	pid_t pid = find(options, &exit_code);

	if (!pid)
		return exit_code;
	err = control__ask(pid, verb, argument, &answer);
	if (err)
		return explain(pid, err);
	if (!answer.err) {
		printf("%s\n", answer.text);
		return EXIT_OK;
	}
	log_error("%s", answer.text);
	return answer.err == -EINVAL  ? EXIT_USAGE
	       : answer.err == -ESRCH ? EXIT_TARGET
	       : answer.err == -EPERM ? EXIT_PRIVILEGE
				      : EXIT_TRACING;
}
