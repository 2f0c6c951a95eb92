/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * See declare.h. The file may be anybody's: libconfig checks the grammar, and every key, type, role
 * and number is checked here before it is used. @include is refused, as it would read other files.
 *
 * The strings of the rows are libconfig's, which keeps them as long as the declarations live.
 */
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <linux/types.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <heaptap/event.h>

#include "probe/declare_parts.h"
#include "util/suggest.h"

#define FILE_SZ_MAX (1u << 20)

/* ---- what its parts share ---- */

int declare__complain_at(struct declarations *declarations, unsigned line, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!declarations->problem &&
		asprintf(&declarations->problem, "%s:%u: %s", declarations->file, line, text) < 0)
		declarations->problem = NULL;
	return -EINVAL;
}

int declare__find_row(struct declarations *declarations, const config_setting_t *setting,
	const char *name, struct named_rows table)
{
	struct suggestion suggestion = suggestion__of(name);

	for (size_t i = 0; i < table.cnt; i++) {
		const char *const *row =
			(const void *)((const char *)table.rows + i * table.row_sz);

		if (strcmp(name, *row) == 0)
			return i;
		suggestion__try(&suggestion, *row);
	}
	if (suggestion.best)
		return declare__complain(declarations, setting,
			"there is no %s '%.64s'; did you mean \"%s\"?", table.what, name,
			suggestion.best);
	return declare__complain(declarations, setting, "there is no %s '%.64s'", table.what, name);
}

const char *declare__keep_text(struct declarations *declarations, char *text)
{
	char **texts;

	if (!text)
		return NULL;
	texts = reallocarray(declarations->texts, declarations->text_cnt + 1, sizeof(*texts));
	if (!texts) {
		free(text);
		return NULL;
	}
	declarations->texts = texts;
	return texts[declarations->text_cnt++] = text;
}

bool declare__is_text(const config_setting_t *setting)
{
	return setting && config_setting_type(setting) == CONFIG_TYPE_STRING &&
	       *config_setting_get_string(setting);
}

/* ---- an allocator ---- */

static int read_files(struct declarations *declarations, const config_setting_t *group,
	struct allocator_group *allocator)
{
	config_setting_t *files = config_setting_get_member(group, "files");
	int cnt = files && config_setting_is_aggregate(files) ? config_setting_length(files) : 0;
	const char **patterns = calloc(cnt + 1, sizeof(*patterns));

	if (!patterns)
		return -ENOMEM;
	allocator->files = patterns;
	for (int i = 0; i < cnt; i++) {
		if (!declare__is_text(config_setting_get_elem(files, i)))
			break;
		patterns[allocator->file_cnt++] = config_setting_get_string_elem(files, i);
	}
	if (cnt && allocator->file_cnt == (size_t)cnt)
		return 0;
	return declare__complain(declarations, files ? files : group,
		"an allocator needs 'files': a list of patterns, in quotes");
}

static int check_keys(
	struct declarations *declarations, const config_setting_t *group, struct named_rows keys)
{
	int key = 0;

	for (int i = 0; key >= 0 && i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);

		key = declare__find_row(declarations, setting, config_setting_name(setting), keys);
	}
	return key < 0 ? key : 0;
}

static int read_allocator(struct declarations *declarations, const config_setting_t *group,
	struct allocator_group *allocator)
{
	static const char *const names[] = {"name", "files", "functions"};
	const config_setting_t *name, *functions;
	int err = 0;

	if (!config_setting_is_group(group))
		return declare__complain(declarations, group,
			"an allocator is a group: { name = \"...\"; files = [...]; functions = "
			"(...); }");
	err = check_keys(declarations, group, NAMED_ROWS("key", names));
	if (err)
		return err;
	name = config_setting_get_member(group, "name");
	functions = config_setting_get_member(group, "functions");
	if (!declare__is_text(name))
		return declare__complain(
			declarations, group, "an allocator needs a 'name', in quotes");
	if (!functions || !config_setting_is_list(functions))
		return declare__complain(
			declarations, group, "an allocator needs 'functions', a list");
	allocator->name = config_setting_get_string(name);
	err = read_files(declarations, group, allocator);
	for (int i = 0; !err && i < config_setting_length(functions); i++)
		err = declare__read_function(
			declarations, config_setting_get_elem(functions, i), allocator);
	return err;
}

/* What gives back before what moves before what makes: so they are probed (allocators.def). */
static unsigned rank_of(const struct allocator_function *row)
{
	switch (row->role) {
	case ROLE_FREE:
	case ROLE_ARENA_RESET:
	case ROLE_ARENA_DESTROY:
		return 0;
	case ROLE_ARENA_MOVE:
	case ROLE_REALLOC:
		return 1;
	}
	return 2;
}

static int compare_rows(const void *a, const void *b)
{
	return (int)rank_of(a) - (int)rank_of(b);
}

static int read_allocators(struct declarations *declarations)
{
	static const char *const names[] = {"allocators"};
	const config_setting_t *root = config_root_setting(&declarations->config);
	const config_setting_t *list = config_setting_get_member(root, "allocators");
	int err = check_keys(declarations, root, NAMED_ROWS("key", names));

	if (err)
		return err;
	if (!list || !config_setting_is_list(list))
		return declare__complain_at(
			declarations, 1, "there is no list 'allocators = ( ... );'");
	declarations->groups =
		calloc(config_setting_length(list) + 1, sizeof(*declarations->groups));
	if (!declarations->groups)
		return -ENOMEM;
	for (int i = 0; !err && i < config_setting_length(list); i++)
		err = read_allocator(declarations, config_setting_get_elem(list, i),
			&declarations->groups[declarations->group_cnt++]);
	if (!err && declarations->row_cnt)
		qsort(declarations->rows, declarations->row_cnt, sizeof(*declarations->rows),
			compare_rows);
	return err;
}

/* ---- the text ---- */

static int refuse_includes(struct declarations *declarations, const char *text)
{
	unsigned line_number = 1;

	for (const char *line = text; line; line_number++) {
		line += strspn(line, " \t");
		if (strncmp(line, "@include", 8) == 0)
			return declare__complain_at(
				declarations, line_number, "@include is not supported");
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return 0;
}

static int parse_text(struct declarations *declarations, const char *text)
{
	int err = refuse_includes(declarations, text);

	if (err)
		return err;
	if (config_read_string(&declarations->config, text) != CONFIG_TRUE)
		return declare__complain_at(declarations, config_error_line(&declarations->config),
			"%s", config_error_text(&declarations->config));
	return read_allocators(declarations);
}

static int parse_terminated(const char *file, const char *text,
	struct declarations **ret_declarations, char **ret_problem)
{
	struct declarations *declarations = calloc(1, sizeof(*declarations));
	int err;

	*ret_problem = NULL;
	if (!declarations)
		return -ENOMEM;
	config_init(&declarations->config);
	declarations->file = declare__keep_text(declarations, strdup(file));
	err = declarations->file ? parse_text(declarations, text) : -ENOMEM;
	if (!err) {
		*ret_declarations = declarations;
		return 0;
	}
	*ret_problem = declarations->problem;
	declarations__free(declarations);
	return err;
}

int declarations__parse(const char *file, const char *text, size_t text_sz,
	struct declarations **ret_declarations, char **ret_problem)
{
	char *copy = strndup(text, text_sz);
	int err = -ENOMEM;

	*ret_problem = NULL;
	if (copy && strlen(copy) < text_sz)
		err = asprintf(ret_problem, "%s:1: it is no text", file) < 0 ? -ENOMEM : -EINVAL;
	else if (copy)
		err = parse_terminated(file, copy, ret_declarations, ret_problem);
	free(copy);
	return err;
}

/* The whole file, if it isn't too large: a new string, or NULL with errno. */
static char *read_file(const char *file, size_t *ret_sz)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = fd < 0 ? NULL : malloc(FILE_SZ_MAX + 1);
	size_t sz = 0;
	ssize_t got = text ? 1 : -1;

	while (got > 0 && sz < FILE_SZ_MAX) {
		got = read(fd, text + sz, FILE_SZ_MAX - sz);
		sz += got > 0 ? got : 0;
	}
	if (got > 0) {
		got = -1;
		errno = EFBIG;
	}
	if (got < 0) {
		int err = errno;

		free(text);
		text = NULL;
		errno = err;
	}
	if (fd >= 0)
		close(fd);
	*ret_sz = sz;
	return text;
}

int declarations__read(const char *file, struct declarations **ret_declarations, char **ret_problem)
{
	size_t sz;
	char *text = read_file(file, &sz);
	int err = text ? 0 : -errno;

	*ret_problem = NULL;
	if (err) {
		if (asprintf(ret_problem, "%s: %s", file, strerror(-err)) < 0)
			*ret_problem = NULL;
		return err;
	}
	err = declarations__parse(file, text, sz, ret_declarations, ret_problem);
	free(text);
	return err;
}

const struct allocator_function *declarations__rows(
	const struct declarations *declarations, size_t *ret_cnt)
{
	*ret_cnt = declarations->row_cnt;
	return declarations->rows;
}

void declarations__free(struct declarations *declarations)
{
	if (!declarations)
		return;
	for (size_t i = 0; i < declarations->text_cnt; i++)
		free(declarations->texts[i]);
	for (size_t i = 0; i < declarations->group_cnt; i++)
		free((void *)declarations->groups[i].files);
	free(declarations->texts);
	free(declarations->groups);
	free(declarations->rows);
	config_destroy(&declarations->config);
	free(declarations);
}
