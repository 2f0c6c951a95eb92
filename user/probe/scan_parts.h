/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of a scan share among themselves. */
#ifndef HEAPTAP_PROBE_SCAN_PARTS_H
#define HEAPTAP_PROBE_SCAN_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/elf_image.h"
#include "probe/prologues.h"
#include "probe/scan.h"
#include "probe/sites.h"
#include "probe/wrappers.h"

#define DEFINITIONS_MAX 512 /* rows, and some in several symbol versions */

#define EXIT_SITES_MAX 512

struct exit_site {
	uint64_t address;
	uint16_t function; /* the first that was found to return there; there may be more */
};

struct scan {
	struct elf_image image;
	struct decoder decoder;
	struct elf_symbols tables[2];
	struct definition definitions[DEFINITIONS_MAX];
	size_t definition_cnt;
	struct prologue prologue_array[DEFINITIONS_MAX];
	struct prologues prologues;
	bool branches_unknown; /* no site but the entry is known to be sound */
	struct slot *slots;
	size_t slot_cnt, slot_cap;
	struct exit_site exits[EXIT_SITES_MAX];
	size_t exit_cnt;
	uint16_t *declared; /* the functions declared for this file */
	size_t declared_cnt;
	bool *found; /* by function: the file has it */
	bool out_of_memory;
	bool with_mapping;
	const struct spied_functions *spied; /* NULL: for the books */
	bool defines_malloc, defines_operators, defines_ifunc, defines_mmap;
	unsigned local_roles; /* of local symbols: bits 1 << enum alloc_role */
	bool takes_locals;
};

/* ---- which functions (scan_definitions.c) ---- */

/* Those declared for a file of this path: 0 or -ENOMEM. */
int scan__choose_declared(struct scan *scan, const char *path);
/* Those that the file has: they become definitions, and the scan's flags are set. */
void scan__find_definitions(struct scan *scan);

typedef bool definition_test(const struct scan *scan, const struct definition *definition);

void scan__drop_definitions(struct scan *scan, definition_test *is_dropped);
/* The first of those that pass the test, and how many there are. */
const struct definition *scan__first(
	const struct scan *scan, definition_test *test, size_t *ret_cnt);
/* A test: it may be left out, because what it calls is probed. */
bool definition__inner_counts(const struct scan *scan, const struct definition *definition);

/* The file's symbols, those of .dynsym first. Zeroes to begin with. */
struct symbol_cursor {
	unsigned int table;
	size_t at;
	GElf_Sym symbol;
	const char *name; /* in the file: perhaps without its NUL within name_cap bytes */
	size_t name_cap;
};
bool scan__next_symbol(const struct scan *scan, struct symbol_cursor *cursor);

/* ---- where (scan_entrances.c, scan_exits.c, scan_sites.c) ---- */

/* Which bytes of the definitions' prologues are entered from elsewhere. 0 or -errno. */
int scan__find_entrances(struct scan *scan);
struct call_map scan__call_map(const struct scan *scan, struct decoder *decoder);
/* Functions that may throw: finds their exits, or drops them, and says so. 0 or -errno. */
int scan__replace_return_probes(struct scan *scan, struct probe_sites *ret_sites);
/* 0 or -ENOMEM. */
int scan__choose_sites(struct scan *scan, struct probe_sites *ret_sites);

/* ---- words for people (scan_reasons.c) ---- */

void scan__tell_machine(const struct scan *scan, struct probe_sites *ret_sites);
/* The first function that was declared for the file, is not in it, and should be. */
void scan__tell_missing(const struct scan *scan, struct probe_sites *ret_sites);
void scan__tell_empty(const struct scan *scan, struct probe_sites *ret_sites);

#endif
