/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What valgrind's massif writes, for ms_print and massif-visualizer: the head of the file, then a
 * snapshot for each summary, numbered from 0. (The format is documented by ms_print's reader only.)
 *
 *   snapshot=3  time=… (ms)  mem_heap_B=…  heap_tree=empty, detailed or peak
 *   n2: 1500 (heap allocation functions) …        a node: number of children, bytes, place
 *    n1: 1000 0x401136: parse (parse.c:9)
 *     n0: 1000 0x401209: main (main.c:20)
 *    n0: 500 in 3 places, all below massif's threshold (1.00%)
 *
 * A file is written as time goes on, and which summary will be the peak is not known: each that is
 * larger than all before it is called the peak, and readers take the last of them. The others have
 * no tree, but for the last summary of a process or of all.
 * Where several processes are told of together, the tree's first level are the processes.
 */
#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "report/call_tree.h"
#include "report/labels.h"
#include "report/output.h"
#include "report/sections.h"
#include "util/text.h"

#define SEPARATORS "#" /* begins a comment, anywhere in a line */
#define LINE "#-----------\n"

struct massif {
	struct output out;
	struct call_tree tree;
	uint64_t total; /* bytes of all */
};

/* ---- the tree ---- */

/* The text as the name of a function, without what ends a line's meaning. */
static char *name_of(const char *text)
{
	struct summary_frame named = {.function = text};

	return frame__label(&named, SEPARATORS);
}

static bool is_known(const char *text)
{
	return text && *text;
}

/* "parse.c:9", "in /usr/lib/libz.so.1" */
static char *source_or_module(const struct summary_frame *frame)
{
	char *raw, *name;
	int ret;

	if (is_known(frame->file) && frame->line)
		ret = asprintf(&raw, "%s:%u", path__name(frame->file), frame->line);
	else
		ret = asprintf(&raw, "in %s", is_known(frame->module) ? frame->module : "???");
	if (ret < 0)
		return NULL;
	name = name_of(raw);
	free(raw);
	return name;
}

/* "0x401136: parse (parse.c:9)", "0x7f…: ??? (in /usr/lib/libz.so.1)"; NULL without memory */
static char *place(const struct summary_frame *frame)
{
	char *function = name_of(is_known(frame->function) ? frame->function : "???");
	char *where = source_or_module(frame), *label = NULL;

	if (!function || !where ||
		asprintf(&label, "0x%" PRIx64 ": %s (%s)", frame->address, function, where) < 0)
		label = NULL;
	free(function);
	free(where);
	return label;
}

/* The allocator's own frames are the tree's root. */
static size_t first_caller(const struct summary_stack *stack)
{
	static const char operator_new[] = "operator new";
	size_t at = 1;

	while (at < stack->frame_cnt && stack->frames[at].function &&
		!strncmp(stack->frames[at].function, operator_new, strlen(operator_new)))
		at++;
	return at;
}

static char *process_place(const struct summary_process *process)
{
	char *name = process__label(process, SEPARATORS), *label;
	int ret = name ? asprintf(&label, "0x0: %s (in a process)", name) : -1;

	free(name);
	return ret < 0 ? NULL : label;
}

static void add_stack(struct call_tree *tree, const struct summary_process *process,
	const struct summary_stack *stack, bool by_process)
{
	struct call_path *path =
		call_tree__add(tree, stack->outstanding_bytes, stack->frame_cnt + 1);

	if (!path)
		return;
	if (by_process)
		call_tree__append(tree, path, process_place(process));
	for (size_t i = first_caller(stack); !tree->failed && i < stack->frame_cnt; i++)
		call_tree__append(tree, path, place(&stack->frames[i]));
}

static void fill_tree(struct call_tree *tree, const struct summary *summary)
{
	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		for (size_t at = 0; !tree->failed && at < process->stack_cnt; at++)
			if (process->stacks[at].outstanding_bytes)
				add_stack(tree, process, &process->stacks[at],
					summary->process_cnt > 1);
	}
	call_tree__sort(tree);
}

/* massif's threshold: a hundredth of all */
static size_t significant_cnt(
	const struct massif *massif, const struct call_node *nodes, size_t cnt)
{
	size_t significant = 0;

	while (significant < cnt &&
		(unsigned __int128)nodes[significant].bytes * 100 >= massif->total)
		significant++;
	return significant;
}

static void put_children(
	struct massif *massif, const struct call_node *node, size_t depth, const char *label);

static void put_child(struct massif *massif, const struct call_node *child, size_t depth)
{
	const struct call_path *path = &massif->tree.paths[child->begin];
	size_t sz;
	const char *label = intern__get(&massif->tree.labels, path->labels[depth], &sz);
	char *copy = strndup(label, sz);

	if (copy)
		put_children(massif, child, depth + 1, copy);
	else
		massif->tree.failed = true;
	free(copy);
}

/* A node with its label, and its children below it. Stacks are as deep as STACK_FRAMES_MAX and what
 * was inlined. */
static void put_children(
	struct massif *massif, const struct call_node *node, size_t depth, const char *label)
{
	size_t cnt, shown;
	struct call_node *children = call_tree__children(&massif->tree, node, depth, &cnt);
	uint64_t rest = 0;

	shown = significant_cnt(massif, children, cnt);
	output__printf(&massif->out, "%*sn%zu: %" PRIu64 " %s\n", (int)depth, "",
		shown + (shown < cnt), node->bytes, label);
	for (size_t i = 0; i < shown && !massif->out.err; i++)
		put_child(massif, &children[i], depth);
	for (size_t i = shown; i < cnt; i++)
		rest += children[i].bytes;
	if (shown < cnt)
		output__printf(&massif->out,
			"%*sn0: %" PRIu64 " in %zu place%s below massif's threshold (1.00%%)\n",
			(int)depth + 1, "", rest, cnt - shown, cnt - shown > 1 ? "s, all" : ",");
	free(children);
}

static void put_tree(struct massif *massif, const struct summary *summary)
{
	struct call_node root = {.bytes = massif->total};

	fill_tree(&massif->tree, summary);
	root.end = massif->tree.path_cnt;
	put_children(massif, &root, 0,
		"(heap allocation functions) malloc/new/new[], --alloc-fns, etc.");
	if (massif->tree.failed && !massif->out.err)
		massif->out.err = -ENOMEM;
	call_tree__destroy(&massif->tree);
}

/* ---- the file ---- */

static void put_head(struct output *out, const struct summary *summary)
{
	const char *exe = summary->process_cnt == 1 ? summary->processes->info.exe : NULL;
	char *cmd = name_of(exe ? exe : summary->process_cnt == 1 ? "?" : "(several processes)");
	char words[64];

	output__printf(out, "desc: heaptap%s%s\ncmd: %s\ntime_unit: ms\n", summary->sample_bytes ? ", " : "",
		summary->sample_bytes ? words__sampling(words, sizeof(words), summary) : "",
		cmd ? cmd : "?");
	free(cmd);
}

static const char *tree_kind(const struct summary *summary, const struct render_options *options)
{
	if (!options->past_cnt || summary__outstanding_bytes(summary) > options->past_bytes)
		return "peak";
	return summary->kind == SUMMARY_PERIODIC ? "empty" : "detailed";
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct massif massif = {
		.out = {.file = file}, .total = summary__outstanding_bytes(summary)};
	const char *kind = tree_kind(summary, options);
	double ms = summary->uptime_s * 1e3;

	if (!options->past_cnt)
		put_head(&massif.out, summary);
	output__printf(&massif.out, LINE "snapshot=%zu\n" LINE, options->past_cnt);
	output__printf(&massif.out, "time=%" PRIu64 "\nmem_heap_B=%" PRIu64 "\n",
		ms >= 0 && ms < 1e18 ? (uint64_t)ms : 0, massif.total);
	output__printf(&massif.out, "mem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=%s\n", kind);
	if (strcmp(kind, "empty"))
		put_tree(&massif, summary);
	return output__finish(&massif.out);
}

const struct renderer massif_renderer = {.name = "massif", .render = render};
