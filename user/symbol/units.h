/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The DWARF of a file by address: its compilation units, and in a unit its functions. Addresses are
 * those of the file that was asked for; a separate debug file's own ones differ from them by a bias
 * if the file was prelinked since. */
#ifndef HEAPTAP_SYMBOL_UNITS_H
#define HEAPTAP_SYMBOL_UNITS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include "symbol/intervals.h"

struct unit;

struct units { /* all zeros: none */
	Dwarf *dwarf;
	uint64_t bias;		      /* file's address - DWARF's address */
	const struct intervals *code; /* ranges outside of it are leftovers of dropped functions */
	struct intervals intervals;   /* value: index into list */
	struct unit *list;
	size_t cnt, cap;
};

/* Indexes the units. `dwarf` and `code` stay the caller's and have to stay. 0 or -ENOMEM. */
int units__read(struct units *units, Dwarf *dwarf, uint64_t bias, const struct intervals *code);

/* The unit around an address and the innermost function in it whose code has the address.
 * False: no unit has it. *ret_start: where that range of the function starts; ret_function's addr
 * is NULL if the unit describes no function there. */
bool units__find(struct units *units, uint64_t address, Dwarf_Die *ret_unit,
	Dwarf_Die *ret_function, uint64_t *ret_start);

void units__free(struct units *units);

#endif
