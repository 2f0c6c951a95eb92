/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A hash table from a 64-bit key to a value that is not 0: a pointer, or a number. */
#ifndef HEAPTAP_HEAP_INDEX_H
#define HEAPTAP_HEAP_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct index_entry {
	uint64_t key;
	uintptr_t value; /* 0: empty */
};

struct index {
	struct index_entry *entries;
	size_t entry_cnt; /* power of two */
	size_t cnt;	  /* keys in the table */
	uint64_t multiplier;
};

/* seed: random. Takes no memory before the first key. */
void index__init(struct index *index, uint64_t seed);
/* Not what the values point to. It may be used again, and is empty. */
void index__destroy(struct index *index);
/* copy: not initialised. 0 or -ENOMEM. */
int index__copy(const struct index *index, struct index *copy);

uintptr_t index__find(const struct index *index, uint64_t key); /* 0: not there */
/* Adds a key that is not there. 0 or -ENOMEM. */
int index__add(struct index *index, uint64_t key, uintptr_t value);
/* Returns the key's value, or 0 if it was not there. */
uintptr_t index__remove(struct index *index, uint64_t key);
/* Each entry once, in no order: *cursor is 0 at first. NULL after the last. */
const struct index_entry *index__next(const struct index *index, size_t *cursor);
/* Bytes of memory that the table takes, without the struct itself. */
size_t index__memory(const struct index *index);

#endif
