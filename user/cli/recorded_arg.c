// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file whose name ends in ":7" is meant by that name, if it is there. */
#include "cli/recorded_arg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "util/log.h"

/* The number behind the last colon, 0 for none; *ret_path becomes the file's name: free(). */
static long split(const char *text, char **ret_path)
{
	const char *colon = strrchr(text, ':');
	char *end;
	long number = colon && colon[1] && access(text, F_OK) ? strtol(colon + 1, &end, 10) : 0;

	if (!number || *end)
		number = 0;
	*ret_path = number ? strndup(text, colon - text) : strdup(text);
	return number;
}

static const char *reason(int err)
{
	switch (err) {
	case -EBADMSG:
		return "it is no recording of heaptap";
	case -EPROTONOSUPPORT:
		return "it was recorded by a newer heaptap, whose format this one does not know";
	default:
		return strerror(-err);
	}
}

/* Narrows it down to snapshot `number`, if that is not 0. */
static int pick(struct recorded_arg *arg, long number)
{
	size_t cnt = recording__cnt(arg->recording);

	arg->end = cnt;
	if (!cnt) {
		log_error("%s has no snapshot", arg->text);
		return EXIT_TARGET;
	}
	if (!number)
		return 0;
	if (number > (long)cnt || number < -(long)cnt) {
		log_error("%s: there are snapshots 1 to %zu", arg->text, cnt);
		return EXIT_TARGET;
	}
	arg->begin = number > 0 ? number - 1 : (long)cnt + number;
	arg->end = arg->begin + 1;
	return 0;
}

int recorded_arg__open(struct recorded_arg *arg, const char *text)
{
	char *path;
	long number = split(text, &path);
	int err = path ? recording__open(path, &arg->recording) : -ENOMEM;

	arg->text = text;
	free(path);
	if (err) {
		log_error("cannot read %s: %s", text, reason(err));
		return EXIT_TARGET;
	}
	if (recording__damage(arg->recording))
		log_warn("%s: %s: what follows snapshot %zu is left out", text,
			recording__damage(arg->recording), recording__cnt(arg->recording));
	return pick(arg, number);
}

void recorded_arg__close(struct recorded_arg *arg)
{
	recording__close(arg->recording);
}

int recorded_arg__read(const struct recorded_arg *arg, size_t i, struct recorded **ret_recorded)
{
	int err = recording__read(arg->recording, i, ret_recorded);

	if (!err)
		return 0;
	log_error("%s: snapshot %zu cannot be read: %s", arg->text, i + 1,
		err == -EBADMSG ? "it is damaged" : strerror(-err));
	return EXIT_TARGET;
}
