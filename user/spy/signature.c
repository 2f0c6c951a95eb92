// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The table of allocator functions says which argument is what the books need. Here are the others:
 * of C functions by name (malloc(3), posix_memalign(3), mmap(2), C23 7.24.3, jemalloc(3)), whatever
 * prefix an allocator gives them; of C++'s operators by their mangled types, as the Itanium C++ ABI
 * has them.
 */
#include "spy/signature.h"

#include <stdio.h>
#include <string.h>
#include "probe/functions.h"
#include "probe/scan.h"

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

struct known {
	const char *name;
	const char *arguments[SPY_ARGUMENTS];
};

static const struct known known_functions[] = {
	{"posix_memalign", {"memptr", "alignment", "size"}},
	{"aligned_alloc", {"alignment", "size"}},
	{"memalign", {"alignment", "size"}},
	{"free_sized", {"ptr", "size"}},
	{"free_aligned_sized", {"ptr", "alignment", "size"}},
	{"mallocx", {"size", "flags"}},
	{"rallocx", {"ptr", "size", "flags"}},
	{"dallocx", {"ptr", "flags"}},
	{"sdallocx", {"ptr", "size", "flags"}},
	{"malloc_usable_size", {"ptr"}},
	{"usable_size", {"ptr"}},
	{"malloc_size", {"ptr"}},
	{"sallocx", {"ptr", "flags"}},
	{"malloc_trim", {"pad"}},
	{"mmap", {"addr", "length", "prot", "flags"}},
	{"mmap64", {"addr", "length", "prot", "flags"}},
	{"munmap", {"addr", "length"}},
	{"mremap", {"old_address", "old_size", "new_size", "flags"}},
	{"brk", {"addr"}},
	{"sbrk", {"increment"}},
};

static const struct known operators[] = {
	{"_Znw", {"operator new"}},
	{"_Zna", {"operator new[]"}},
	{"_Zdl", {"operator delete"}},
	{"_Zda", {"operator delete[]"}},
};

static const struct known mangled_types[] = {
	{"m", {"size"}},
	{"Pv", {"ptr"}},
	{"St11align_val_t", {"alignment"}},
	{"RKSt9nothrow_t", {"nothrow"}},
};

static const struct known *find_beginning(const struct known *rows, size_t cnt, const char *text)
{
	for (size_t i = 0; i < cnt; i++)
		if (!strncmp(text, rows[i].name, strlen(rows[i].name)))
			return &rows[i];
	return NULL;
}

/* "_ZnwmSt11align_val_t": an operator, and the types of its arguments. */
static bool read_operator(struct signature *signature)
{
	const struct known *row = find_beginning(operators, ROWS(operators), signature->symbol);
	const char *at = signature->symbol;

	if (!row)
		return false;
	snprintf(signature->name, sizeof(signature->name), "%s", row->arguments[0]);
	at += strlen(row->name);
	while ((row = find_beginning(mangled_types, ROWS(mangled_types), at)) &&
		signature->argument_cnt < SPY_ARGUMENTS) {
		signature->arguments[signature->argument_cnt++] = row->arguments[0];
		at += strlen(row->name);
	}
	return true;
}

static const char *without_prefix(const char *symbol)
{
	static const char *const prefixes[] = {"je_", "_rjem_", "tc_", "mi_"};

	for (size_t i = 0; i < ROWS(prefixes); i++)
		if (!strncmp(symbol, prefixes[i], strlen(prefixes[i])))
			return symbol + strlen(prefixes[i]);
	return symbol;
}

static bool read_known(struct signature *signature)
{
	const char *name = without_prefix(signature->symbol);

	for (size_t i = 0; i < ROWS(known_functions); i++) {
		if (strcmp(name, known_functions[i].name))
			continue;
		memcpy(signature->arguments, known_functions[i].arguments,
			sizeof(signature->arguments));
		while (signature->argument_cnt < SPY_ARGUMENTS &&
			signature->arguments[signature->argument_cnt])
			signature->argument_cnt++;
		return true;
	}
	return false;
}

/* By what the books need of it; what lies between is only counted. */
static void read_roles(struct signature *signature, const struct allocator_function *row)
{
	static const char *const unknown[SPY_ARGUMENTS] = {"arg1", "arg2", "arg3", "arg4"};
	const struct {
		uint8_t number;
		const char *name;
	} roles[] = {
		{row->role == ROLE_QUERY ? 0 : row->size_arg, "size"},
		{row->count_arg, "nmemb"},
		{row->block_arg, "ptr"},
		{row->out_arg, "memptr"},
	};

	memcpy(signature->arguments, unknown, sizeof(unknown));
	for (size_t i = 0; i < ROWS(roles); i++) {
		if (!roles[i].number || roles[i].number > SPY_ARGUMENTS)
			continue;
		signature->arguments[roles[i].number - 1] = roles[i].name;
		if (roles[i].number > signature->argument_cnt)
			signature->argument_cnt = roles[i].number;
	}
}

/* brk's is an int, sbrk's the old break. */
static enum result_kind result_of(const struct allocator_function *row)
{
	switch (row->role) {
	case ROLE_FREE:
		return RESULT_NONE;
	case ROLE_QUERY: /* of some a structure, which is no single number */
		return row->size_arg == QUERY_STATE ? RESULT_NONE : RESULT_SIZE;
	case ROLE_ALLOC_OUT:
	case ROLE_UNMAP:
		return RESULT_STATUS;
	case ROLE_BREAK:
		return row->block_arg ? RESULT_STATUS : RESULT_POINTER;
	case ROLE_ALLOC:
	case ROLE_REALLOC:
	case ROLE_MAP:
	case ROLE_REMAP:
		return RESULT_POINTER;
	}
	return RESULT_SIZE;
}

struct signature signature__of(uint16_t function)
{
	const struct allocator_function *row = &allocator_functions[function];
	struct signature signature = {
		.symbol = row->name, .result = result_of(row), .role = row->role};

	if (read_operator(&signature))
		return signature;
	snprintf(signature.name, sizeof(signature.name), "%s", row->name);
	if (!read_known(&signature))
		read_roles(&signature, row);
	return signature;
}

bool argument__is_address(const char *name)
{
	static const char *const addresses[] = {
		"ptr", "memptr", "addr", "old_address", "nothrow", "flags", "arg1", "arg2", "arg3"};

	for (size_t i = 0; i < ROWS(addresses); i++)
		if (!strcmp(name, addresses[i]))
			return true;
	return false;
}

/* realloc(p, 0) frees, and gives nothing. */
static bool asks_for_nothing(const struct signature *signature, const struct spy_event *record)
{
	for (int i = 0; i < signature->argument_cnt; i++)
		if (!strcmp(signature->arguments[i], "size") && record->arguments[i])
			return false;
	return true;
}

bool signature__has_failed(const struct signature *signature, const struct spy_event *record)
{
	if (signature->result == RESULT_STATUS)
		return (int)record->result;
	if (signature->result != RESULT_POINTER)
		return false;
	if (ROLE_MAPS(signature->role))
		return record->result == ~0ull;
	return !record->result &&
	       !(signature->role == ROLE_REALLOC && asks_for_nothing(signature, record));
}
