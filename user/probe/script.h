/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Scripts: files that begin with #! and are run by another program. */
#ifndef HEAPTAP_PROBE_SCRIPT_H
#define HEAPTAP_PROBE_SCRIPT_H

#include <stddef.h>

/* How often an interpreter may be a script itself: fs/exec.c, exec_binprm(). */
#define SCRIPT_DEPTH_MAX 4

struct script {
	char *interpreter;
	char *command; /* what the interpreter runs if it is env(1): `#!/usr/bin/env X`; or NULL */
};

/* Reads the first line. 0, -ENOEXEC (it is no script), -ENOMEM. */
int script__read(int fd, struct script *ret_script);
void script__destroy(struct script *script);

/* The file of a command as execvp(3) finds it in a PATH (NULL: the system's default): a new string,
 * or NULL with errno ENOENT or EACCES. */
char *script__find_command(const char *command, const char *path);

#endif
