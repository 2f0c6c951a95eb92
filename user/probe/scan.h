/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What to probe in one ELF file: its allocator functions (from .dynsym and .symtab, by the table in
 * include/heaptap/allocators.def), and where in each of them.
 */
#ifndef HEAPTAP_PROBE_SCAN_H
#define HEAPTAP_PROBE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum site_cost {
	SITE_EMULATED,	     /* the kernel emulates the instruction there: the cheap kind */
	SITE_SINGLE_STEPPED, /* it is stepped out of line: 4 to 10 times the price */
};

enum site_kind {
	SITE_CALL,   /* a function's entry, with a return probe */
	SITE_ENTRY,  /* the entry of one that may be left by an exception: no return probe, but */
	SITE_RETURN, /* a probe at each ret that it may come to (exits.h) */
	SITE_FREE,   /* the entry of one that only frees: its return doesn't matter */
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
	char reason[160]; /* why there are none, for people; "" otherwise */
	char unseen[160]; /* what is not probed though it allocates, and why; "": nothing */
};

/* The rows of allocators.def, in order: what an event's `function` means. */
struct allocator_function {
	const char *name;
	uint8_t role; /* enum alloc_role */
	uint8_t size_arg, count_arg, block_arg, out_arg;
};
extern const struct allocator_function allocator_functions[];
extern const size_t allocator_function_cnt;

/*
 * Finds the sites of the ELF file at fd; with_mapping: of the functions that map memory for the program
 * itself, too. 0, also when there are none (reason says why), or -errno:
 * -ENOEXEC no ELF file, -ENOTSUP an ELF file of a machine or class that heaptap does not trace (by
 * name in reason), -EIO it is malformed, -ENOMEM.
 */
int probe_sites__scan(int fd, bool with_mapping, struct probe_sites *ret_sites);
void probe_sites__destroy(struct probe_sites *sites);

#endif
