/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DWARF 5, 3.3.8: a DW_TAG_inlined_subroutine stands in the function (or block, or inlined call)
 * that it was inlined into, has the code ranges of that one copy, its name by
 * DW_AT_abstract_origin, and says by DW_AT_call_file, _line, _column where the call was.
 *
 *   subprogram f ── lexical_block ── inlined g (call at f.c:10) ── inlined h (call at g.c:20)
 *
 * Going down, the first child that has the address is followed and its siblings are left, so that
 * an address costs no more than one pass over its function's DIEs. dwarf_getscopes passes over the
 * whole unit, recursively.
 */
#include "symbol/inline.h"

#include <dwarf.h>
#include <stdbool.h>
#include <string.h>

static bool is_scope(int tag)
{
	switch (tag) {
	case DW_TAG_inlined_subroutine:
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
		return true;
	default:
		return false;
	}
}

/* The block or inlined call among the DIE's children that has the address. */
static bool find_scope(Dwarf_Die *parent, uint64_t address, Dwarf_Die *ret_scope)
{
	Dwarf_Die die;

	if (dwarf_child(parent, &die) != 0)
		return false;
	do {
		if (is_scope(dwarf_tag(&die)) && dwarf_haspc(&die, address) > 0) {
			*ret_scope = die;
			return true;
		}
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

size_t inline__chain(Dwarf_Die *function, uint64_t address, Dwarf_Die chain[INLINE_DEPTH_MAX])
{
	Dwarf_Die scope = *function;
	size_t cnt = 0;

	while (cnt < INLINE_DEPTH_MAX && find_scope(&scope, address, &scope))
		if (dwarf_tag(&scope) == DW_TAG_inlined_subroutine)
			chain[cnt++] = scope;
	return cnt;
}

const char *inline__name(Dwarf_Die *die)
{
	static const unsigned int attributes[] = {
		DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name};
	Dwarf_Attribute attribute;
	const char *name;

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		name = dwarf_formstring(dwarf_attr_integrate(die, attributes[i], &attribute));
		if (name && name[0])
			return name;
	}
	return NULL;
}

static uint32_t number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0)
		return 0;
	return value <= UINT32_MAX ? value : 0;
}

/* Before DWARF 5 file 0 means that there is none; libdw calls it "???". */
static const char *file_name(Dwarf_Die *unit, uint32_t index)
{
	Dwarf_Files *files;
	const char *name;
	size_t cnt;

	if (dwarf_getsrcfiles(unit, &files, &cnt) != 0 || index >= cnt)
		return NULL;
	name = dwarf_filesrc(files, index, NULL, NULL);
	return name && strcmp(name, "???") ? name : NULL;
}

struct call_site inline__call_site(Dwarf_Die *unit, Dwarf_Die *call)
{
	return (struct call_site){
		.file = file_name(unit, number(call, DW_AT_call_file)),
		.line = number(call, DW_AT_call_line),
		.column = number(call, DW_AT_call_column),
	};
}
