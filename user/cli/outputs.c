// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Each output is of a kind: how it is opened, written and closed is in a row of a table. */
#include "cli/outputs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/command.h"
#include "record/recorder.h"
#include "report/selection.h"
#include "util/log.h"

#define RECORDING_ENDING ".heaptap"

struct output_kind;

struct sink {
	const struct output_kind *kind;
	const char *name;	   /* for people */
	char *path;		   /* NULL: a stream that is not ours */
	FILE *file;		   /* of streams */
	struct recorder *recorder; /* of recordings */
	char *last;		   /* what is written at the end; NULL: nothing yet */
	size_t last_sz;
	struct render_options rendering;
};

struct outputs {
	const struct options *options;
	struct selection selection;
	struct sink sinks[OUTPUTS_MAX];
	int sink_cnt;
};

/* All return 0 or -errno. A kind that has no selected form gets the summary with all its stacks. */
struct output_kind {
	int (*open)(struct sink *sink, const struct options *options);
	int (*write)(
		struct sink *sink, const struct renderer *format, const struct summary *summary);
	int (*close)(struct sink *sink);
	bool keeps_all;
};

/* ---- streams: one summary behind the other */

static int stream__open(struct sink *sink, const struct options *options)
{
	if (sink->path)
		sink->file = fopen(sink->path, "we");
	return sink->file ? 0 : -errno;
}

static int stream__write(
	struct sink *sink, const struct renderer *format, const struct summary *summary)
{
	int err = format->render(summary, &sink->rendering, sink->file);

	return !err && fflush(sink->file) ? -errno : err;
}

static int stream__close(struct sink *sink)
{
	return sink->path && sink->file && fclose(sink->file) ? -errno : 0;
}

/* ---- a stream of a format that holds one summary: the last, at the end */

static int last__write(
	struct sink *sink, const struct renderer *format, const struct summary *summary)
{
	size_t sz = 0;
	char *bytes = NULL;
	FILE *memory = open_memstream(&bytes, &sz);
	int err = memory ? format->render(summary, &sink->rendering, memory) : -errno;

	if (memory && fclose(memory) && !err)
		err = -ENOMEM;
	if (err) {
		free(bytes);
		return err;
	}
	free(sink->last);
	sink->last = bytes;
	sink->last_sz = sz;
	return 0;
}

static int last__close(struct sink *sink)
{
	int err = 0;

	errno = 0;
	if (sink->last && sink->file &&
		(fwrite(sink->last, 1, sink->last_sz, sink->file) < sink->last_sz ||
			fflush(sink->file)))
		err = errno ? -errno : -EIO;
	free(sink->last);
	return stream__close(sink) && !err ? -errno : err;
}

/* ---- a file of a format that holds one summary */

/* The new content under another name, then under this one; its mode stays. */
static int replace_file(const char *path, const char *bytes, size_t sz)
{
	char *new_path;
	struct stat st;
	FILE *file;
	int err = 0;

	if (asprintf(&new_path, "%s.new", path) < 0)
		return -ENOMEM;
	unlink(new_path); /* of a heaptap that was killed; "x": never followed if it is a link */
	file = fopen(new_path, "wxe");
	if (!file || (!stat(path, &st) && fchmod(fileno(file), st.st_mode & 0777)))
		err = -errno;
	if (!err && fwrite(bytes, 1, sz, file) < sz)
		err = -errno;
	if (file && fclose(file) && !err)
		err = -errno;
	if (!err && rename(new_path, path))
		err = -errno;
	if (err && file)
		unlink(new_path);
	free(new_path);
	return err;
}

/* Empties it, by the way that summaries take: what will not work is told before tracing begins. */
static int replaced__open(struct sink *sink, const struct options *options)
{
	char *target = realpath(sink->path, NULL); /* of a link */

	if (target) {
		free(sink->path);
		sink->path = target;
	}
	return replace_file(sink->path, "", 0);
}

static int replaced__write(
	struct sink *sink, const struct renderer *format, const struct summary *summary)
{
	int err = last__write(sink, format, summary);

	return err ? err : replace_file(sink->path, sink->last, sink->last_sz);
}

static int replaced__close(struct sink *sink)
{
	free(sink->last);
	return 0;
}

/* ---- recordings */

static int kept__open(struct sink *sink, const struct options *options)
{
	return recorder__open(sink->path, options->max_size, &sink->recorder);
}

static int kept__write(
	struct sink *sink, const struct renderer *format, const struct summary *summary)
{
	return recorder__append(sink->recorder, summary);
}

static int kept__close(struct sink *sink)
{
	return recorder__close(sink->recorder);
}

/* ---- kinds */

static const struct output_kind stream = {stream__open, stream__write, stream__close, false};
static const struct output_kind last = {stream__open, last__write, last__close, false};
static const struct output_kind replaced = {
	replaced__open, replaced__write, replaced__close, false};
static const struct output_kind recording = {kept__open, kept__write, kept__close, true};

bool outputs__is_recording(const char *path)
{
	size_t sz = strlen(path), ending_sz = strlen(RECORDING_ENDING);

	return sz > ending_sz && !strcmp(path + sz - ending_sz, RECORDING_ENDING);
}

static const struct output_kind *kind_of(const char *path, const struct renderer *format)
{
	struct stat st;

	if (path && outputs__is_recording(path))
		return &recording;
	if (format->kind == RENDER_STREAM)
		return &stream;
	return path && (stat(path, &st) || S_ISREG(st.st_mode)) ? &replaced : &last;
}

bool outputs__is_coloured(enum colour_mode mode, FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	if (mode != COLOUR_AUTO)
		return mode == COLOUR_ALWAYS;
	return file && isatty(fileno(file)) && !(no_color && *no_color);
}

static int open_sink(struct outputs *outputs, const char *path, FILE *stream_file)
{
	const struct options *options = outputs->options;
	struct sink *sink = &outputs->sinks[outputs->sink_cnt++];
	int err;

	*sink = (struct sink){
		.kind = kind_of(path, options->format),
		.name = path ? path : "output",
		.path = path ? strdup(path) : NULL,
		.file = stream_file,
	};
	err = path && !sink->path ? -ENOMEM : sink->kind->open(sink, options);
	if (err) {
		log_error("cannot write %s: %s", sink->name, strerror(-err));
		return EXIT_OUTPUT;
	}
	sink->rendering.verbosity = options->verbosity;
	sink->rendering.colour = outputs__is_coloured(options->colour, sink->file);
	if (!options->format->is_binary || !sink->file || !isatty(fileno(sink->file)))
		return 0;
	log_error("%s is nothing for a terminal: write it to a file with -o FILE",
		options->format->name);
	return EXIT_USAGE;
}

int outputs__open(struct outputs **ret_outputs, const struct options *options, FILE *default_out)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));
	int exit_code = 0;

	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, and told as one */
	*ret_outputs = outputs;
	if (!outputs)
		return EXIT_OUTPUT;
	outputs->options = options;
	outputs->selection = options__selection(options);
	if (!options->output.cnt)
		return open_sink(outputs, NULL, default_out);
	for (int i = 0; i < options->output.cnt && !exit_code; i++)
		exit_code = open_sink(outputs, options->output.paths[i], NULL);
	return exit_code;
}

bool outputs__keep_all(const struct outputs *outputs)
{
	for (int i = 0; i < outputs->sink_cnt; i++)
		if (outputs->sinks[i].kind->keeps_all)
			return true;
	return false;
}

/* ---- writing */

static int write_sink(struct outputs *outputs, struct sink *sink, const struct summary *summary,
	const struct summary *shown)
{
	const struct renderer *format = outputs->options->format;
	uint64_t bytes = summary__outstanding_bytes(summary);
	int err = sink->kind->write(sink, format, sink->kind->keeps_all ? summary : shown);

	sink->rendering.past_cnt++;
	if (bytes > sink->rendering.past_bytes)
		sink->rendering.past_bytes = bytes;
	return err;
}

/* A reader that has closed its end of a pipe has seen enough, and is told nothing. */
static void tell_failure(
	const struct sink *sink, int err, const struct summary *summary, bool *told)
{
	if (err == -EPIPE)
		return;
	log_error("cannot write %s: %s", sink->name, strerror(-err));
	if (sink->path && summary && !*told)
		text_renderer.render(summary, &(struct render_options){0}, stderr);
	*told = true;
}

int outputs__write(struct outputs *outputs, const struct summary *summary)
{
	struct summary *shown = selection__view(&outputs->selection, summary);
	int exit_code = 0;
	bool told = false;

	if (!shown) {
		log_error("no memory for a summary");
		return EXIT_OUTPUT;
	}
	for (int i = 0; i < outputs->sink_cnt; i++) {
		int err = write_sink(outputs, &outputs->sinks[i], summary, shown);

		if (!err)
			continue;
		tell_failure(&outputs->sinks[i], err, shown, &told);
		exit_code = EXIT_OUTPUT;
	}
	selection__free_view(shown);
	return exit_code;
}

int outputs__close(struct outputs *outputs)
{
	int exit_code = 0;
	bool told = false;

	for (int i = 0; outputs && i < outputs->sink_cnt; i++) {
		struct sink *sink = &outputs->sinks[i];
		int err = sink->kind->close(sink);

		free(sink->path);
		if (!err)
			continue;
		tell_failure(sink, err, NULL, &told);
		exit_code = EXIT_OUTPUT;
	}
	free(outputs);
	return exit_code;
}
