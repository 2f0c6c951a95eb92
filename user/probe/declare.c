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

#include "probe/declare.h"
#include "util/suggest.h"

#define FILE_SZ_MAX (1u << 20)
#define ARGUMENT_MAX 6 /* in registers: System V ABI for x86-64, 3.2.3 */

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct declarations {
	config_t config;
	const char *file;
	struct allocator_group *groups; /* they stay where they are: rows point to them */
	size_t group_cnt;
	struct allocator_function *rows;
	size_t row_cnt;
	char **texts; /* made here, for rows */
	size_t text_cnt;
	char *problem; /* the first */
};

/* ---- complaints ---- */

static int complain_at(struct declarations *declarations, unsigned line, const char *format, ...)
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

#define complain(declarations, setting, ...)                                                       \
	complain_at(declarations, config_setting_source_line(setting), __VA_ARGS__)

/* "there is no key 'blok' here; did you mean 'block'?"; words are the names of rows of a table */
static int complain_of_word(struct declarations *declarations, const config_setting_t *setting,
	const char *what, const char *word, struct suggestion suggestion)
{
	if (suggestion.best)
		return complain(declarations, setting,
			"there is no %s '%.64s'; did you mean \"%s\"?", what, word,
			suggestion.best);
	return complain(declarations, setting, "there is no %s '%.64s'", what, word);
}

/* ---- tables ---- */

enum key {
	KEY_SYMBOL,
	KEY_OFFSET,
	KEY_NAME,
	KEY_ROLE,
	KEY_THROWS,
	KEY_OPTIONAL,
	KEY_SIZE, /* from here on: which argument is it? */
	KEY_COUNT,
	KEY_BLOCK,
	KEY_OUT,
	KEY_NEXT,
	KEY_ARENA,
	KEY_PARENT,
	KEY_CNT,
};

static const char *const key_names[KEY_CNT] = {
	[KEY_SYMBOL] = "symbol",
	[KEY_OFFSET] = "offset",
	[KEY_NAME] = "name",
	[KEY_ROLE] = "role",
	[KEY_THROWS] = "throws",
	[KEY_OPTIONAL] = "optional",
	[KEY_SIZE] = "size",
	[KEY_COUNT] = "count",
	[KEY_BLOCK] = "block",
	[KEY_OUT] = "out",
	[KEY_NEXT] = "next",
	[KEY_ARENA] = "arena",
	[KEY_PARENT] = "parent",
};

#define BIT(key) (1u << KEY_##key)

/* Roles: what the kernel side calls them, and which arguments they must and may have. */
static const struct role {
	const char *name;
	uint8_t role; /* enum alloc_role */
	uint8_t query;
	bool grows;
	unsigned must, may;
} roles[] = {
	{"alloc", ROLE_ALLOC, 0, false, BIT(SIZE), BIT(COUNT) | BIT(OUT)},
	{"calloc", ROLE_ALLOC, 0, false, BIT(SIZE) | BIT(COUNT), BIT(OUT)},
	{"realloc", ROLE_REALLOC, 0, false, BIT(SIZE) | BIT(BLOCK), BIT(COUNT) | BIT(ARENA)},
	{"free", ROLE_FREE, 0, false, BIT(BLOCK), BIT(NEXT)},
	{"usable_size", ROLE_QUERY, QUERY_SIZE, false, 0, 0},
	{"trim", ROLE_QUERY, QUERY_TRIM, false, 0, 0},
	{"query", ROLE_QUERY, QUERY_STATE, false, 0, 0},
	{"arena_create", ROLE_ARENA_CREATE, 0, false, 0, BIT(OUT) | BIT(PARENT)},
	{"arena_alloc", ROLE_ALLOC, 0, false, BIT(SIZE) | BIT(ARENA), BIT(COUNT) | BIT(OUT)},
	{"arena_grow", ROLE_ALLOC, 0, true, BIT(ARENA), 0},
	{"arena_reset", ROLE_ARENA_RESET, 0, false, BIT(ARENA), 0},
	{"arena_destroy", ROLE_ARENA_DESTROY, 0, false, BIT(ARENA), 0},
	{"arena_move", ROLE_ARENA_MOVE, 0, false, BIT(PARENT), BIT(BLOCK) | BIT(OUT)},
};

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

/* ---- memory ---- */

static const char *keep_text(struct declarations *declarations, char *text)
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

static struct allocator_function *add_row(struct declarations *declarations)
{
	struct allocator_function *rows =
		reallocarray(declarations->rows, declarations->row_cnt + 1, sizeof(*rows));

	if (!rows)
		return NULL;
	declarations->rows = rows;
	rows += declarations->row_cnt++;
	return memset(rows, 0, sizeof(*rows));
}

/* ---- a function ---- */

struct function {
	const config_setting_t *settings[KEY_CNT];
	uint8_t arguments[KEY_CNT];
	unsigned given; /* arguments, as bits */
	const struct role *role;
};

static int read_keys(
	struct declarations *declarations, const config_setting_t *group, struct function *function)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);
		struct suggestion suggestion = suggestion__of(name);
		int key = 0;

		while (key < KEY_CNT && strcmp(name, key_names[key]) != 0)
			suggestion__try(&suggestion, key_names[key++]);
		if (key == KEY_CNT)
			return complain_of_word(declarations, setting, "key", name, suggestion);
		function->settings[key] = setting;
	}
	return 0;
}

static bool is_text(const config_setting_t *setting)
{
	return setting && config_setting_type(setting) == CONFIG_TYPE_STRING &&
	       *config_setting_get_string(setting);
}

static bool is_number(const config_setting_t *setting)
{
	return setting && (config_setting_type(setting) == CONFIG_TYPE_INT ||
				  config_setting_type(setting) == CONFIG_TYPE_INT64);
}

static int read_argument(struct declarations *declarations, struct function *function, enum key key)
{
	const config_setting_t *setting = function->settings[key];
	long long number = is_number(setting) ? config_setting_get_int64(setting) : 0;

	function->given |= 1u << key;
	function->arguments[key] = number;
	if (key == KEY_SIZE && is_text(setting) &&
		strcmp(config_setting_get_string(setting), "string") == 0) {
		function->arguments[key] = SIZE_OF_STRING;
		return 0;
	}
	if (number >= 1 && number <= ARGUMENT_MAX)
		return 0;
	return complain(declarations, setting, "'%s' is the number of an argument, 1 to %d%s",
		key_names[key], ARGUMENT_MAX, key == KEY_SIZE ? ", or \"string\"" : "");
}

static int read_role(
	struct declarations *declarations, const config_setting_t *group, struct function *function)
{
	const config_setting_t *setting = function->settings[KEY_ROLE];
	const char *name;
	struct suggestion suggestion;

	if (!is_text(setting))
		return complain(declarations, setting ? setting : group,
			"a function needs a 'role', in quotes");
	name = config_setting_get_string(setting);
	suggestion = suggestion__of(name);
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (strcmp(name, roles[i].name) == 0) {
			function->role = &roles[i];
			return 0;
		}
		suggestion__try(&suggestion, roles[i].name);
	}
	return complain_of_word(declarations, setting, "role", name, suggestion);
}

/* The arguments are those that the role has. */
static int check_arguments(struct declarations *declarations, const config_setting_t *group,
	const struct function *function)
{
	const struct role *role = function->role;

	for (int key = KEY_SIZE; key < KEY_CNT; key++) {
		unsigned bit = 1u << key;

		if (function->given & bit & ~(role->must | role->may))
			return complain(declarations, function->settings[key],
				"role '%s' has no '%s'", role->name, key_names[key]);
		if (role->must & bit & ~function->given)
			return complain(declarations, group, "role '%s' needs '%s'", role->name,
				key_names[key]);
	}
	if (role->role == ROLE_ARENA_MOVE &&
		!!(function->given & BIT(BLOCK)) == !!(function->given & BIT(OUT)))
		return complain(
			declarations, group, "role '%s' needs either 'block' or 'out'", role->name);
	return 0;
}

/* Which function it is: by symbol, or by offset. */
static int read_place(struct declarations *declarations, const config_setting_t *group,
	const struct function *function, struct allocator_function *row)
{
	const config_setting_t *symbol = function->settings[KEY_SYMBOL];
	const config_setting_t *offset = function->settings[KEY_OFFSET];
	const config_setting_t *name = function->settings[KEY_NAME];
	char *text = NULL;

	if (!symbol == !offset || (symbol && !is_text(symbol)) || (offset && !is_number(offset)))
		return complain(declarations, group,
			"a function needs either a 'symbol', in quotes, or an 'offset' in its "
			"file");
	if (name && (!is_text(name) || symbol))
		return complain(
			declarations, name, "'name' is what a function at an 'offset' is called");
	if (symbol) {
		row->name = config_setting_get_string(symbol);
		return 0;
	}
	row->by_offset = true;
	row->file_offset = config_setting_get_int64(offset);
	if (name) {
		row->name = config_setting_get_string(name);
		return 0;
	}
	if (asprintf(&text, "%s+0x%llx", row->group->name, (unsigned long long)row->file_offset) <
		0)
		return -ENOMEM;
	row->name = keep_text(declarations, text);
	return row->name ? 0 : -ENOMEM;
}

static int read_flag(struct declarations *declarations, const struct function *function,
	enum key key, bool *flag)
{
	const config_setting_t *setting = function->settings[key];

	if (!setting)
		return 0;
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		return complain(declarations, setting, "'%s' is true or false", key_names[key]);
	*flag = config_setting_get_bool(setting);
	return 0;
}

static void fill_row(const struct function *function, struct allocator_function *row)
{
	const struct role *role = function->role;
	const uint8_t *arguments = function->arguments;

	row->role = role->role == ROLE_ALLOC && arguments[KEY_OUT] ? ROLE_ALLOC_OUT : role->role;
	row->grows = role->grows;
	row->size_arg = role->query ? role->query : arguments[KEY_SIZE];
	row->count_arg = arguments[KEY_COUNT];
	row->block_arg = arguments[KEY_BLOCK];
	row->out_arg = arguments[KEY_NEXT] ? arguments[KEY_NEXT] : arguments[KEY_OUT];
	row->arena_arg = arguments[KEY_PARENT] ? arguments[KEY_PARENT] : arguments[KEY_ARENA];
}

static int read_function(struct declarations *declarations, const config_setting_t *group,
	const struct allocator_group *allocator)
{
	struct allocator_function *row = add_row(declarations);
	struct function function = {0};
	char *place = NULL;
	int err;

	if (!row || asprintf(&place, "%s:%u", declarations->file,
			    config_setting_source_line(group)) < 0)
		return -ENOMEM;
	row->declared_at = keep_text(declarations, place);
	row->group = allocator;
	if (!config_setting_is_group(group))
		return complain(
			declarations, group, "a function is a group: { symbol = \"...\"; ... }");
	err = read_keys(declarations, group, &function);
	for (int key = KEY_SIZE; !err && key < KEY_CNT; key++)
		if (function.settings[key])
			err = read_argument(declarations, &function, key);
	if (!err)
		err = read_role(declarations, group, &function);
	if (!err)
		err = check_arguments(declarations, group, &function);
	if (!err)
		err = read_place(declarations, group, &function, row);
	if (err)
		return err;
	fill_row(&function, row);
	row->throws = strncmp(row->name, "_Z", 2) == 0; /* C++, unless it is told otherwise */
	err = read_flag(declarations, &function, KEY_THROWS, &row->throws);
	return err ? err : read_flag(declarations, &function, KEY_OPTIONAL, &row->optional);
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
		if (!is_text(config_setting_get_elem(files, i)))
			break;
		patterns[allocator->file_cnt++] = config_setting_get_string_elem(files, i);
	}
	if (cnt && allocator->file_cnt == (size_t)cnt)
		return 0;
	return complain(declarations, files ? files : group,
		"an allocator needs 'files': a list of patterns, in quotes");
}

/* Of a group, all keys are among these. */
static int check_keys(struct declarations *declarations, const config_setting_t *group,
	const char *const *names, size_t name_cnt)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);
		struct suggestion suggestion = suggestion__of(name);
		size_t k = 0;

		while (k < name_cnt && strcmp(name, names[k]) != 0)
			suggestion__try(&suggestion, names[k++]);
		if (k == name_cnt)
			return complain_of_word(declarations, setting, "key", name, suggestion);
	}
	return 0;
}

static int read_allocator(struct declarations *declarations, const config_setting_t *group,
	struct allocator_group *allocator)
{
	static const char *const names[] = {"name", "files", "functions"};
	const config_setting_t *name, *functions;
	int err = 0;

	if (!config_setting_is_group(group))
		return complain(declarations, group,
			"an allocator is a group: { name = \"...\"; files = [...]; functions = "
			"(...); }");
	err = check_keys(declarations, group, names, ARRAY_SIZE(names));
	if (err)
		return err;
	name = config_setting_get_member(group, "name");
	functions = config_setting_get_member(group, "functions");
	if (!is_text(name))
		return complain(declarations, group, "an allocator needs a 'name', in quotes");
	if (!functions || !config_setting_is_list(functions))
		return complain(declarations, group, "an allocator needs 'functions', a list");
	allocator->name = config_setting_get_string(name);
	err = read_files(declarations, group, allocator);
	for (int i = 0; !err && i < config_setting_length(functions); i++)
		err = read_function(declarations, config_setting_get_elem(functions, i), allocator);
	return err;
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
	int err = check_keys(declarations, root, names, ARRAY_SIZE(names));

	if (err)
		return err;
	if (!list || !config_setting_is_list(list))
		return complain_at(declarations, 1, "there is no list 'allocators = ( ... );'");
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
			return complain_at(declarations, line_number, "@include is not supported");
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
		return complain_at(declarations, config_error_line(&declarations->config), "%s",
			config_error_text(&declarations->config));
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
	declarations->file = keep_text(declarations, strdup(file));
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
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
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
