/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding a file's separate debug file. */
#ifndef HEAPTAP_SYMBOL_SEPARATE_H
#define HEAPTAP_SYMBOL_SEPARATE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

/* A find_debuginfo callback for libdwfl. */
int separate__find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
	const char *path, const char *link, GElf_Word crc, char **ret_path);

/* The file's DWARF leaves parts to another file, which the file itself names (dwz). */
bool separate__is_shared(Elf *elf);

#endif
