/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that is known of one file's addresses: its symbols, its DWARF or that of its separate debug
 * file. This runs elfutils on hostile bytes without limits: use it through worker.h.
 */
#ifndef HEAPTAP_SYMBOL_DEBUG_FILE_H
#define HEAPTAP_SYMBOL_DEBUG_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "symbol/inline.h"
#include "symbol/symbolize.h"

#define SYMBOLS_MAX (INLINE_DEPTH_MAX + 1) /* given for one address */

struct debug_file;

/* Takes a dup of the fd. `path` is where debug files are looked for beside; with_dwarf false:
 * symbol tables only. NULL if the file can't be read as ELF (or without memory). */
struct debug_file *debug_file__new(int fd, const char *path, bool with_dwarf);
void debug_file__free(struct debug_file *file);

/* As symbolizer__resolve, but names are as in the file (mangled) and live until the next lookup.
 * Returns how many: 1 to SYMBOLS_MAX. */
int debug_file__lookup(struct debug_file *file, uint64_t address, bool is_return,
	struct symbol symbols[SYMBOLS_MAX]);

#endif
