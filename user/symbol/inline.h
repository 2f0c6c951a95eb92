/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The functions that were inlined at an address, and what DWARF calls a function. */
#ifndef HEAPTAP_SYMBOL_INLINE_H
#define HEAPTAP_SYMBOL_INLINE_H

#include <elfutils/libdw.h>
#include <stddef.h>
#include <stdint.h>

#define INLINE_DEPTH_MAX 63 /* inlined functions given for one address, the outermost are kept */

/* The inlined calls that the address is in, outermost first, by walking the function's blocks.
 * Returns how many. */
size_t inline__chain(Dwarf_Die *function, uint64_t address, Dwarf_Die chain[INLINE_DEPTH_MAX]);

/* The linkage name (mangled) of a function or inlined call, else its plain name, else NULL. */
const char *inline__name(Dwarf_Die *die);

struct call_site {
	const char *file; /* NULL: unknown */
	uint32_t line, column;
};

/* Where an inlined call stands in its caller. */
struct call_site inline__call_site(Dwarf_Die *unit, Dwarf_Die *call);

#endif
