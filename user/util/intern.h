/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each distinct run of bytes once, with a number: strings, frames, locations of a file format that
 * names things by their place in a table.
 *
 *   entries   { 0: "malloc", 1: "main", … }      in the order of their first coming
 *   slots     hash → number of an entry           open addressing, half full at most
 */
#ifndef HEAPTAP_UTIL_INTERN_H
#define HEAPTAP_UTIL_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern_entry {
	uint64_t hash;
	size_t offset, sz; /* in `bytes` */
};

struct intern { /* all zeros: an empty table */
	struct intern_entry *entries;
	size_t entry_cnt, entry_cap;
	uint32_t *slots; /* number of an entry + 1; 0: free */
	size_t slot_cnt;
	uint8_t *bytes;
	size_t bytes_sz, bytes_cap;
	bool failed; /* memory was lacking; to be asked at the end */
};

void intern__destroy(struct intern *table);
/* The bytes' number, from 0. Without memory some number, and `failed` is set. */
uint32_t intern__add(struct intern *table, const void *bytes, size_t sz);
bool intern__has(const struct intern *table, const void *bytes, size_t sz);
/* Borrowed until the next intern__add. */
const void *intern__get(const struct intern *table, uint32_t number, size_t *ret_sz);

#endif
