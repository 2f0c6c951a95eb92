/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stacks of a summary seen from the allocator: paths of labels, sorted, so that a node of the
 * tree is a range of them that begin alike. Its children are found by walking that range.
 *
 *   main.c:5   parse.c:9                      depth 0: {main.c:5}, {read.c:7}
 *   main.c:5   parse.c:12   start.c:1         depth 1 of the first: {parse.c:9}, {parse.c:12}
 *   read.c:7
 */
#ifndef HEAPTAP_REPORT_CALL_TREE_H
#define HEAPTAP_REPORT_CALL_TREE_H

#include <stdbool.h>
#include "util/intern.h"

struct call_path {
	uint32_t *labels; /* numbers in call_tree.labels */
	size_t label_cnt;
	uint64_t bytes;
};

struct call_tree { /* all zeros: an empty one */
	struct call_path *paths;
	size_t path_cnt, path_cap;
	struct intern labels;
	bool failed; /* memory was lacking; to be asked at the end */
};

/* Paths that agree in their first labels. */
struct call_node {
	size_t begin, end;
	uint64_t bytes;
};

void call_tree__destroy(struct call_tree *tree);
/* A new path, without labels. NULL without memory. */
struct call_path *call_tree__add(struct call_tree *tree, uint64_t bytes, size_t labels_max);
/* One more label, outwards; NULL is lack of memory. At most labels_max of them. Takes the label. */
void call_tree__append(struct call_tree *tree, struct call_path *path, char *label);
/* Once all paths are there, before call_tree__children. */
void call_tree__sort(struct call_tree *tree);
/* The children at `depth` of a node, the largest first: free(). NULL if there are none (or no
 * memory, noted in `failed`). */
struct call_node *call_tree__children(
	struct call_tree *tree, const struct call_node *node, size_t depth, size_t *ret_cnt);

#endif
