/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of allocator functions, made from include/heaptap/allocators.def. */
#include <linux/types.h>
#include <string.h>

#include <heaptap/event.h>

#include "probe/functions.h"
#include "probe/scan.h"

const struct allocator_function allocator_functions[] = {
#define ALLOCATOR(symbol, role, size, count, block, out)                                           \
	{#symbol, ROLE_##role, size, count, block, out},
#include <heaptap/allocators.def>
#undef ALLOCATOR
};

const size_t allocator_function_cnt = sizeof(allocator_functions) / sizeof(allocator_functions[0]);

bool allocator_function__find(const char *name, size_t name_cap, uint16_t *ret_function)
{
	for (size_t i = 0; i < allocator_function_cnt; i++) {
		const char *known = allocator_functions[i].name;
		size_t known_sz = strlen(known) + 1;

		if (known_sz > name_cap || known[0] != name[0] ||
			memcmp(known, name, known_sz) != 0)
			continue;
		*ret_function = i;
		return true;
	}
	return false;
}

bool allocator_function__is_operator(uint16_t function)
{
	return strncmp(allocator_functions[function].name, "_Z", 2) == 0;
}

bool allocator_function__is_free(uint16_t function)
{
	return allocator_functions[function].role == ROLE_FREE;
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

	for (size_t i = 0; i < sizeof(operators_new) / sizeof(operators_new[0]); i++)
		if (strncmp(name, operators_new[i], strlen(operators_new[i])) == 0)
			return !strstr(name, "nothrow");
	return false;
}

uint8_t allocator_function__args(uint16_t function)
{
	const struct allocator_function *row = &allocator_functions[function];
	unsigned bits = 1u << row->size_arg | 1u << row->count_arg | 1u << row->block_arg |
			1u << row->out_arg;

	return bits >> 1;
}

uint64_t allocator_function__cookie(uint16_t function)
{
	const struct allocator_function *row = &allocator_functions[function];

	return COOKIE(
		function, row->role, row->size_arg, row->count_arg, row->block_arg, row->out_arg);
}
