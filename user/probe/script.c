/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first line is cut as the kernel does (fs/binfmt_script.c): the interpreter up to white space,
 * the rest one argument. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/closure.h"
#include "probe/script.h"

#define LINE_SZ 256 /* include/uapi/linux/binfmts.h: BINPRM_BUF_SIZE */
#define BLANKS " \t"

/* The command in env's argument: `[-S] [-]... [NAME=VALUE]... COMMAND`. A new string or NULL. */
static char *command_of_env(char *argument)
{
	char *rest;

	for (char *word = strtok_r(argument, BLANKS, &rest); word;
		word = strtok_r(NULL, BLANKS, &rest))
		if (word[0] != '-' && !strchr(word, '='))
			return strdup(word);
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int script__read(int fd, struct script *ret_script)
{
	struct script script = {0};
	char line[LINE_SZ + 1];
	char *word, *rest;
	ssize_t got;

	got = pread(fd, line, LINE_SZ, 0);
	if (got < 2 || line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line + 2, BLANKS, &rest);
	if (!word)
		return -ENOEXEC;
	script.interpreter = strdup(word);
	if (!script.interpreter)
		return -ENOMEM;
	if (strcmp(base_name(script.interpreter), "env") == 0)
		script.command = command_of_env(rest);
	*ret_script = script;
	return 0;
}

void script__destroy(struct script *script)
{
	if (!script)
		return;
	free(script->interpreter);
	free(script->command);
	*script = (struct script){0};
}

/* 0, -EACCES (it is there, but cannot be run), -ENOENT. */
static int check_executable(const char *path)
{
	struct stat stat_buf;

	if (stat(path, &stat_buf) != 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	return S_ISREG(stat_buf.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

static char *find_in_path(const char *command, const char *path)
{
	char candidate[PATH_MAX];
	int err = -ENOENT;

	for (const char *element = path;; element++) {
		size_t sz = strcspn(element, ":");
		/* An empty element is the working directory. */
		int needed = snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)sz, element,
			sz ? "/" : "", command);

		if (needed < (int)sizeof(candidate)) {
			int found = check_executable(candidate);

			if (found == 0)
				return strdup(candidate);
			if (found == -EACCES)
				err = -EACCES;
		}
		element += sz;
		if (*element == '\0')
			break;
	}
	errno = -err;
	return NULL;
}

char *script__find_command(const char *command, const char *path)
{
	int err;

	if (*command == '\0') {
		errno = ENOENT;
		return NULL;
	}
	if (!strchr(command, '/'))
		return find_in_path(command, path ? path : "/bin:/usr/bin");
	err = check_executable(command);
	if (err) {
		errno = -err;
		return NULL;
	}
	return strdup(command);
}

char *closure__find_command(const char *command)
{
	return script__find_command(command, getenv("PATH"));
}
