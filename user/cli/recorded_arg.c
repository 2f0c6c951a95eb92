// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file whose name ends in ":7" or ":NAME" is meant by that name, if it is there. */
#include "cli/recorded_arg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "util/log.h"

/* What stands behind the last colon, NULL for nothing; *ret_path becomes the file's name: free(). A
 * colon within a path is none of ours. */
static const char *split(const char *text, char **ret_path)
{
	const char *colon = strrchr(text, ':');

	if (!colon || !colon[1] || strchr(colon, '/') || !access(text, F_OK))
		colon = NULL;
	*ret_path = colon ? strndup(text, colon - text) : strdup(text);
	return colon ? colon + 1 : NULL;
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

static void narrow(struct recorded_arg *arg, size_t i)
{
	arg->begin = i;
	arg->end = i + 1;
}

static int pick_number(struct recorded_arg *arg, long number)
{
	size_t cnt = recording__cnt(arg->recording);

	if (!number || number > (long)cnt || number < -(long)cnt) {
		log_error("%s: there are snapshots 1 to %zu", arg->text, cnt);
		return EXIT_TARGET;
	}
	narrow(arg, number > 0 ? number - 1 : (long)cnt + number);
	return 0;
}

static bool is_checkpoint(const struct recorded_arg *arg, size_t i, const char *name)
{
	struct recorded *recorded;
	const char *found;
	bool is_it;

	if (recording__read(arg->recording, i, &recorded))
		return false;
	found = recorded__summary(recorded)->checkpoint;
	is_it = found && !strcmp(found, name);
	recorded__free(recorded);
	return is_it;
}

static int pick_name(struct recorded_arg *arg, const char *name)
{
	for (size_t i = recording__cnt(arg->recording); i > 0; i--) {
		if (!is_checkpoint(arg, i - 1, name))
			continue;
		narrow(arg, i - 1);
		return 0;
	}
	log_error("%s: it has no checkpoint of this name (see heaptap report --list)", arg->text);
	return EXIT_TARGET;
}

/* Narrows it down to the snapshot that is picked, if one is. */
static int pick(struct recorded_arg *arg, const char *picked)
{
	char *end;
	long number = picked ? strtol(picked, &end, 10) : 0;

	arg->end = recording__cnt(arg->recording);
	if (!arg->end) {
		log_error("%s has no snapshot", arg->text);
		return EXIT_TARGET;
	}
	if (!picked)
		return 0;
	return *end ? pick_name(arg, picked) : pick_number(arg, number);
}

int recorded_arg__open(struct recorded_arg *arg, const char *text)
{
	char *path;
	const char *picked = split(text, &path);
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
	return pick(arg, picked);
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
