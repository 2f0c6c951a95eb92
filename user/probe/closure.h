/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that a program will map before its first instruction: itself, its interpreter, what
 * LD_PRELOAD and DT_NEEDED name, found the way ld.so(8) finds them. Nothing of it is executed. */
#ifndef HEAPTAP_PROBE_CLOSURE_H
#define HEAPTAP_PROBE_CLOSURE_H

#include <stddef.h>

struct paths {
	char **paths;
	size_t cnt;
};

/* Adds a copy if it isn't there yet: 0 or -ENOMEM. */
int paths__add(struct paths *paths, const char *path);
void paths__destroy(struct paths *paths);

/*
 * Adds the files of `program` (a path; for scripts, their interpreter's, through #! lines), with
 * LD_PRELOAD and LD_LIBRARY_PATH taken from the environment given (NULL-terminated "K=V" strings).
 * Libraries that are not found are left out (the program will not start either). 0 or -errno of
 * opening the program.
 */
int closure__add(struct paths *paths, const char *program, char *const environment[]);

/* The path of a command as execvp(3) finds it through PATH: a new string, or NULL with errno ENOENT
 * or EACCES. */
char *closure__find_command(const char *command);

/* Adds every allocator library that this machine's dynamic linker knows (ld.so.cache: libc, and
 * libraries whose names are those of known allocators, or that are declared to have one), and
 * musl's ld-musl-*.so. */
int closure__add_installed_allocators(struct paths *paths);

#endif
