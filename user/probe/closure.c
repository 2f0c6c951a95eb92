/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files of a program to be. What its libraries need is followed breadth first, as the dynamic
 * linker does, so that of two libraries with one name the same one wins. A program without an
 * interpreter (static) is its only file, whatever the environment preloads.
 *
 * Not followed: LD_AUDIT, what dlopen() will load, and the secure mode of set-user-ID programs,
 * which ignores LD_PRELOAD and LD_LIBRARY_PATH: there, files may be named that it won't map.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/closure.h"
#include "probe/functions.h"
#include "probe/objects.h"
#include "probe/script.h"

#define PRELOAD_FILE "/etc/ld.so.preload"
#define PRELOAD_FILE_SZ_MAX 4096

static const char *environment__get(char *const environment[], const char *name)
{
	size_t sz = strlen(name);

	for (size_t i = 0; environment && environment[i]; i++)
		if (strncmp(environment[i], name, sz) == 0 && environment[i][sz] == '=')
			return environment[i] + sz + 1;
	return NULL;
}

/* Adds the libraries that a text names, for the program itself. It is cut in place. */
static int add_listed(struct objects *objects, char *list, const char *separators)
{
	char *rest;

	for (char *name = strtok_r(list, separators, &rest); name;
		name = strtok_r(NULL, separators, &rest)) {
		int found = objects__add_library(objects, name, 0);

		if (found < 0)
			return found;
	}
	return 0;
}

static int add_preloaded(struct objects *objects, const char *preload)
{
	char *list = preload ? strdup(preload) : NULL;
	int err;

	if (!list)
		return preload ? -ENOMEM : 0;
	err = add_listed(objects, list, ": ");
	free(list);
	return err;
}

/* glibc's list for all programs. */
static int add_preload_file(struct objects *objects)
{
	int fd = open(PRELOAD_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char list[PRELOAD_FILE_SZ_MAX + 1];
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, list, PRELOAD_FILE_SZ_MAX);
	close(fd);
	if (got <= 0)
		return 0;
	list[got] = '\0';
	return add_listed(objects, list, ": \t\n");
}

/* What object i needs. Adding moves the array of objects, but not the names. */
static int add_needed(struct objects *objects, size_t i)
{
	struct paths needed = objects->objects[i].dynamic.needed;

	for (size_t k = 0; k < needed.cnt; k++) {
		int found = objects__add_library(objects, needed.paths[k], i);

		if (found < 0)
			return found;
	}
	return 0;
}

static int add_dependencies(struct objects *objects, char *const environment[])
{
	const char *interpreter = objects->objects[0].dynamic.interpreter;
	int err = 0;

	objects->library_path = environment__get(environment, "LD_LIBRARY_PATH");
	if (objects->library_path && *objects->library_path == '\0')
		objects->library_path = NULL;
	objects__prepare_search(objects, interpreter);
	if (interpreter && objects__add_file(objects, interpreter, 0) == -ENOMEM)
		return -ENOMEM;
	if (interpreter)
		err = add_preloaded(objects, environment__get(environment, "LD_PRELOAD"));
	if (!err && interpreter && !objects->is_musl)
		err = add_preload_file(objects);
	for (size_t i = 0; i < objects->cnt && !err; i++)
		err = add_needed(objects, i);
	return err;
}

static int add_program(struct paths *paths, const char *program, char *const environment[])
{
	struct objects objects = {0};
	int err;

	err = objects__add_file(&objects, program, NO_LOADER);
	if (err == 1)
		err = add_dependencies(&objects, environment);
	for (size_t i = 0; i < objects.cnt && !err; i++)
		err = paths__add(paths, objects.objects[i].path);
	objects__destroy(&objects);
	return err;
}

static int closure__add_at_depth(
	struct paths *paths, const char *program, char *const environment[], int depth);

static int add_script(
	struct paths *paths, const struct script *script, char *const environment[], int depth)
{
	char *command = NULL;
	int err;

	err = closure__add_at_depth(paths, script->interpreter, environment, depth + 1);
	if (script->command)
		command = script__find_command(
			script->command, environment__get(environment, "PATH"));
	if (!err && command)
		err = closure__add_at_depth(paths, command, environment, depth + 1);
	free(command);
	return err;
}

/* A file that is neither an ELF file nor a script: execvp(3) has the shell run it. */
static bool is_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

static int closure__add_at_depth(
	struct paths *paths, const char *program, char *const environment[], int depth)
{
	struct script script = {0};
	int fd, err;

	if (depth > SCRIPT_DEPTH_MAX)
		return 0;
	fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	err = script__read(fd, &script);
	if (err == 0)
		err = add_script(paths, &script, environment, depth);
	else if (err == -ENOEXEC && is_elf(fd))
		err = add_program(paths, program, environment);
	else if (err == -ENOEXEC)
		err = closure__add_at_depth(paths, "/bin/sh", environment, depth + 1);
	script__destroy(&script);
	close(fd);
	return err;
}

int closure__add(struct paths *paths, const char *program, char *const environment[])
{
	return closure__add_at_depth(paths, program, environment, 0);
}

static bool is_named(const char *name, const char *const *patterns)
{
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, name, 0) == 0)
			return true;
	return false;
}

/* Names of files that are allocators, or have one; or have C++'s operators, where these matter. */
static bool is_allocator_library(const char *name)
{
	static const char *const operators[] = {
		"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1", NULL};
	static const char *const allocators[] = {"libc.so.6", "libjemalloc.so*", "libtcmalloc*.so*",
		"libmimalloc*.so*", "libsnmalloc*.so*", "librpmalloc*.so*", "libhoard*.so*",
		"libscudo*.so*", "libclang_rt.scudo*.so*", NULL};

	return is_named(name, allocators) ||
	       (allocator_functions__are_checked() && is_named(name, operators));
}

/* Adds the canonical path of a file that is there. */
static int add_canonical(struct paths *paths, const char *path)
{
	char *canonical = realpath(path, NULL);
	int err = canonical ? paths__add(paths, canonical) : 0;

	free(canonical);
	return err;
}

static int add_cached_allocators(struct paths *paths)
{
	struct ldcache_entry entry;
	struct ldcache cache;
	int err;

	err = ldcache__open(LDCACHE_PATH, &cache);
	if (err)
		return err == -ENOMEM ? err : 0;
	for (size_t i = 0; i < cache.entry_cnt && !err; i++)
		if (ldcache__get(&cache, i, &entry) &&
			(is_allocator_library(entry.name) ||
				allocator_functions__are_for(entry.path)))
			err = add_canonical(paths, entry.path);
	ldcache__close(&cache);
	return err;
}

/* Files that were declared by a path. */
static int add_declared_paths(struct paths *paths)
{
	int err = 0;

	for (size_t i = 0; i < allocator_function_cnt && !err; i++) {
		const struct allocator_group *group = allocator_functions[i].group;

		for (size_t k = 0; group && k < group->file_cnt && !err; k++)
			if (group->files[k][0] == '/')
				err = add_canonical(paths, group->files[k]);
	}
	return err;
}

/* musl's libc is its dynamic linker, and not in glibc's cache. */
int closure__add_installed_allocators(struct paths *paths)
{
	static const char *const musl_paths[] = {
		"/lib/ld-musl-x86_64.so.1", "/usr/lib/x86_64-linux-musl/libc.so"};
	int err = add_cached_allocators(paths);

	if (!err)
		err = add_declared_paths(paths);
	for (size_t i = 0; i < sizeof(musl_paths) / sizeof(musl_paths[0]) && !err; i++)
		err = add_canonical(paths, musl_paths[i]);
	return err;
}
