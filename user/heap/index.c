/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A small hash table: open addressing, linear probing with wrap-around, at most two thirds full.
 * Taking a key out moves later ones back (Knuth, TAOCP 3, algorithm 6.4 R), so there are no
 * tombstones. It doubles by making a second table; it never shrinks. blocks.c does better where
 * there are millions of keys.
 */
#include "heap/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/hash.h"

#define INDEX_ENTRIES_MIN 8

static size_t index__home(const struct index *index, uint64_t key)
{
	/* the hash's topmost log2(entry_cnt) bits */
	return hash__of(key, index->multiplier) >> (__builtin_clzll(index->entry_cnt) + 1);
}

/* The entry of the key, or the empty one where it would be. */
static struct index_entry *index__search(const struct index *index, uint64_t key)
{
	size_t i = index__home(index, key);

	while (index->entries[i].value && index->entries[i].key != key)
		i = (i + 1) & (index->entry_cnt - 1);
	return &index->entries[i];
}

static int index__grow(struct index *index)
{
	struct index new = *index;
	const struct index_entry *entry;
	size_t cursor = 0;

	new.entry_cnt = index->entry_cnt ? index->entry_cnt * 2 : INDEX_ENTRIES_MIN;
	new.entries = calloc(new.entry_cnt, sizeof(*new.entries));
	if (!new.entries)
		return -ENOMEM;
	while ((entry = index__next(index, &cursor)))
		*index__search(&new, entry->key) = *entry;
	free(index->entries);
	*index = new;
	return 0;
}

void index__init(struct index *index, uint64_t seed)
{
	*index = (struct index){.multiplier = seed | 1};
}

void index__destroy(struct index *index)
{
	free(index->entries);
	index__init(index, index->multiplier);
}

int index__copy(const struct index *index, struct index *copy)
{
	struct index_entry *entries = NULL;

	if (index->entry_cnt) {
		entries = malloc(index->entry_cnt * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		memcpy(entries, index->entries, index->entry_cnt * sizeof(*entries));
	}
	*copy = *index;
	copy->entries = entries;
	return 0;
}

uintptr_t index__find(const struct index *index, uint64_t key)
{
	return index->cnt ? index__search(index, key)->value : 0;
}

int index__add(struct index *index, uint64_t key, uintptr_t value)
{
	if (index->cnt >= index->entry_cnt - index->entry_cnt / 3 && index__grow(index))
		return -ENOMEM;
	*index__search(index, key) = (struct index_entry){.key = key, .value = value};
	index->cnt++;
	return 0;
}

uintptr_t index__remove(struct index *index, uint64_t key)
{
	size_t mask = index->entry_cnt - 1, hole, i;
	struct index_entry *entries = index->entries;
	uintptr_t value = index__find(index, key);

	if (!value)
		return 0;
	hole = index__search(index, key) - entries;
	for (i = (hole + 1) & mask; entries[i].value; i = (i + 1) & mask) {
		size_t home = index__home(index, entries[i].key);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* its home is right of the hole */
		entries[hole] = entries[i];
		hole = i;
	}
	entries[hole] = (struct index_entry){};
	index->cnt--;
	return value;
}

const struct index_entry *index__next(const struct index *index, size_t *cursor)
{
	while (*cursor < index->entry_cnt) {
		const struct index_entry *entry = &index->entries[(*cursor)++];

		if (entry->value)
			return entry;
	}
	return NULL;
}

size_t index__memory(const struct index *index)
{
	return index->entry_cnt * sizeof(*index->entries);
}
