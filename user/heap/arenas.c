/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Nodes in one array, linked by numbers, so that a fork copies them as they are. Nothing recurses:
 * the depth is the target's choice.
 *
 * Limit: that a node does not come to belong to itself is checked through DEPTH_MAX parents.
 */
#include "heap/arenas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 4096

void arenas__init(struct arenas *arenas, uint64_t seed)
{
	*arenas = (struct arenas){0};
	index__init(&arenas->by_addr, seed);
}

void arenas__destroy(struct arenas *arenas)
{
	free(arenas->nodes);
	index__destroy(&arenas->by_addr);
}

int arenas__copy(const struct arenas *arenas, struct arenas *copy)
{
	struct arenas new = *arenas;

	if (index__copy(&arenas->by_addr, &new.by_addr))
		return -ENOMEM;
	new.nodes = malloc((arenas->cnt + 1) * sizeof(*new.nodes));
	if (!new.nodes) {
		index__destroy(&new.by_addr);
		return -ENOMEM;
	}
	if (arenas->cnt)
		memcpy(new.nodes, arenas->nodes, arenas->cnt * sizeof(*new.nodes));
	new.cap = arenas->cnt;
	*copy = new;
	return 0;
}

uint32_t arenas__find(const struct arenas *arenas, uint64_t addr)
{
	return arenas->used_cnt ? index__find(&arenas->by_addr, addr) : 0;
}

struct arena_node *arenas__node(const struct arenas *arenas, uint32_t number)
{
	return &arenas->nodes[number];
}

/* ---- slots ---- */

static bool arenas__reserve(struct arenas *arenas)
{
	uint32_t cap = arenas->cap ? 2 * arenas->cap : 64;
	struct arena_node *nodes;

	if (arenas->spare || arenas->cnt < arenas->cap)
		return true;
	nodes = cap > arenas->cap ? reallocarray(arenas->nodes, cap, sizeof(*nodes)) : NULL;
	if (!nodes)
		return false;
	arenas->nodes = nodes;
	arenas->cap = cap;
	if (!arenas->cnt)
		nodes[arenas->cnt++] = (struct arena_node){0}; /* none */
	return true;
}

static uint32_t arenas__take_slot(struct arenas *arenas)
{
	uint32_t number = arenas->spare;

	if (!number)
		return arenas->cnt++;
	arenas->spare = arenas->nodes[number].next;
	return number;
}

uint32_t arenas__get(struct arenas *arenas, uint64_t addr, uint32_t site)
{
	uint32_t number = arenas__find(arenas, addr);

	if (number)
		return number;
	if (!arenas__reserve(arenas))
		return 0;
	number = arenas->spare ? arenas->spare : arenas->cnt;
	if (index__add(&arenas->by_addr, addr, number))
		return 0;
	number = arenas__take_slot(arenas);
	arenas->nodes[number] = (struct arena_node){.addr = addr, .site = site};
	arenas->used_cnt++;
	return number;
}

/* ---- bonds ---- */

static void arenas__unlink(struct arenas *arenas, uint32_t number)
{
	struct arena_node *nodes = arenas->nodes, *node = &nodes[number];

	if (node->prev)
		nodes[node->prev].next = node->next;
	else if (node->parent)
		nodes[node->parent].child = node->next;
	if (node->next)
		nodes[node->next].prev = node->prev;
	node->parent = node->prev = node->next = 0;
}

static bool arenas__is_below(const struct arenas *arenas, uint32_t number, uint32_t above)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (number == above)
			return true;
		if (!number)
			return false;
		number = arenas->nodes[number].parent;
	}
	return true;
}

bool arenas__own(struct arenas *arenas, uint32_t number, uint32_t parent)
{
	struct arena_node *nodes = arenas->nodes, *node = &nodes[number];
	uint32_t old = node->parent;

	arenas__unlink(arenas, number);
	if (old && old != parent)
		arenas__tidy(arenas, old);
	if (!parent)
		return true;
	if (node->child ? arenas__is_below(arenas, parent, number) : parent == number)
		return false;
	node->parent = parent;
	node->next = nodes[parent].child;
	if (node->next)
		nodes[node->next].prev = number;
	nodes[parent].child = number;
	return true;
}

void arenas__tidy(struct arenas *arenas, uint32_t number)
{
	const struct arena_node *node = &arenas->nodes[number];

	if (number && !node->child && !node->parent && !node->is_made)
		arenas__remove(arenas, number);
}

void arenas__release(struct arenas *arenas, uint32_t number)
{
	const struct arena_node *node = &arenas->nodes[number];
	uint32_t parent = node->parent;

	if (node->child || node->is_made)
		return;
	arenas__remove(arenas, number);
	arenas__tidy(arenas, parent);
}

void arenas__remove(struct arenas *arenas, uint32_t number)
{
	struct arena_node *node = &arenas->nodes[number];

	while (node->child)
		arenas__unlink(arenas, node->child);
	arenas__unlink(arenas, number);
	if (node->addr)
		index__remove(&arenas->by_addr, node->addr);
	*node = (struct arena_node){.next = arenas->spare};
	arenas->spare = number;
	arenas->used_cnt--;
}

uint64_t arenas__take_below(struct arenas *arenas, uint32_t number, uint32_t *cursor)
{
	struct arena_node *nodes = arenas->nodes;

	for (;;) {
		uint32_t leaf = *cursor;
		uint64_t addr;

		while (nodes[leaf].child)
			leaf = nodes[leaf].child;
		if (leaf == number)
			return 0;
		addr = nodes[leaf].addr;
		*cursor = nodes[leaf].parent;
		if (!addr) { /* a realloc has it */
			arenas__unlink(arenas, leaf);
			continue;
		}
		arenas__remove(arenas, leaf);
		return addr;
	}
}

/* ---- realloc ---- */

void arenas__lift(struct arenas *arenas, uint32_t number)
{
	struct arena_node *node = &arenas->nodes[number];

	index__remove(&arenas->by_addr, node->addr);
	node->addr = 0;
}

int arenas__land(struct arenas *arenas, uint32_t number, uint64_t addr)
{
	uint32_t other = arenas__find(arenas, addr);

	if (other)
		arenas__remove(arenas, other);
	if (index__add(&arenas->by_addr, addr, number)) {
		arenas__remove(arenas, number);
		return -ENOMEM;
	}
	arenas->nodes[number].addr = addr;
	return 0;
}

size_t arenas__memory(const struct arenas *arenas)
{
	return arenas->cap * sizeof(*arenas->nodes) + index__memory(&arenas->by_addr);
}
