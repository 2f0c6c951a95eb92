/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * talloc's trees: children of all kinds, that grow, move, and go with their parents. What is there
 * in the end talloc says itself:
 *
 *   TALLOC blocks=N bytes=N    talloc_total_blocks() and talloc_total_size() of the root
 *
 * With an argument it first makes a tree, says READY, waits for a line, and lets that tree grow and
 * go.
 */
#include <stdio.h>
#include <string.h>
#include <talloc.h>
#include "expect.h"

struct node {
	struct node *next;
	char text[100];
};

static void *destroyed_by_destructor;
static void *freed_by_destructor;

static int free_others(struct node *node)
{
	(void)node;
	talloc_free(destroyed_by_destructor);
	free(freed_by_destructor);
	return 0;
}

static NOINLINE void *grow_tree(void *parent, int depth)
{
	struct node *node = talloc_zero(parent, struct node);

	for (int i = 0; i < 3; i++)
		talloc_strdup(node, "a child");
	talloc_array(node, int, 33);
	talloc_memdup(node, "0123456789", 10);
	talloc_asprintf(node, "depth %d", depth);
	if (depth)
		grow_tree(node, depth - 1);
	return node;
}

static NOINLINE void grow_and_move(void *root)
{
	char *block = talloc_size(root, 10), *other_parent = talloc_size(root, 1), *moved;

	talloc_size(block, 77); /* children stay with what is moved in memory */
	for (int sz = 20; sz < 200000; sz *= 3)
		block = talloc_realloc_size(root, block, sz);
	talloc_steal(other_parent, block);
	moved = talloc_move(root, &block);
	require(talloc_parent(moved) == root && !block, "talloc_move");
	talloc_free(other_parent); /* no longer the parent of anything */
	block = talloc_size(moved, 500);
	block = talloc_realloc_size(moved, block, 0); /* frees */
	require(!block, "realloc to nothing");
}

static NOINLINE void free_trees(void *root)
{
	void *tree = grow_tree(root, 20), *emptied = grow_tree(root, 5);
	struct node *node;

	destroyed_by_destructor = grow_tree(root, 2);
	freed_by_destructor = malloc(4321);
	node = talloc_zero(root, struct node);
	talloc_set_destructor(node, free_others);
	talloc_free(tree);
	talloc_free_children(emptied);
	talloc_free(node);
	talloc_unlink(root, grow_tree(root, 1));
}

static NOINLINE void tree_from_before(void)
{
	void *tree = talloc_new(NULL), *branch = grow_tree(tree, 6);
	char line[16];

	say("READY");
	require(read(STDIN_FILENO, line, sizeof(line)) > 0, "no line");
	grow_tree(branch, 2);
	talloc_steal(grow_tree(tree, 1), branch);
	talloc_free(tree);
}

int main(int argc, char **argv)
{
	void *root = talloc_new(NULL), *list = root, *other = talloc_new(NULL);

	(void)argv;
	if (argc > 1) {
		talloc_free(root);
		talloc_free(other);
		tree_from_before();
		list = root = talloc_new(NULL);
		other = talloc_new(NULL);
	}
	grow_tree(root, 4);
	grow_and_move(root);
	free_trees(root);
	for (int i = 0; i < 1000; i++) /* a list, in which each element is the parent of the next */
		list = talloc_size(list, 8);
	grow_tree(other, 3);
	talloc_free(other);
	printf("TALLOC blocks=%zu bytes=%zu\n", talloc_total_blocks(root), talloc_total_size(root));
	fflush(stdout);
	_exit(0);
}
