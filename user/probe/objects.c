/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See objects.h. The search functions return 1 (found, added or there already), 0 or -errno. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/expand.h"
#include "probe/objects.h"

#define OBJECTS_MAX 4096

#define MUSL_PATH_FILE "/etc/ld-musl-x86_64.path"
#define MUSL_DIRECTORIES "/lib:/usr/local/lib:/usr/lib"
#define MUSL_PATH_FILE_SZ_MAX 4096

/* The system's directories of Debian, Fedora and others, Arch. */
#define SYSTEM_DIRECTORIES                                                                         \
	"/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib"

/* glibc 2.33 and later: subdirectories of each searched directory. */
static const char *const variants[] = {
	"glibc-hwcaps/x86-64-v4/", "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/", ""};

static void object__destroy(struct object *object)
{
	free(object->path);
	free(object->origin);
	dynamic__destroy(&object->dynamic);
}

void objects__destroy(struct objects *objects)
{
	if (!objects)
		return;
	for (size_t i = 0; i < objects->cnt; i++)
		object__destroy(&objects->objects[i]);
	free(objects->objects);
	free(objects->musl_directories);
	ldcache__close(&objects->cache);
	*objects = (struct objects){0};
}

/* Fills in the path and its directory: 0 or -ENOMEM. */
static int object__set_path(struct object *object, const char *path)
{
	object->path = realpath(path, NULL);
	if (!object->path)
		object->path = strdup(path);
	object->origin = object->path ? strdup(object->path) : NULL;
	if (!object->origin)
		return -ENOMEM;
	if (strrchr(object->origin, '/'))
		*strrchr(object->origin, '/') = '\0';
	return 0;
}

static bool objects__has(const struct objects *objects, const struct stat *stat)
{
	for (size_t i = 0; i < objects->cnt; i++)
		if (objects->objects[i].ino == stat->st_ino &&
			objects->objects[i].dev == stat->st_dev)
			return true;
	return false;
}

static int objects__append(struct objects *objects, const char *path, struct object object)
{
	struct object *grown;

	grown = reallocarray(objects->objects, objects->cnt + 1, sizeof(*grown));
	if (grown)
		objects->objects = grown;
	if (!grown || object__set_path(&object, path) != 0) {
		object__destroy(&object);
		return -ENOMEM;
	}
	grown[objects->cnt++] = object;
	return 1;
}

static int objects__add_fd(struct objects *objects, int fd, const char *path, size_t loader)
{
	struct object object = {.loader = loader};
	struct stat stat;
	int err;

	if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
		return 0;
	if (objects__has(objects, &stat))
		return 1;
	if (objects->cnt == OBJECTS_MAX)
		return 0;
	err = dynamic__read(fd, &object.dynamic);
	if (err)
		return err == -ENOMEM ? err : 0;
	object.dev = stat.st_dev;
	object.ino = stat.st_ino;
	return objects__append(objects, path, object);
}

int objects__add_file(struct objects *objects, const char *path, size_t loader)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int found;

	if (fd < 0)
		return 0;
	found = objects__add_fd(objects, fd, path, loader);
	close(fd);
	return found;
}

static int objects__search_directory(
	struct objects *objects, const char *directory, const char *name, size_t loader)
{
	char path[PATH_MAX];
	int found = 0;

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		int added, needed;

		needed = snprintf(path, sizeof(path), "%s/%s%s", *directory ? directory : ".",
			variants[i], name);
		if (needed >= (int)sizeof(path))
			continue;
		added = objects__add_file(objects, path, loader);
		if (added < 0)
			return added;
		found |= added;
	}
	return found;
}

static const char *objects__origin(const struct objects *objects, size_t i)
{
	return i < objects->cnt ? objects->objects[i].origin : "";
}

/* One element of a search path that stands in object `owner`, with its tokens. */
static int objects__search_element(struct objects *objects, const char *element, size_t element_sz,
	size_t owner, const char *name, size_t loader)
{
	bool several = expand__has_lib(element, element_sz);
	char directory[PATH_MAX];

	for (size_t i = 0; library_directory_names[i] && (i == 0 || several); i++) {
		int found = 0;

		if (expand__tokens(element, element_sz, objects__origin(objects, owner),
			    library_directory_names[i], directory, sizeof(directory)))
			found = objects__search_directory(objects, directory, name, loader);
		if (found != 0)
			return found;
	}
	return 0;
}

/* The elements of a search path, which are separated by any of the characters given. */
static int objects__search_path(struct objects *objects, const char *path, const char *separators,
	size_t owner, const char *name, size_t loader)
{
	int found = 0;

	while (path && !found) {
		size_t sz = strcspn(path, separators);

		found = objects__search_element(objects, path, sz, owner, name, loader);
		path = path[sz] ? path + sz + 1 : NULL;
	}
	return found;
}

/* The DT_RPATHs of an object and of those that loaded it; with musl, DT_RUNPATH is one too. */
static int objects__search_rpaths(struct objects *objects, const char *name, size_t loader)
{
	size_t i = loader;
	int found = 0;

	while (i < objects->cnt && !found) {
		const struct dynamic *dynamic = &objects->objects[i].dynamic;
		const char *path = dynamic->rpath;
		size_t next = objects->objects[i].loader;

		if (objects->is_musl && dynamic->runpath)
			path = dynamic->runpath;
		found = objects__search_path(objects, path, ":", i, name, loader);
		i = next;
	}
	return found;
}

/* The first plain entry, and the variants for some processors. */
static int objects__search_cache(struct objects *objects, const char *name, size_t loader)
{
	struct ldcache_entry entry;
	bool plain_found = false;
	int found = 0;

	for (size_t i = 0; i < objects->cache.entry_cnt; i++) {
		int added;

		if (!ldcache__get(&objects->cache, i, &entry) || strcmp(entry.name, name) != 0 ||
			(plain_found && !entry.has_hwcap))
			continue;
		added = objects__add_file(objects, entry.path, loader);
		if (added < 0)
			return added;
		found |= added;
		plain_found |= added && !entry.has_hwcap;
	}
	return found;
}

static int objects__search_glibc(struct objects *objects, const char *name, size_t loader)
{
	/* Adding an object may move the array, but not what it points to. */
	const char *runpath = objects->objects[loader].dynamic.runpath;
	bool no_default_dirs = objects->objects[loader].dynamic.no_default_dirs;
	int found = 0;

	if (!runpath)
		found = objects__search_rpaths(objects, name, loader);
	if (!found)
		found = objects__search_path(objects, objects->library_path, ":;", 0, name, loader);
	if (!found)
		found = objects__search_path(objects, runpath, ":", loader, name, loader);
	if (!found)
		found = objects__search_cache(objects, name, loader);
	if (!found && !no_default_dirs)
		found = objects__search_path(
			objects, SYSTEM_DIRECTORIES, ":", loader, name, loader);
	return found;
}

/* musl's dynamic linker is its libc, whatever name asks for it (musl: ldso/dynlink.c,
 * load_library).
 */
static bool is_part_of_musl(const char *name)
{
	static const char *const parts[] = {
		"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strncmp(name, parts[i], strlen(parts[i])) == 0)
			return true;
	return false;
}

static int objects__search_musl(struct objects *objects, const char *name, size_t loader)
{
	int found;

	if (is_part_of_musl(name))
		return 1;
	found = objects__search_path(objects, objects->library_path, ":\n", 0, name, loader);
	if (!found)
		found = objects__search_rpaths(objects, name, loader);
	if (!found)
		found = objects__search_path(objects,
			objects->musl_directories ? objects->musl_directories : MUSL_DIRECTORIES,
			":\n", 0, name, loader);
	return found;
}

static bool objects__has_soname(const struct objects *objects, const char *name)
{
	for (size_t i = 0; i < objects->cnt; i++)
		if (objects->objects[i].dynamic.soname &&
			strcmp(objects->objects[i].dynamic.soname, name) == 0)
			return true;
	return false;
}

int objects__add_library(struct objects *objects, const char *name, size_t loader)
{
	char path[PATH_MAX];

	if (strchr(name, '/')) {
		if (!expand__tokens(name, strlen(name), objects__origin(objects, loader),
			    library_directory_names[0], path, sizeof(path)))
			return 0;
		return objects__add_file(objects, path, loader);
	}
	if (objects__has_soname(objects, name))
		return 1;
	return objects->is_musl ? objects__search_musl(objects, name, loader)
				: objects__search_glibc(objects, name, loader);
}

/* A small file as a string, or NULL. */
static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	ssize_t got;

	if (fd < 0)
		return NULL;
	text = malloc(MUSL_PATH_FILE_SZ_MAX + 1);
	got = text ? read(fd, text, MUSL_PATH_FILE_SZ_MAX) : -1;
	close(fd);
	if (got <= 0) {
		free(text);
		return NULL;
	}
	text[got] = '\0';
	return text;
}

void objects__prepare_search(struct objects *objects, const char *interpreter)
{
	const char *slash = interpreter ? strrchr(interpreter, '/') : NULL;

	objects->is_musl = slash && strncmp(slash + 1, "ld-musl-", strlen("ld-musl-")) == 0;
	if (objects->is_musl)
		objects->musl_directories = read_text(MUSL_PATH_FILE);
	else if (ldcache__open(LDCACHE_PATH, &objects->cache) != 0)
		objects->cache = (struct ldcache){0};
}
