/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A chained hash table whose nodes are embedded in what they find:
 *
 *   buckets ──► node ──► node        struct thing { struct hash_node node; … };
 *           ──► node                 node is the first member, so the pointer is the thing's
 *
 * The caller compares keys itself while it walks a chain; nodes with other hashes are in it too.
 */
#ifndef HEAPTAP_SYMBOL_HASH_H
#define HEAPTAP_SYMBOL_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash { /* all zeros: an empty table */
	struct hash_node **buckets;
	size_t bucket_cnt;
	size_t node_cnt;
};

/* Mixes two words into a hash: chain calls for longer keys. */
uint64_t hash__mix(uint64_t a, uint64_t b);
uint64_t hash__text(const char *text);

/* The chain that has the nodes with this hash. */
struct hash_node *hash__chain(const struct hash *table, uint64_t hash);

/* 0 or -ENOMEM. The table does not own the node until hash__free is given a way to end it. */
int hash__add(struct hash *table, struct hash_node *node, uint64_t hash);

void hash__remove(struct hash *table, struct hash_node *node); /* it is in there */

/* Shows each node to `goes`. One for which it says true is taken out, and may have been freed by
 * then. */
void hash__filter(struct hash *table, bool (*goes)(struct hash_node *node, void *arg), void *arg);

void hash__free(struct hash *table, void (*node__free)(struct hash_node *node));

#endif
