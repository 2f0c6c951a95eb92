/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names come from targets, who could collide hashes on purpose and make a summary slow: the hash is
 * keyed by chance. It is murmur3's finalizer (public domain, Austin Appleby) over words.
 */
#include "util/intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "util/array.h"

#define SLOTS_MIN 64
#define ENTRIES_MAX (UINT32_MAX / 4)

void intern__destroy(struct intern *table)
{
	free(table->entries);
	free(table->slots);
	free(table->bytes);
	*table = (struct intern){0};
}

static uint64_t seed(void)
{
	static uint64_t value;

	if (!value && getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
		value = (uintptr_t)&value;
	return value;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

static uint64_t hash_of(const uint8_t *bytes, size_t sz)
{
	uint64_t hash = mix(seed(), sz), word;

	for (; sz >= sizeof(word); bytes += sizeof(word), sz -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	if (sz)
		memcpy(&word, bytes, sz);
	return mix(hash, word);
}

static uint32_t *slot_of(const struct intern *table, uint64_t hash, const void *bytes, size_t sz)
{
	size_t at = hash & (table->slot_cnt - 1);

	for (; table->slots[at]; at = (at + 1) & (table->slot_cnt - 1)) {
		const struct intern_entry *entry = &table->entries[table->slots[at] - 1];

		if (entry->hash == hash && entry->sz == sz &&
			(!sz || !memcmp(table->bytes + entry->offset, bytes, sz)))
			break;
	}
	return &table->slots[at];
}

static bool grow_slots(struct intern *table)
{
	size_t cnt = table->slot_cnt ? table->slot_cnt * 2 : SLOTS_MIN;
	uint32_t *slots = calloc(cnt, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < table->entry_cnt; i++) {
		size_t at = table->entries[i].hash & (cnt - 1);

		while (slots[at])
			at = (at + 1) & (cnt - 1);
		slots[at] = i + 1;
	}
	free(table->slots);
	table->slots = slots;
	table->slot_cnt = cnt;
	return true;
}

static bool make_room(struct intern *table, size_t sz)
{
	void *grown;

	if (table->entry_cnt >= ENTRIES_MAX)
		return false;
	if (table->entry_cnt * 2 >= table->slot_cnt && !grow_slots(table))
		return false;
	grown = array__with_room(
		table->entries, table->entry_cnt, 1, &table->entry_cap, sizeof(*table->entries));
	if (!grown)
		return false;
	table->entries = grown;
	grown = array__with_room(table->bytes, table->bytes_sz, sz + 1, &table->bytes_cap, 1);
	if (!grown)
		return false;
	table->bytes = grown;
	return true;
}

uint32_t intern__add(struct intern *table, const void *bytes, size_t sz)
{
	uint64_t hash = hash_of(bytes, sz);
	uint32_t *slot;

	if (table->failed || !make_room(table, sz)) {
		table->failed = true;
		return 0;
	}
	slot = slot_of(table, hash, bytes, sz);
	if (*slot)
		return *slot - 1;
	table->entries[table->entry_cnt] = (struct intern_entry){hash, table->bytes_sz, sz};
	if (sz)
		memcpy(table->bytes + table->bytes_sz, bytes, sz);
	table->bytes_sz += sz;
	*slot = ++table->entry_cnt;
	return *slot - 1;
}

bool intern__has(const struct intern *table, const void *bytes, size_t sz)
{
	return table->slot_cnt && *slot_of(table, hash_of(bytes, sz), bytes, sz);
}

const void *intern__get(const struct intern *table, uint32_t number, size_t *ret_sz)
{
	*ret_sz = table->entries[number].sz;
	return table->bytes + table->entries[number].offset;
}
