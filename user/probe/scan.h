/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What to probe in one ELF file: its allocator functions (from .dynsym and .symtab, by the table of
 * functions.h), and where in each of them.
 */
#ifndef HEAPTAP_PROBE_SCAN_H
#define HEAPTAP_PROBE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/functions.h"

enum site_cost {
	SITE_EMULATED,	     /* the kernel emulates the instruction there: the cheap kind */
	SITE_SINGLE_STEPPED, /* it is stepped out of line: 4 to 10 times the price */
};

enum site_kind {
	SITE_CALL,   /* a function's entry, with a return probe */
	SITE_ENTRY,  /* the entry of one that may be left by an exception: no return probe, but */
	SITE_RETURN, /* a probe at each ret that it may come to (exits.h) */
	SITE_FREE,   /* the entry of one that only frees: its return doesn't matter, but */
	SITE_FOLLOWED_FREE, /* where frees are checked: its entry, with a return probe */
	SITE_QUERY,	    /* the entry of one that is only counted */
	SITE_POINT,	    /* of no allocator: where somebody waits for a thread (points.h) */
};

struct probe_site {
	uint16_t function; /* index into allocator_functions */
	const char *name;  /* its symbol */
	uint64_t cookie;   /* COOKIE(...) of event.h */
	enum site_kind kind;
	uint64_t file_offset; /* of the probe */
	uint32_t entry_delta; /* bytes from the function's entry to the probe; of returns: 0 */
	enum site_cost cost;
	char instruction[64]; /* disassembly of the instruction there */
};

struct probe_sites {
	struct probe_site *sites;
	size_t cnt;
	bool operators_only; /* C++'s, around an allocator in another file (where frees are checked)
			      */
	char reason[160];    /* why there are none, for people; "" otherwise */
	char unseen[160];    /* what is not probed though it allocates, and why; "": nothing */
	char missing[320];   /* which declared function it has not, with where it was declared; "":
				none */
};

/*
 * Finds the sites of the ELF file at fd; path is what declared groups know it by; with_mapping: of
 * the functions that map memory for the program itself, too. 0, also when there are none (reason
 * says why), or -errno: -ENOEXEC no ELF file, -ENOTSUP an ELF file of a machine or class that
 * heaptap does not trace (by name in reason), -EIO it is malformed, -ENOMEM.
 */
int probe_sites__scan(int fd, const char *path, bool with_mapping, struct probe_sites *ret_sites);

/* Which functions a spy wants: those for which it returns true. */
struct spied_functions {
	bool (*is_wanted)(uint16_t function, const void *arg);
	const void *arg;
};
/* The same for a spy: functions that hand on to another one too (C++'s operators around malloc),
 * and frees with their return. */
int probe_sites__scan_spied(int fd, const char *path, bool with_mapping,
	const struct spied_functions *functions, struct probe_sites *ret_sites);
void probe_sites__destroy(struct probe_sites *sites);

#endif
