/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A definition of a built-in function is a global or weak function symbol of .dynsym or .symtab
 * with an exact name (versions are not part of a symbol's name there) whose code is in the file.
 * Local symbols count only together: a static function may be called "free" and be anything, but a
 * file in which one allocates, one resizes and one frees is linked with an allocator that it keeps
 * to itself (ld's --exclude-libs, or a version script). Of a declared function the file was named,
 * so there any symbol will do, and an offset will, too. A symbol at the address of another one is
 * the same function: the first row of the table names it. Functions with several implementations
 * (IFUNC) have no code of their own at their symbol, and are left out.
 */
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>

#include <heaptap/event.h>

#include "probe/functions.h"
#include "probe/scan_parts.h"

int scan__choose_declared(struct scan *scan, const char *path)
{
	scan->declared = calloc(allocator_function_cnt, sizeof(*scan->declared));
	scan->found = calloc(allocator_function_cnt, sizeof(*scan->found));
	if (!scan->declared || !scan->found)
		return -ENOMEM;
	for (size_t i = 0; i < allocator_function_cnt; i++)
		if (allocator_function__is_for(i, path))
			scan->declared[scan->declared_cnt++] = i;
	return 0;
}

static bool scan__wants(const struct scan *scan, uint16_t function)
{
	return !scan->spied || scan->spied->is_wanted(function, scan->spied->arg);
}

/* Of several names the first that is wanted, or else the first. */
static void definition__name(struct definition *definition, uint16_t function, bool is_wanted)
{
	bool is_better =
		is_wanted == definition->is_wanted ? function < definition->function : is_wanted;

	if (is_better)
		definition->function = function;
	definition->is_wanted |= is_wanted;
}

static void scan__add_definition(
	struct scan *scan, uint16_t function, uint64_t address, uint64_t size)
{
	struct definition *definition = scan->definitions;
	struct definition *end = definition + scan->definition_cnt;

	scan->found[function] = true;
	while (definition < end && definition->address != address)
		definition++;
	if (definition == end) {
		if (scan->definition_cnt == DEFINITIONS_MAX)
			return;
		scan->definition_cnt++;
		*definition = (struct definition){
			.function = function,
			.address = address,
			.size = size,
		};
	}
	definition->may_throw |= allocator_function__may_throw(function);
	definition->families |= allocator_function__family(function);
	definition__name(definition, function, scan__wants(scan, function));
}

static bool scan__find_builtin(const struct scan *scan, bool is_local, const char *name,
	size_t name_cap, uint16_t *ret_function)
{
	return allocator_function__find(name, name_cap, ret_function) &&
	       !(allocator_function__maps(*ret_function) && (!scan->with_mapping || is_local));
}

static bool scan__find_declared(
	const struct scan *scan, const char *name, size_t name_cap, uint16_t *ret_function)
{
	for (size_t i = 0; i < scan->declared_cnt; i++) {
		uint16_t function = scan->declared[i];

		if (allocator_functions[function].by_offset ||
			!allocator_function__is_named(function, name, name_cap))
			continue;
		*ret_function = function;
		return true;
	}
	return false;
}

/* The row of a function's symbol: a built-in one, unless somebody has named the file for a local
 * one. */
static bool scan__find_function(const struct scan *scan, const GElf_Sym *symbol, const char *name,
	size_t name_cap, uint16_t *ret_function)
{
	bool is_local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL;

	if (is_local && scan__find_declared(scan, name, name_cap, ret_function))
		return true;
	return scan__find_builtin(scan, is_local, name, name_cap, ret_function) ||
	       scan__find_declared(scan, name, name_cap, ret_function);
}

static void scan__visit_symbol(
	struct scan *scan, const GElf_Sym *symbol, const char *name, size_t name_cap)
{
	int type = GELF_ST_TYPE(symbol->st_info);
	const struct elf_segment *segment;
	uint16_t function;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF ||
		!scan__find_function(scan, symbol, name, name_cap, &function))
		return;
	segment = elf_image__segment(&scan->image, symbol->st_value);
	if (!segment || !segment->executable)
		return;
	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL && !scan->takes_locals &&
		!allocator_function__is_declared(function)) {
		scan->local_roles |= 1u << allocator_functions[function].role;
		return;
	}
	scan->defines_ifunc |= type == STT_GNU_IFUNC;
	if (type == STT_GNU_IFUNC)
		return;
	scan->defines_malloc |= allocator_function__is_malloc(function);
	scan->defines_mmap |= allocator_function__is_mmap(function);
	scan->defines_operators |= allocator_function__is_operator(function);
	scan__add_definition(scan, function, symbol->st_value, symbol->st_size);
}

static void scan__visit_offset(struct scan *scan, uint16_t function)
{
	uint64_t offset = allocator_functions[function].file_offset;

	for (size_t i = 0; i < scan->image.segment_cnt; i++) {
		const struct elf_segment *segment = &scan->image.segments[i];

		if (segment->executable && offset >= segment->file_offset &&
			offset - segment->file_offset < segment->file_sz)
			scan__add_definition(scan, function,
				segment->address + (offset - segment->file_offset), 0);
	}
}

bool scan__next_symbol(const struct scan *scan, struct symbol_cursor *cursor)
{
	for (; cursor->table < 2; cursor->table++, cursor->at = 0)
		if (elf_symbols__get(&scan->tables[cursor->table], cursor->at++, &cursor->symbol,
			    &cursor->name, &cursor->name_cap))
			return true;
	return false;
}

static void scan__visit_symbols(struct scan *scan)
{
	struct symbol_cursor cursor = {0};

	while (scan__next_symbol(scan, &cursor))
		scan__visit_symbol(scan, &cursor.symbol, cursor.name, cursor.name_cap);
}

void scan__find_definitions(struct scan *scan)
{
	const unsigned whole = 1u << ROLE_ALLOC | 1u << ROLE_REALLOC | 1u << ROLE_FREE;

	elf_image__symbols(&scan->image, SHT_DYNSYM, &scan->tables[0]);
	elf_image__symbols(&scan->image, SHT_SYMTAB, &scan->tables[1]);
	scan__visit_symbols(scan);
	for (size_t i = 0; i < scan->declared_cnt; i++)
		if (allocator_functions[scan->declared[i]].by_offset)
			scan__visit_offset(scan, scan->declared[i]);
	if ((scan->local_roles & whole) != whole)
		return;
	scan->takes_locals = true;
	scan__visit_symbols(scan);
}

void scan__drop_definitions(struct scan *scan, definition_test *is_dropped)
{
	bool dropped[DEFINITIONS_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < scan->definition_cnt; i++)
		dropped[i] = is_dropped(scan, &scan->definitions[i]);
	for (size_t i = 0; i < scan->definition_cnt; i++)
		if (!dropped[i])
			scan->definitions[kept++] = scan->definitions[i];
	scan->definition_cnt = kept;
}

const struct definition *scan__first(
	const struct scan *scan, definition_test *test, size_t *ret_cnt)
{
	const struct definition *first = NULL;

	*ret_cnt = 0;
	for (size_t i = 0; i < scan->definition_cnt; i++) {
		if (!test(scan, &scan->definitions[i]))
			continue;
		if (++*ret_cnt == 1)
			first = &scan->definitions[i];
	}
	return first;
}

bool definition__inner_counts(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return definition->inner_counts;
}
