/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libdw finds units by .debug_aranges, which clang does not write, and functions by walking the
 * whole unit for each address (dwarf_getscopes). Here the units' own ranges are indexed when a file
 * is first asked, and a unit's functions when the unit is.
 *
 * Functions stand at the top of a unit or in its namespaces and types. Only if none of those has
 * the address, the unit is walked again with the insides of functions (nested functions).
 *
 * A linker that drops a function leaves its debug info behind, at address 0 or 1 or -1. Such ranges
 * are told by not starting in code.
 *
 * Split DWARF (.dwo, .dwp) is not opened: its path stands in the file and could name anything.
 */
#include "symbol/units.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include "util/array.h"

#define DEPTH_MAX 64 /* of nested namespaces, types and blocks; real code stays below 20 */

struct unit {
	Dwarf_Off die;
	struct intervals functions; /* value: offset of the function's DIE */
	bool read, read_deep;
};

/* Adds the code ranges of a DIE. */
static int add_ranges(
	const struct units *units, struct intervals *intervals, Dwarf_Die *die, uint64_t value)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;
	int err = 0;

	while (!err && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
		if (intervals__find(units->code, start + units->bias))
			err = intervals__add(
				intervals, start + units->bias, end + units->bias, value);
	return err;
}

static int add_unit(struct units *units, Dwarf_Off offset)
{
	Dwarf_Die die;
	struct unit *list;

	if (!dwarf_offdie(units->dwarf, offset, &die))
		return 0;
	list = array__with_room(units->list, units->cnt, 1, &units->cap, sizeof(*list));
	if (!list)
		return -ENOMEM;
	units->list = list;
	units->list[units->cnt] = (struct unit){.die = offset};
	units->cnt++;
	return add_ranges(units, &units->intervals, &die, units->cnt - 1);
}

int units__read(struct units *units, Dwarf *dwarf, uint64_t bias, const struct intervals *code)
{
	Dwarf_Off at = 0, next;
	size_t header_sz;
	int err;

	units->dwarf = dwarf;
	units->bias = bias;
	units->code = code;
	while (dwarf_nextcu(dwarf, at, &next, &header_sz, NULL, NULL, NULL) == 0) {
		err = add_unit(units, at + header_sz);
		if (err)
			return err;
		at = next;
	}
	return intervals__sort(&units->intervals);
}

static bool may_hold_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
		return true;
	default:
		return false;
	}
}

static int add_functions(
	struct units *units, struct unit *unit, Dwarf_Die *parent, bool deep, int depth)
{
	Dwarf_Die die;
	int err = 0, tag;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return 0;
	do {
		tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram)
			err = add_ranges(units, &unit->functions, &die, dwarf_dieoffset(&die));
		if (!err && (deep || may_hold_functions(tag)))
			err = add_functions(units, unit, &die, deep, depth + 1);
	} while (!err && dwarf_siblingof(&die, &die) == 0);
	return err;
}

static void read_functions(struct units *units, struct unit *unit, Dwarf_Die *die, bool deep)
{
	if (deep)
		intervals__free(&unit->functions);
	if (add_functions(units, unit, die, deep, 0) != 0 || intervals__sort(&unit->functions) != 0)
		intervals__free(&unit->functions);
	unit->read = true;
	unit->read_deep = deep;
}

static const struct interval *find_function(
	struct units *units, struct unit *unit, Dwarf_Die *die, uint64_t address)
{
	const struct interval *found;

	if (!unit->read)
		read_functions(units, unit, die, false);
	found = intervals__find(&unit->functions, address);
	if (!found && !unit->read_deep) {
		read_functions(units, unit, die, true);
		found = intervals__find(&unit->functions, address);
	}
	return found;
}

bool units__find(struct units *units, uint64_t address, Dwarf_Die *ret_unit,
	Dwarf_Die *ret_function, uint64_t *ret_start)
{
	const struct interval *found = intervals__find(&units->intervals, address);
	Dwarf_Die die, function = {0};
	struct unit *unit;

	if (!found)
		return false;
	unit = &units->list[found->value];
	if (!dwarf_offdie(units->dwarf, unit->die, &die))
		return false;
	found = find_function(units, unit, &die, address);
	if (found && dwarf_offdie(units->dwarf, found->value, &function))
		*ret_start = found->start;
	*ret_unit = die;
	*ret_function = function;
	return true;
}

void units__free(struct units *units)
{
	for (size_t i = 0; i < units->cnt; i++)
		intervals__free(&units->list[i].functions);
	free(units->list);
	intervals__free(&units->intervals);
	*units = (struct units){0};
}
