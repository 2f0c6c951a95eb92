// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A word is the name of a preset, which is NAME.conf in share/heaptap/allocators beside the folder
 * that the program is in (so it is when installed, and in the source tree). What has a slash or a
 * dot in it is a file.
 *
 * The declarations are never freed: the table of functions points into them.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "cli/allocators.h"
#include "cli/command.h"
#include "probe/declare.h"
#include "util/log.h"
#include "util/suggest.h"

#define PRESETS "share/heaptap/allocators"
#define SUFFIX ".conf"

/* The presets' folder, with a slash behind it. False: it cannot be told. */
static bool presets_folder(char *buf, size_t buf_sz)
{
	char exe[PATH_MAX];
	ssize_t sz = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (sz < 0)
		return false;
	exe[sz] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	return (size_t)snprintf(buf, buf_sz, "%s/../" PRESETS "/", exe) < buf_sz;
}

static void complain_of_name(const char *folder, const char *name)
{
	struct suggestion suggestion = suggestion__of(name);
	DIR *dir = opendir(folder);
	char best[NAME_MAX + 1] = "";
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, SUFFIX) != 0)
			continue;
		*dot = '\0';
		suggestion.best = NULL;
		suggestion__try(&suggestion, entry->d_name);
		if (suggestion.best)
			snprintf(best, sizeof(best), "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (*best)
		log_error("there is no preset '%s'; did you mean '%s'?", name, best);
	else
		log_error("there is no preset '%s' in %s (a file's name has a / or a . in it)",
			name, folder);
}

/* Where the declarations of this name are. An exit code after saying what is wrong. */
static int find_file(const char *name, char *buf, size_t buf_sz)
{
	char folder[PATH_MAX];

	if (strpbrk(name, "/.")) {
		snprintf(buf, buf_sz, "%s", name);
		return 0;
	}
	if (presets_folder(folder, sizeof(folder)) &&
		(size_t)snprintf(buf, buf_sz, "%s%s" SUFFIX, folder, name) < buf_sz &&
		access(buf, R_OK) == 0)
		return 0;
	complain_of_name(folder, name);
	return EXIT_USAGE;
}

/* What a declared function allocates is a client's, by the name of its group. */
static int name_clients(
	struct kind_rules *rules, const struct allocator_function *rows, size_t row_cnt)
{
	int err = 0;

	for (size_t i = 0; !err && i < row_cnt; i++) {
		const struct allocator_function *row = &rows[i];
		char *pattern;

		if (row->by_offset || (row->role != ROLE_ALLOC && row->role != ROLE_ALLOC_OUT &&
					      row->role != ROLE_REALLOC))
			continue;
		if (asprintf(&pattern, "^%s$", row->name) < 0)
			return -ENOMEM;
		err = kind_rules__add(rules, BLOCK_CLIENT, row->group->name, pattern);
		free(pattern);
	}
	return err;
}

static int load(const char *name, struct kind_rules *rules)
{
	struct declarations *declarations;
	const struct allocator_function *rows;
	char path[2 * PATH_MAX], *problem = NULL;
	size_t row_cnt;
	int err = find_file(name, path, sizeof(path));

	if (err)
		return err;
	err = declarations__read(path, &declarations, &problem);
	if (!err) {
		rows = declarations__rows(declarations, &row_cnt);
		err = allocator_functions__add(rows, row_cnt);
		if (!err)
			err = name_clients(rules, rows, row_cnt);
	}
	if (err)
		log_error("%s", problem ? problem : strerror(-err));
	free(problem);
	return err ? EXIT_USAGE : 0;
}

int allocators__load(struct options *options)
{
	int err = 0;

	allocator_functions__see_exits(options->blocks.at_exit);
	allocator_functions__count_queries(options->verbosity > 0 || options->is_spy);
	for (size_t i = 0; !err && i < options->allocators.cnt; i++)
		err = load(options->allocators.names[i], &options->kind_rules);
	return err;
}
