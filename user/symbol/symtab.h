/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The function symbols of a file, by address: .symtab, .dynsym, .gnu_debugdata, of the file and of
 * its separate debug file. */
#ifndef HEAPTAP_SYMBOL_SYMTAB_H
#define HEAPTAP_SYMBOL_SYMTAB_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>
#include "symbol/intervals.h"

struct symtab_function {
	const char *name; /* the Dwfl_Module's */
	uint64_t start;
	bool has_size; /* else where it ends was guessed */
};

struct symtab {			    /* all zeros: no symbols */
	struct intervals intervals; /* value: index into functions */
	struct symtab_function *functions;
};

/* Reads the module's symbol tables; those in `code` (address ranges that hold code) count.
 * 0 (also where there are none) or -ENOMEM. */
int symtab__read(struct symtab *symtab, Dwfl_Module *module, const struct intervals *code);

/* The function that the address is in. False, *ret_found untouched: no symbol covers it. */
bool symtab__find(const struct symtab *symtab, uint64_t address, struct symtab_function *ret_found);

void symtab__free(struct symtab *symtab);

#endif
