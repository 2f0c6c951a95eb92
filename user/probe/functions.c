/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of allocator functions: built-in rows, and a copy of it that grows by declared ones. */
#include <errno.h>
#include <fnmatch.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include <heaptap/event.h>

#include "probe/functions.h"

#define FUNCTIONS_MAX 4096

static const struct allocator_function builtin[] = {
#define ALLOCATOR(symbol, role_, size, count, block, out)                                          \
	{.name = #symbol,                                                                          \
		.role = ROLE_##role_,                                                              \
		.size_arg = size,                                                                  \
		.count_arg = count,                                                                \
		.block_arg = block,                                                                \
		.out_arg = out},
#include <heaptap/allocators.def>
#undef ALLOCATOR
};

const struct allocator_function *allocator_functions = builtin;
size_t allocator_function_cnt = BUILTIN_FUNCTION_CNT;

static bool counts_queries, sees_exits;

int allocator_functions__add(const struct allocator_function *rows, size_t row_cnt)
{
	size_t cnt = allocator_function_cnt + row_cnt;
	struct allocator_function *table;

	if (row_cnt > FUNCTIONS_MAX || cnt > FUNCTIONS_MAX)
		return -E2BIG;
	table = malloc(cnt * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memcpy(table, allocator_functions, allocator_function_cnt * sizeof(*table));
	memcpy(table + allocator_function_cnt, rows, row_cnt * sizeof(*table));
	if (allocator_functions != builtin)
		free((void *)allocator_functions);
	allocator_functions = table;
	allocator_function_cnt = cnt;
	return 0;
}

void allocator_functions__count_queries(bool count)
{
	counts_queries = count;
}

void allocator_functions__see_exits(bool see)
{
	sees_exits = see;
}

static bool is_looked_for(const struct allocator_function *row)
{
	if (row->role != ROLE_QUERY)
		return true;
	return row->size_arg == QUERY_EXIT ? sees_exits : counts_queries;
}

bool allocator_function__is_named(uint16_t function, const char *name, size_t name_cap)
{
	const char *known = allocator_functions[function].name;
	size_t known_sz = strlen(known) + 1;

	return known_sz <= name_cap && known[0] == name[0] && memcmp(known, name, known_sz) == 0;
}

bool allocator_function__find(const char *name, size_t name_cap, uint16_t *ret_function)
{
	for (size_t i = 0; i < BUILTIN_FUNCTION_CNT; i++) {
		if (!allocator_function__is_named(i, name, name_cap) ||
			!is_looked_for(&allocator_functions[i]))
			continue;
		*ret_function = i;
		return true;
	}
	return false;
}

bool allocator_function__is_for(uint16_t function, const char *path)
{
	const struct allocator_group *group = allocator_functions[function].group;
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;

	for (size_t i = 0; group && i < group->file_cnt; i++) {
		const char *pattern = group->files[i];

		if (fnmatch(pattern, strchr(pattern, '/') ? path : last, 0) == 0)
			return true;
	}
	return false;
}

bool allocator_functions__are_for(const char *path)
{
	for (size_t i = BUILTIN_FUNCTION_CNT; i < allocator_function_cnt; i++)
		if (allocator_function__is_for(i, path))
			return true;
	return false;
}

bool allocator_function__is_declared(uint16_t function)
{
	return function >= BUILTIN_FUNCTION_CNT;
}

bool allocator_function__is_operator(uint16_t function)
{
	return !allocator_function__is_declared(function) &&
	       strncmp(allocator_functions[function].name, "_Z", 2) == 0;
}

bool allocator_function__is_free(uint16_t function)
{
	return allocator_functions[function].role == ROLE_FREE;
}

bool allocator_function__is_query(uint16_t function)
{
	return allocator_functions[function].role == ROLE_QUERY;
}

bool allocator_function__is_malloc(uint16_t function)
{
	return strcmp(allocator_functions[function].name, "malloc") == 0;
}

bool allocator_function__maps(uint16_t function)
{
	return ROLE_MAPS(allocator_functions[function].role);
}

bool allocator_function__is_mmap(uint16_t function)
{
	return allocator_functions[function].role == ROLE_MAP;
}

bool allocator_function__may_throw(uint16_t function)
{
	static const char *const operators_new[] = {"_Zn", "tc_new", "mi_new", "mi_heap_alloc_new"};
	const char *name = allocator_functions[function].name;

	if (allocator_function__is_declared(function))
		return allocator_functions[function].throws;
	for (size_t i = 0; i < sizeof(operators_new) / sizeof(operators_new[0]); i++)
		if (strncmp(name, operators_new[i], strlen(operators_new[i])) == 0)
			return !strstr(name, "nothrow");
	return false;
}

static bool checks;

void allocator_functions__check(void)
{
	checks = true;
}

bool allocator_functions__are_checked(void)
{
	return checks;
}

/* A function that one allocator alone has: what goes with what there is its own affair. */
static bool is_allocators_own(const char *name)
{
	static const char *const prefixes[] = {"tc_", "mi_", "je_", "_rjem_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return strstr(name, "allocx");
}

/* _Zn: new, _Zd: delete; w, l: of one object, a: of an array (Itanium C++ ABI, 5.1.3). */
uint8_t allocator_function__family(uint16_t function)
{
	const char *name = allocator_functions[function].name;
	bool is_aligned = strstr(name, "St11align_val_t");

	if (!allocator_function__is_operator(function))
		return is_allocators_own(name) ? 0 : FAMILY_MALLOC;
	if (name[3] == 'a')
		return is_aligned ? FAMILY_NEW_ARRAY_ALIGNED : FAMILY_NEW_ARRAY;
	return is_aligned ? FAMILY_NEW_ALIGNED : FAMILY_NEW;
}

uint8_t allocator_function__args(uint16_t function)
{
	const struct allocator_function *row = &allocator_functions[function];
	unsigned bits = 1u << row->count_arg | 1u << row->block_arg | 1u << row->out_arg |
			1u << row->arena_arg;

	if (row->role != ROLE_QUERY && row->size_arg != SIZE_OF_STRING)
		bits |= 1u << row->size_arg;
	return bits >> 1;
}

/* It gives nothing, and is followed to its return all the same. */
static bool is_followed(const struct allocator_function *row)
{
	return row->group &&
	       (row->role == ROLE_FREE || row->role == ROLE_ARENA_RESET ||
		       row->role == ROLE_ARENA_DESTROY || row->role == ROLE_ARENA_MOVE);
}

uint64_t allocator_function__cookie(uint16_t function)
{
	const struct allocator_function *row = &allocator_functions[function];
	uint64_t cookie = COOKIE(
		function, row->role, row->size_arg, row->count_arg, row->block_arg, row->out_arg);

	cookie |= COOKIE_ARENA(row->arena_arg);
	if (row->group)
		cookie |= COOKIE_F_DECLARED;
	if (row->grows)
		cookie |= COOKIE_F_GROWS;
	return is_followed(row) ? cookie | COOKIE_F_FOLLOWED_FREE : cookie;
}
