/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One file that a browser opens from disk: the viewer (user/report/html/), and behind it a block of
 * JSON for each summary, whose shape the viewer's head describes. HTML may end anywhere, so a file
 * that is still being written, or was cut off, shows what it has.
 *
 * Strings, frames and call paths are numbered, each written once: 20,000 stacks take some MB. What
 * comes before the last summary is there for the curves, and brings only its largest stacks.
 *
 * What a target chose (names, paths) must not end the block: '<' is written as \u003c, so neither a
 * closing tag nor a comment can stand in it (HTML, 4.12.1.3).
 */
#include "report/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "report/html_assets.h"
#include "report/json_fields.h"
#include "report/labels.h"
#include "util/intern.h"
#include "util/text.h"

#define STACKS_OF_PERIODIC 100 /* of a process */

struct html_frame { /* as written: numbers of strings, -1: unknown */
	int32_t function, module, file;
	uint32_t line, inlined;
};

struct html_node {
	int32_t parent;
	uint32_t frame;
};

struct html {
	struct output out;
	struct intern strings, frames, nodes;
};

/* ---- the page around ---- */

/* Writes the page up to a mark; what stands behind it. */
static const char *put_until(struct output *out, const char *page, const char *mark)
{
	const char *end = strstr(page, mark);

	output__write(out, page, end - page);
	return end + strlen(mark);
}

static void put_page(struct output *out)
{
	const char *rest = put_until(out, html_page, "%STYLE%");

	output__puts(out, html_style);
	rest = put_until(out, rest, "%SCRIPT%");
	output__puts(out, html_viewer);
	output__puts(out, rest);
}

/* ---- numbering ---- */

static int32_t string_number(struct html *html, const char *text)
{
	return text ? (int32_t)intern__add(&html->strings, text, strlen(text)) : -1;
}

static uint32_t frame_number(struct html *html, const struct summary_frame *frame)
{
	struct html_frame key = {
		.function = string_number(html, frame->function),
		.module = string_number(html, frame->module),
		.file = string_number(html, frame->file),
		.line = frame->line,
		.inlined = frame->inlined,
	};

	return intern__add(&html->frames, &key, sizeof(key));
}

/* The node of a stack's innermost frame; a stack without frames has one of its own. */
static uint32_t path_number(struct html *html, const struct summary_stack *stack)
{
	struct summary_frame lost = {.function = "[the call stack was lost]"};
	struct html_node node = {.parent = -1};

	if (!stack->frame_cnt) {
		node.frame = frame_number(html, &lost);
		return intern__add(&html->nodes, &node, sizeof(node));
	}
	for (size_t i = stack->frame_cnt; i > 0; i--) {
		node.frame = frame_number(html, &stack->frames[i - 1]);
		node.parent = intern__add(&html->nodes, &node, sizeof(node));
	}
	return node.parent;
}

/* What a flame graph and a table can be of. */
enum { LIST_STACKS, LIST_MAPPED, LIST_ARENAS, LIST_CNT };

struct stack_list {
	const char *key;
	const struct summary_stack *stacks;
	size_t cnt;
};

static size_t shown_cnt(const struct summary *summary, size_t cnt)
{
	bool is_last = summary->kind == SUMMARY_EXIT || summary->kind == SUMMARY_FINAL;

	return is_last || cnt < STACKS_OF_PERIODIC ? cnt : STACKS_OF_PERIODIC;
}

static void get_lists(const struct summary *summary, const struct summary_process *process,
	struct stack_list lists[LIST_CNT])
{
	const struct summary_mapped *mapped = &process->mapped;
	const struct summary_arenas *arenas = &process->arenas;

	lists[LIST_STACKS] = (struct stack_list){"stacks", process->stacks, process->stack_cnt};
	lists[LIST_MAPPED] = (struct stack_list){"mapped", mapped->stacks, mapped->stack_cnt};
	lists[LIST_ARENAS] = (struct stack_list){"arenas", arenas->stacks, arenas->stack_cnt};
	for (size_t i = 0; i < LIST_CNT; i++)
		lists[i].cnt = shown_cnt(summary, lists[i].cnt);
}

static void number_sections(struct html *html, const struct summary_process *process)
{
	for (size_t i = 0; i < process->section_cnt; i++)
		for (size_t at = 0; at < process->sections[i].stack_cnt; at++)
			path_number(html, &process->sections[i].stacks[at]);
}

static void number_process(
	struct html *html, const struct summary *summary, const struct summary_process *process)
{
	struct stack_list lists[LIST_CNT];

	get_lists(summary, process, lists);
	for (size_t i = 0; i < LIST_CNT; i++)
		for (size_t at = 0; at < lists[i].cnt; at++)
			path_number(html, &lists[i].stacks[at]);
	number_sections(html, process);
	for (size_t i = 0; i < process->finding_cnt; i++)
		for (size_t at = 0; at < FINDING_STACK_CNT; at++)
			if (process->findings[i].has_stack[at])
				path_number(html, &process->findings[i].stacks[at]);
}

/* All get their numbers before anything is written; asked for again, they have the same. */
static int number_all(struct html *html, const struct summary *summary)
{
	for (size_t i = 0; i < summary->process_cnt; i++)
		number_process(html, summary, &summary->processes[i]);
	return html->strings.failed || html->frames.failed || html->nodes.failed ? -ENOMEM : 0;
}

/* ---- the block ---- */

/* As JSON, without what could end the script. */
static void put_json_text(struct output *out, struct json_object *text)
{
	const char *at = text ? json_object_to_json_string_ext(text, JSON_C_TO_STRING_PLAIN) : NULL;

	if (!at) {
		out->err = out->err ? out->err : -ENOMEM;
		return;
	}
	for (size_t sz; *at; at += sz) {
		sz = strcspn(at, "<");
		output__write(out, at, sz);
		if (at[sz] == '<') {
			output__puts(out, "\\u003c");
			sz++;
		}
	}
}

static void put_string(struct output *out, const char *bytes, size_t sz)
{
	char *text = strndup(bytes, sz), *valid = text ? text__utf8(text) : NULL;
	struct json_object *json = valid ? json_object_new_string(valid) : NULL;

	put_json_text(out, json);
	json_object_put(json);
	free(valid);
	free(text);
}

static void put_strings(struct html *html)
{
	output__puts(&html->out, "\"strings\":[");
	for (uint32_t i = 0; i < html->strings.entry_cnt; i++) {
		size_t sz;
		const char *bytes = intern__get(&html->strings, i, &sz);

		output__puts(&html->out, i ? "," : "");
		put_string(&html->out, bytes, sz);
	}
	output__puts(&html->out, "],\n");
}

static void put_frames(struct html *html)
{
	output__puts(&html->out, "\"frames\":[");
	for (uint32_t i = 0; i < html->frames.entry_cnt; i++) {
		struct html_frame frame;
		size_t sz;

		memcpy(&frame, intern__get(&html->frames, i, &sz), sizeof(frame));
		output__printf(&html->out, "%s[%d,%d,%d,%u,%u]", i ? "," : "", frame.function,
			frame.module, frame.file, frame.line, frame.inlined);
	}
	output__puts(&html->out, "],\n");
}

static void put_nodes(struct html *html)
{
	output__puts(&html->out, "\"nodes\":[");
	for (uint32_t i = 0; i < html->nodes.entry_cnt; i++) {
		struct html_node node;
		size_t sz;

		memcpy(&node, intern__get(&html->nodes, i, &sz), sizeof(node));
		output__printf(&html->out, "%s[%d,%u]", i ? "," : "", node.parent, node.frame);
	}
	output__puts(&html->out, "],\n");
}

static void put_stack(struct output *out, const struct summary_stack *stack, uint32_t node)
{
	output__printf(out,
		"[%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%.1f,%.1f,%d]",
		node, stack->outstanding_bytes, stack->outstanding_blocks, stack->allocs,
		stack->bytes_allocated, stack->growth_bytes, stack->oldest_age_s,
		stack->newest_age_s, stack->complete);
}

static void put_list(struct html *html, const struct stack_list *list)
{
	output__printf(&html->out, ",\"%s\":[", list->key);
	for (size_t i = 0; i < list->cnt; i++) {
		output__puts(&html->out, i ? "," : "");
		put_stack(&html->out, &list->stacks[i], path_number(html, &list->stacks[i]));
	}
	output__puts(&html->out, "]");
}

static void put_finding(struct html *html, const struct summary_finding *finding)
{
	const char *separator = "";

	output__printf(&html->out,
		"{\"kind\":\"%s\",\"count\":%" PRIu64 ",\"address\":\"0x%" PRIx64
		"\",\"size\":%" PRIu64 ",\"stacks\":[",
		finding_titles[finding->kind], finding->count, finding->address, finding->size);
	for (size_t i = 0; i < FINDING_STACK_CNT; i++) {
		if (!finding->has_stack[i])
			continue;
		output__printf(&html->out, "%s[\"%s\",%u]", separator, finding_stack_titles[i],
			path_number(html, &finding->stacks[i]));
		separator = ",";
	}
	output__puts(&html->out, "]}");
}

/* A row for each quantity: [what, whether it is bytes, of all calls, the most of one]. */
static void put_quantities(struct html *html, const struct section_totals *totals)
{
	output__puts(&html->out, ",\"quantities\":[");
	for (int i = 0; i < SECTION_QUANTITY_CNT; i++)
		output__printf(&html->out, "%s[\"%s\",%d,%" PRIu64 ",%" PRIu64 "]", i ? "," : "",
			section_quantities[i].text, section_quantities[i].is_bytes, totals->sums[i],
			totals->most[i]);
	output__puts(&html->out, "]");
}

static void put_section(struct html *html, const struct summary_section *section)
{
	struct stack_list left = {"stacks", section->stacks, section->stack_cnt};
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "function", section->function);
	fields__add_count(&fields, "calls", section->totals.calls);
	fields__add_count(&fields, "calls_left", section->totals.left);
	fields__add_count(&fields, "calls_under_way", section->totals.under_way);
	fields__add_count(&fields, "threads", section->totals.thread_cnt);
	fields__add_bool(&fields, "complete", section->complete);
	output__puts(&html->out, "{\"about\":");
	put_json_text(&html->out, fields.failed ? NULL : fields.object);
	fields__end(&fields);
	put_quantities(html, &section->totals);
	put_list(html, &left);
	output__puts(&html->out, "}");
}

static void put_sections(struct html *html, const struct summary_process *process)
{
	output__puts(&html->out, ",\"sections\":[");
	for (size_t i = 0; i < process->section_cnt; i++) {
		output__puts(&html->out, i ? "," : "");
		put_section(html, &process->sections[i]);
	}
	output__puts(&html->out, "]");
}

static void put_findings(struct html *html, const struct summary_process *process)
{
	output__puts(&html->out, ",\"findings\":[");
	for (size_t i = 0; i < process->finding_cnt; i++) {
		output__puts(&html->out, i ? "," : "");
		put_finding(html, &process->findings[i]);
	}
	output__puts(&html->out, "]");
}

static void put_about(struct html *html, const struct summary_process *process)
{
	char comm[COMM_SIZE];
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "pid", process->info.tgid);
	fields__add_count(&fields, "image", process->info.image);
	fields__add_text(&fields, "comm", process__comm(&process->info, comm));
	fields__add_text(&fields, "exe", process->info.exe);
	fields__add_bool(&fields, "complete", process->complete);
	fields__add_count(&fields, "outstanding_bytes", process->totals.outstanding_bytes);
	fields__add_count(&fields, "outstanding_blocks", process->totals.outstanding_blocks);
	put_json_text(&html->out, fields.failed ? NULL : fields.object);
	fields__end(&fields);
}

static void put_process(
	struct html *html, const struct summary *summary, const struct summary_process *process)
{
	struct stack_list lists[LIST_CNT];

	get_lists(summary, process, lists);
	output__puts(&html->out, "{\"about\":");
	put_about(html, process);
	for (size_t i = 0; i < LIST_CNT; i++)
		put_list(html, &lists[i]);
	put_sections(html, process);
	put_findings(html, process);
	output__puts(&html->out, "}");
}

static void put_head(struct html *html, const struct summary *summary)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_text(&fields, "host", summary->host);
	fields__add_text(&fields, "kernel", summary->kernel);
	fields__add_seconds(&fields, "time", summary->time.tv_sec);
	fields__add_seconds(&fields, "uptime", summary->uptime_s);
	fields__add_count(&fields, "sample_bytes", summary->sample_bytes);
	output__puts(&html->out, "\"about\":");
	put_json_text(&html->out, fields.failed ? NULL : fields.object);
	fields__end(&fields);
	output__puts(&html->out, ",\n");
}

static void put_block(struct html *html, const struct summary *summary)
{
	output__puts(&html->out, "<script type=\"application/json\">{");
	put_head(html, summary);
	put_strings(html);
	put_frames(html);
	put_nodes(html);
	output__puts(&html->out, "\"processes\":[");
	for (size_t i = 0; !html->out.err && i < summary->process_cnt; i++) {
		output__puts(&html->out, i ? ",\n" : "");
		put_process(html, summary, &summary->processes[i]);
	}
	output__puts(&html->out, "]}</script>\n");
}

static void html__destroy(struct html *html)
{
	intern__destroy(&html->strings);
	intern__destroy(&html->frames);
	intern__destroy(&html->nodes);
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct html html = {.out = {.file = file}};

	if (!options->past_cnt)
		put_page(&html.out);
	html.out.err = html.out.err ? html.out.err : number_all(&html, summary);
	if (!html.out.err)
		put_block(&html, summary);
	html__destroy(&html);
	return output__finish(&html.out);
}

const struct renderer html_renderer = {.name = "html", .render = render, .kind = RENDER_STREAM};
