/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A function of a declared allocator: its keys, its role, and which argument is what. Every key,
 * type, role and number is checked before it is used.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <heaptap/event.h>

#include "probe/declare_parts.h"

#define ARGUMENT_MAX 6 /* in registers: System V ABI for x86-64, 3.2.3 */

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
		int key = declare__find_row(declarations, setting, config_setting_name(setting),
			NAMED_ROWS("key", key_names));

		if (key < 0)
			return key;
		function->settings[key] = setting;
	}
	return 0;
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
	if (key == KEY_SIZE && declare__is_text(setting) &&
		strcmp(config_setting_get_string(setting), "string") == 0) {
		function->arguments[key] = SIZE_OF_STRING;
		return 0;
	}
	if (number >= 1 && number <= ARGUMENT_MAX)
		return 0;
	return declare__complain(declarations, setting,
		"'%s' is the number of an argument, 1 to %d%s", key_names[key], ARGUMENT_MAX,
		key == KEY_SIZE ? ", or \"string\"" : "");
}

static int read_role(
	struct declarations *declarations, const config_setting_t *group, struct function *function)
{
	const config_setting_t *setting = function->settings[KEY_ROLE];
	int role;

	if (!declare__is_text(setting))
		return declare__complain(declarations, setting ? setting : group,
			"a function needs a 'role', in quotes");
	role = declare__find_row(declarations, setting, config_setting_get_string(setting),
		NAMED_ROWS("role", roles));
	if (role < 0)
		return role;
	function->role = &roles[role];
	return 0;
}

/* The arguments are those that the role has. */
static int check_arguments(struct declarations *declarations, const config_setting_t *group,
	const struct function *function)
{
	const struct role *role = function->role;

	for (int key = KEY_SIZE; key < KEY_CNT; key++) {
		unsigned bit = 1u << key;

		if (function->given & bit & ~(role->must | role->may))
			return declare__complain(declarations, function->settings[key],
				"role '%s' has no '%s'", role->name, key_names[key]);
		if (role->must & bit & ~function->given)
			return declare__complain(declarations, group, "role '%s' needs '%s'",
				role->name, key_names[key]);
	}
	if (role->role == ROLE_ARENA_MOVE &&
		!!(function->given & BIT(BLOCK)) == !!(function->given & BIT(OUT)))
		return declare__complain(
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

	if (!symbol == !offset || (symbol && !declare__is_text(symbol)) ||
		(offset && !is_number(offset)))
		return declare__complain(declarations, group,
			"a function needs either a 'symbol', in quotes, or an 'offset' in its "
			"file");
	if (name && (!declare__is_text(name) || symbol))
		return declare__complain(
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
	row->name = declare__keep_text(declarations, text);
	return row->name ? 0 : -ENOMEM;
}

static int read_flag(struct declarations *declarations, const struct function *function,
	enum key key, bool *flag)
{
	const config_setting_t *setting = function->settings[key];

	if (!setting)
		return 0;
	if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
		return declare__complain(
			declarations, setting, "'%s' is true or false", key_names[key]);
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

int declare__read_function(struct declarations *declarations, const config_setting_t *group,
	const struct allocator_group *allocator)
{
	struct allocator_function *row = add_row(declarations);
	struct function function = {0};
	char *place = NULL;
	int err;

	if (!row || asprintf(&place, "%s:%u", declarations->file,
			    config_setting_source_line(group)) < 0)
		return -ENOMEM;
	row->declared_at = declare__keep_text(declarations, place);
	row->group = allocator;
	if (!config_setting_is_group(group))
		return declare__complain(
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
