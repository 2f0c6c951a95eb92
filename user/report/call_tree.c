/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths are compared by the numbers of their labels. */
#include "report/call_tree.h"

#include <stdlib.h>
#include <string.h>
#include "util/array.h"

void call_tree__destroy(struct call_tree *tree)
{
	for (size_t i = 0; i < tree->path_cnt; i++)
		free(tree->paths[i].labels);
	free(tree->paths);
	intern__destroy(&tree->labels);
	*tree = (struct call_tree){0};
}

struct call_path *call_tree__add(struct call_tree *tree, uint64_t bytes, size_t labels_max)
{
	struct call_path *path =
		array__with_room(tree->paths, tree->path_cnt, 1, &tree->path_cap, sizeof(*path));

	tree->failed |= !path;
	if (!path)
		return NULL;
	tree->paths = path;
	path = &tree->paths[tree->path_cnt];
	*path = (struct call_path){
		.bytes = bytes, .labels = calloc(labels_max + 1, sizeof(*path->labels))};
	tree->failed |= !path->labels;
	tree->path_cnt += !!path->labels;
	return path->labels ? path : NULL;
}

void call_tree__append(struct call_tree *tree, struct call_path *path, char *label)
{
	tree->failed |= !label;
	if (label)
		path->labels[path->label_cnt++] = intern__add(&tree->labels, label, strlen(label));
	tree->failed |= tree->labels.failed;
	free(label);
}

static int compare_paths(const void *a, const void *b)
{
	const struct call_path *x = a, *y = b;

	for (size_t i = 0; i < x->label_cnt && i < y->label_cnt; i++)
		if (x->labels[i] != y->labels[i])
			return x->labels[i] < y->labels[i] ? -1 : 1;
	return x->label_cnt < y->label_cnt ? -1 : x->label_cnt > y->label_cnt;
}

void call_tree__sort(struct call_tree *tree)
{
	if (tree->path_cnt)
		qsort(tree->paths, tree->path_cnt, sizeof(*tree->paths), compare_paths);
}

static int larger_first(const void *a, const void *b)
{
	const struct call_node *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* The path's label at `depth` is the same as the one's before it. */
static bool continues(const struct call_tree *tree, size_t at, size_t depth)
{
	return tree->paths[at].labels[depth] == tree->paths[at - 1].labels[depth];
}

struct call_node *call_tree__children(
	struct call_tree *tree, const struct call_node *node, size_t depth, size_t *ret_cnt)
{
	size_t begin = node->begin, cnt = 0;
	struct call_node *children;

	*ret_cnt = 0;
	while (begin < node->end && tree->paths[begin].label_cnt <= depth)
		begin++; /* they end here, and are the first in their order */
	for (size_t i = begin; i < node->end; i++)
		cnt += i == begin || !continues(tree, i, depth);
	if (!cnt)
		return NULL;
	children = calloc(cnt, sizeof(*children));
	tree->failed |= !children;
	if (!children)
		return NULL;
	for (size_t i = begin; i < node->end; i++) {
		if (i == begin || !continues(tree, i, depth))
			children[(*ret_cnt)++] = (struct call_node){.begin = i};
		children[*ret_cnt - 1].end = i + 1;
		children[*ret_cnt - 1].bytes += tree->paths[i].bytes;
	}
	qsort(children, cnt, sizeof(*children), larger_first);
	return children;
}
