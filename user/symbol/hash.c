/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table doubles when there is a node per bucket. Mixing is the finalizer of MurmurHash3 (public
 * domain, Austin Appleby), which spreads addresses that differ in few bits. Keys come from targets
 * who could collide them on purpose; that costs time in one target's own names only.
 */
#include "symbol/hash.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 64

uint64_t hash__mix(uint64_t a, uint64_t b)
{
	uint64_t hash = (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2)));

	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
	return hash ^ hash >> 33;
}

uint64_t hash__text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	return hash__mix(hash, 0);
}

struct hash_node *hash__chain(const struct hash *table, uint64_t hash)
{
	return table->bucket_cnt ? table->buckets[hash & (table->bucket_cnt - 1)] : NULL;
}

static void push(struct hash_node **buckets, size_t bucket_cnt, struct hash_node *node)
{
	struct hash_node **bucket = &buckets[node->hash & (bucket_cnt - 1)];

	node->next = *bucket;
	*bucket = node;
}

static int grow(struct hash *table)
{
	size_t bucket_cnt = table->bucket_cnt ? table->bucket_cnt * 2 : BUCKETS_MIN;
	struct hash_node **buckets = calloc(bucket_cnt, sizeof(*buckets));
	struct hash_node *node, *next;

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < table->bucket_cnt; i++) {
		for (node = table->buckets[i]; node; node = next) {
			next = node->next;
			push(buckets, bucket_cnt, node);
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_cnt = bucket_cnt;
	return 0;
}

int hash__add(struct hash *table, struct hash_node *node, uint64_t hash)
{
	if (table->node_cnt >= table->bucket_cnt) {
		int err = grow(table);

		if (err)
			return err;
	}
	node->hash = hash;
	push(table->buckets, table->bucket_cnt, node);
	table->node_cnt++;
	return 0;
}

void hash__remove(struct hash *table, struct hash_node *node)
{
	struct hash_node **at = &table->buckets[node->hash & (table->bucket_cnt - 1)];

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->node_cnt--;
}

void hash__filter(struct hash *table, bool (*goes)(struct hash_node *node, void *arg), void *arg)
{
	for (size_t i = 0; i < table->bucket_cnt; i++) {
		struct hash_node **at = &table->buckets[i];

		while (*at) {
			struct hash_node *next = (*at)->next, **after = &(*at)->next;

			if (goes(*at, arg)) {
				*at = next;
				table->node_cnt--;
			} else {
				at = after;
			}
		}
	}
}

void hash__free(struct hash *table, void (*node__free)(struct hash_node *node))
{
	struct hash_node *node, *next;

	for (size_t i = 0; i < table->bucket_cnt; i++) {
		for (node = table->buckets[i]; node; node = next) {
			next = node->next;
			node__free(node);
		}
	}
	free(table->buckets);
	*table = (struct hash){0};
}
