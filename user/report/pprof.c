/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A heap profile for pprof: github.com/google/pprof, proto/profile.proto, gzipped. Everything is
 * told once and known by its number:
 *
 *   sample {locations, leaf first; values; labels} ──► location {mapping, address, lines} ──►
 *   line {function, line} ──► function {name, file} ──► string
 *
 * Addresses are those of the file's own address space, so a location is the same in every process:
 * a mapping that begins and ends at 0 says so to pprof (elfexec.GetBase). A return address is told
 * minus one, which lies in the call. The allocator's own frames are dropped by the reader
 * (drop_frames), as Go's heap profiles have it: "flat" is then what a function asked for itself.
 * Which process a sample is of, its labels tell: comm and pid (pprof -tagfocus, -tagroot).
 */
#include "report/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/gzip.h"
#include "report/labels.h"
#include "report/output.h"
#include "report/pprof_fields.h"
#include "report/sections.h"
#include "util/intern.h"
#include "util/protobuf.h"
#include "util/text.h"

struct profile {
	struct intern strings, mappings, functions, locations;
	struct protobuf message;		      /* all of it but these tables */
	struct protobuf entry, line, sample, numbers; /* in the making */
	struct intern leaves;			      /* numbers of allocator functions' names */
};

/* ---- tables ---- */

/* A string's number. It is made harmless when the table is written (pprof prints it as it is): once,
 * where it comes a million times. */
static uint64_t string(struct profile *profile, const char *text)
{
	return intern__add(&profile->strings, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* The number of the entry in the making in its table, from 1. */
static uint64_t entry_id(struct profile *profile, struct intern *table)
{
	table->failed |= profile->entry.failed;
	return intern__add(table, profile->entry.bytes, profile->entry.sz) + 1;
}

static uint64_t mapping_id(struct profile *profile, const struct summary_frame *frame)
{
	struct protobuf *entry = &profile->entry;

	if (!frame->module)
		return 0;
	protobuf__clear(entry);
	protobuf__put_number(entry, MAPPING_FILENAME, string(profile, frame->module));
	protobuf__put_number(entry, MAPPING_BUILD_ID, string(profile, frame->build_id));
	for (int has = MAPPING_HAS_FUNCTIONS; has <= MAPPING_HAS_INLINE_FRAMES; has++)
		protobuf__put_number(entry, has, true);
	return entry_id(profile, &profile->mappings);
}

static uint64_t function_id(struct profile *profile, const char *name, const char *file)
{
	struct protobuf *entry = &profile->entry;

	protobuf__clear(entry);
	protobuf__put_number(entry, FUNCTION_NAME, string(profile, name));
	protobuf__put_number(entry, FUNCTION_SYSTEM_NAME, string(profile, name));
	protobuf__put_number(entry, FUNCTION_FILENAME, string(profile, file));
	return entry_id(profile, &profile->functions);
}

/* A place that stands for frames which are not known. */
static uint64_t placeholder_id(struct profile *profile, const char *name)
{
	uint64_t function = function_id(profile, name, NULL);

	protobuf__clear(&profile->line);
	protobuf__put_number(&profile->line, LINE_FUNCTION_ID, function);
	protobuf__clear(&profile->entry);
	protobuf__put_message(&profile->entry, LOCATION_LINE, &profile->line);
	return entry_id(profile, &profile->locations);
}

/* The lines of the functions that were inlined at one address, the innermost first, into `lines`.
 * Their last frame is the one that they were inlined into. */
static void put_lines(struct profile *profile, const struct summary_frame *frames, size_t cnt,
	struct protobuf *lines)
{
	for (size_t i = 0; i < cnt; i++) {
		const struct summary_frame *frame = &frames[i];
		uint64_t function;

		if (!frame->function || !*frame->function)
			continue;
		function = function_id(profile, frame->function, frame->file);
		protobuf__clear(&profile->line);
		protobuf__put_number(&profile->line, LINE_FUNCTION_ID, function);
		protobuf__put_number(&profile->line, LINE_LINE, frame->line);
		protobuf__put_number(&profile->line, LINE_COLUMN, frame->column);
		protobuf__put_message(lines, LOCATION_LINE, &profile->line);
	}
}

static uint64_t location_id(struct profile *profile, const struct summary_frame *frames, size_t cnt,
	bool is_return_address)
{
	uint64_t address = frames->module_offset ? frames->module_offset : frames->address;
	uint64_t mapping = mapping_id(profile, frames);
	struct protobuf lines = {0};
	uint64_t id;

	put_lines(profile, frames, cnt, &lines);
	protobuf__clear(&profile->entry);
	protobuf__put_number(&profile->entry, LOCATION_MAPPING_ID, mapping);
	protobuf__put_number(
		&profile->entry, LOCATION_ADDRESS, address - (is_return_address && address));
	protobuf__append(&profile->entry, &lines);
	id = entry_id(profile, &profile->locations);
	protobuf__destroy(&lines);
	return id;
}

/* ---- samples ---- */

static size_t inlined_cnt(const struct summary_stack *stack, size_t at)
{
	size_t end = at;

	while (end + 1 < stack->frame_cnt && stack->frames[end].inlined)
		end++;
	return end + 1 - at;
}

static void append_location(struct profile *profile, uint64_t id)
{
	protobuf__append_number(&profile->numbers, id);
}

static void put_locations(struct profile *profile, const struct summary_stack *stack)
{
	size_t cnt;

	protobuf__clear(&profile->numbers);
	for (size_t i = 0; i < stack->frame_cnt; i += cnt) {
		cnt = inlined_cnt(stack, i);
		append_location(profile, location_id(profile, &stack->frames[i], cnt, i > 0));
	}
	if (!stack->frame_cnt)
		append_location(profile, placeholder_id(profile, LABEL_NO_FRAMES));
	else if (!stack->complete)
		append_location(profile, placeholder_id(profile, LABEL_INCOMPLETE));
	protobuf__put_message(&profile->sample, SAMPLE_LOCATION_ID, &profile->numbers);
}

/* In the order of sample_types. They are signed. */
static void put_values(struct profile *profile, const struct summary_stack *stack)
{
	const uint64_t values[] = {stack->allocs, stack->bytes_allocated, stack->outstanding_blocks,
		stack->outstanding_bytes};

	protobuf__clear(&profile->numbers);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		protobuf__append_number(
			&profile->numbers, values[i] < INT64_MAX ? values[i] : INT64_MAX);
	protobuf__put_message(&profile->sample, SAMPLE_VALUE, &profile->numbers);
}

static void put_label(struct profile *profile, const char *key, uint32_t field, uint64_t value)
{
	protobuf__clear(&profile->line);
	protobuf__put_number(&profile->line, LABEL_KEY, string(profile, key));
	protobuf__put_number(&profile->line, field, value);
	protobuf__put_message(&profile->sample, SAMPLE_LABEL, &profile->line);
}

static void put_labels(struct profile *profile, const struct process_info *info)
{
	char comm[COMM_SIZE];

	put_label(profile, "comm", LABEL_STR, string(profile, process__comm(info, comm)));
	put_label(profile, "pid", LABEL_NUM, info->tgid);
}

static void note_leaf(struct profile *profile, const struct summary_stack *stack)
{
	uint32_t name;

	if (!stack->frame_cnt || !stack->frames->function)
		return;
	name = string(profile, stack->frames->function);
	intern__add(&profile->leaves, &name, sizeof(name));
}

static void put_sample(
	struct profile *profile, const struct process_info *info, const struct summary_stack *stack)
{
	protobuf__clear(&profile->sample);
	put_locations(profile, stack);
	put_values(profile, stack);
	put_labels(profile, info);
	protobuf__put_message(&profile->message, PROFILE_SAMPLE, &profile->sample);
	note_leaf(profile, stack);
}

/* ---- the head ---- */

static void put_value_type(
	struct profile *profile, uint32_t field, const char *type, const char *unit)
{
	protobuf__clear(&profile->line);
	protobuf__put_number(&profile->line, VALUE_TYPE_TYPE, string(profile, type));
	protobuf__put_number(&profile->line, VALUE_TYPE_UNIT, string(profile, unit));
	protobuf__put_message(&profile->message, field, &profile->line);
}

static void put_sample_types(struct profile *profile)
{
	static const char *const types[][2] = {{"alloc_objects", "count"}, {"alloc_space", "bytes"},
		{"inuse_objects", "count"}, {"inuse_space", "bytes"}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		put_value_type(profile, PROFILE_SAMPLE_TYPE, types[i][0], types[i][1]);
	put_value_type(profile, PROFILE_PERIOD_TYPE, "space", "bytes");
	protobuf__put_number(&profile->message, PROFILE_PERIOD, 1);
	protobuf__put_number(
		&profile->message, PROFILE_DEFAULT_SAMPLE_TYPE, string(profile, "inuse_space"));
}

/* pprof takes the first mapping for the program itself. */
static void put_program_first(struct profile *profile, const struct summary_process *process)
{
	for (size_t i = 0; process->info.exe && i < process->stack_cnt; i++) {
		const struct summary_stack *stack = &process->stacks[i];

		for (size_t at = 0; at < stack->frame_cnt; at++) {
			const struct summary_frame *frame = &stack->frames[at];

			if (!frame->module || strcmp(frame->module, process->info.exe))
				continue;
			mapping_id(profile, frame);
			return;
		}
	}
}

/* "pprof -comments" prints it. */
static void put_comment(struct profile *profile, const char *text)
{
	protobuf__clear(&profile->numbers);
	protobuf__append_number(&profile->numbers, string(profile, text));
	protobuf__put_message(&profile->message, PROFILE_COMMENT, &profile->numbers);
}

/* What makes a process's numbers doubtful. */
static void put_books(struct profile *profile, const struct summary_process *process)
{
	char *label = process__label(process, ""), *books = words__books(process), *comment;

	if (!process->complete && label && books &&
		asprintf(&comment, "%s: %s", label, books) >= 0) {
		put_comment(profile, comment);
		free(comment);
	}
	free(label);
	free(books);
}

static void put_sampling(struct profile *profile, const struct summary *summary)
{
	char words[64];

	if (summary->sample_bytes)
		put_comment(profile, words__sampling(words, sizeof(words), summary));
}

static void put_times(struct profile *profile, const struct summary *summary)
{
	uint64_t ns = summary->time.tv_sec * 1000000000ull + summary->time.tv_nsec;

	protobuf__put_number(&profile->message, PROFILE_TIME_NANOS, ns);
	if (summary->uptime_s >= 0 && summary->uptime_s < 1e9)
		protobuf__put_number(
			&profile->message, PROFILE_DURATION_NANOS, summary->uptime_s * 1e9);
}

/* A name as a regular expression (RE2) that matches it alone. */
static void put_quoted(FILE *out, const char *name)
{
	char *printable = text__printable(name);

	for (const char *at = printable; at && *at; at++)
		fprintf(out, strchr("\\.+*?()|[]{}^$", *at) ? "\\%c" : "%c", *at);
	free(printable);
}

/* The allocators' functions, as one pattern that whole names are held against. */
static void put_drop_frames(struct profile *profile)
{
	char *pattern = NULL;
	size_t pattern_sz;
	FILE *out = open_memstream(&pattern, &pattern_sz);

	if (!out) {
		profile->message.failed = true;
		return;
	}
	fputs("operator new.*", out);
	for (uint32_t i = 0; i < profile->leaves.entry_cnt; i++) {
		size_t sz;
		const uint32_t *number = intern__get(&profile->leaves, i, &sz);

		fputc('|', out);
		put_quoted(out, intern__get(&profile->strings, *number, &sz));
	}
	if (fclose(out))
		profile->message.failed = true;
	else
		protobuf__put_number(
			&profile->message, PROFILE_DROP_FRAMES, string(profile, pattern));
	free(pattern);
}

/* ---- the whole ---- */

static void put_table(struct profile *profile, uint32_t field, const struct intern *table)
{
	struct protobuf *entry = &profile->entry;

	for (uint32_t i = 0; i < table->entry_cnt; i++) {
		size_t sz;
		const void *bytes = intern__get(table, i, &sz);

		protobuf__clear(entry);
		protobuf__put_number(entry, ENTRY_ID, i + 1);
		protobuf__append(entry, &(struct protobuf){.bytes = (uint8_t *)bytes, .sz = sz});
		protobuf__put_message(&profile->message, field, entry);
	}
}

static void put_strings(struct profile *profile)
{
	for (uint32_t i = 0; i < profile->strings.entry_cnt; i++) {
		size_t sz;
		char *printable = text__printable(intern__get(&profile->strings, i, &sz));

		if (printable)
			protobuf__put_bytes(&profile->message, PROFILE_STRING_TABLE, printable,
				strlen(printable));
		profile->message.failed |= !printable;
		free(printable);
	}
}

static void fill(struct profile *profile, const struct summary *summary)
{
	string(profile, ""); /* number 0, as the format wants it */
	put_sample_types(profile);
	put_times(profile, summary);
	put_sampling(profile, summary);
	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		put_program_first(profile, process);
		put_books(profile, process);
		for (size_t at = 0; at < process->stack_cnt; at++)
			put_sample(profile, &process->info, &process->stacks[at]);
	}
	put_drop_frames(profile);
	put_table(profile, PROFILE_MAPPING, &profile->mappings);
	put_table(profile, PROFILE_LOCATION, &profile->locations);
	put_table(profile, PROFILE_FUNCTION, &profile->functions);
	put_strings(profile);
}

static bool has_failed(const struct profile *profile)
{
	return profile->message.failed || profile->entry.failed || profile->line.failed ||
	       profile->sample.failed || profile->numbers.failed || profile->strings.failed ||
	       profile->mappings.failed || profile->functions.failed || profile->locations.failed ||
	       profile->leaves.failed;
}

static void destroy(struct profile *profile)
{
	intern__destroy(&profile->strings);
	intern__destroy(&profile->mappings);
	intern__destroy(&profile->functions);
	intern__destroy(&profile->locations);
	intern__destroy(&profile->leaves);
	protobuf__destroy(&profile->message);
	protobuf__destroy(&profile->entry);
	protobuf__destroy(&profile->line);
	protobuf__destroy(&profile->sample);
	protobuf__destroy(&profile->numbers);
}

static int render(const struct summary *summary, const struct render_options *options, FILE *file)
{
	struct output out = {.file = file};
	struct profile profile = {0};

	fill(&profile, summary);
	if (has_failed(&profile))
		out.err = -ENOMEM;
	else
		gzip__put(&out, profile.message.bytes, profile.message.sz);
	destroy(&profile);
	return output__finish(&out);
}

const struct renderer pprof_renderer = {
	.name = "pprof", .render = render, .kind = RENDER_LAST, .is_binary = true};
