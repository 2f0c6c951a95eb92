// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The list of sinks, and what they have in common: what is shown, colours, failures. */
#include "cli/outputs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/sink.h"
#include "report/selection.h"
#include "util/log.h"

struct outputs {
	const struct options *options;
	struct sink sinks[OUTPUTS_MAX];
	int sink_cnt;
};

bool outputs__is_coloured(enum colour_mode mode, FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	if (mode != COLOUR_AUTO)
		return mode == COLOUR_ALWAYS;
	return file && isatty(fileno(file)) && !(no_color && *no_color);
}

void outputs__ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static int open_sink(struct outputs *outputs, const char *path, FILE *stream_file)
{
	const struct options *options = outputs->options;
	struct sink *sink = &outputs->sinks[outputs->sink_cnt++];
	const struct renderer *format = options__format(options, path);
	int err;

	*sink = (struct sink){
		.kind = sink_kind__of(path, format),
		.format = format,
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
	sink->rendering.statistics = options->statistics;
	sink->rendering.left_out = options__left_out(options);
	sink->rendering.colour = outputs__is_coloured(options->colour, sink->file);
	if (!format->is_binary || !sink->file || !isatty(fileno(sink->file)))
		return 0;
	log_error("%s is nothing for a terminal: write it to a file with -o FILE", format->name);
	return EXIT_USAGE;
}

int outputs__open(struct outputs **ret_outputs, const struct options *options, FILE *default_out)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));
	int exit_code = 0;

	outputs__ignore_signals();
	*ret_outputs = outputs;
	if (!outputs)
		return EXIT_OUTPUT;
	outputs->options = options;
	if (!options->output.cnt)
		return open_sink(outputs, NULL, default_out);
	for (int i = 0; i < options->output.cnt && !exit_code; i++)
		exit_code = open_sink(outputs, options->output.paths[i], NULL);
	return exit_code;
}

struct selection outputs__selection(const struct outputs *outputs)
{
	const struct renderer *format = &text_renderer;

	for (int i = 0; i < outputs->sink_cnt; i++) {
		if (outputs->sinks[i].kind->keeps_all)
			return (struct selection){0};
		if (!outputs->sinks[i].format->for_people)
			format = outputs->sinks[i].format;
	}
	return options__selection(outputs->options, format);
}

bool outputs__hold_one(const struct outputs *outputs)
{
	for (int i = 0; i < outputs->sink_cnt; i++) {
		const struct sink *sink = &outputs->sinks[i];

		if (sink->kind->keeps_all || sink->format->kind != RENDER_LAST)
			return false;
	}
	return true;
}

/* ---- writing */

static int write_shown(
	const struct outputs *outputs, struct sink *sink, const struct summary *summary)
{
	struct selection selection = options__selection(outputs->options, sink->format);
	struct summary *shown = selection__view(&selection, summary);
	int err = shown ? sink->kind->write(sink, shown) : -ENOMEM;

	selection__free_view(shown);
	return err;
}

static int write_sink(
	const struct outputs *outputs, struct sink *sink, const struct summary *summary)
{
	uint64_t bytes = summary__outstanding_bytes(summary);
	int err = sink->kind->keeps_all ? sink->kind->write(sink, summary)
					: write_shown(outputs, sink, summary);

	sink->rendering.past_cnt++;
	if (bytes > sink->rendering.past_bytes)
		sink->rendering.past_bytes = bytes;
	return err;
}

/* A reader that has closed its end of a pipe has seen enough, and is told nothing. */
static void tell_failure(const struct sink *sink, int err)
{
	if (err != -EPIPE)
		log_error("cannot write %s: %s", sink->name, strerror(-err));
}

static void write_to_stderr(const struct outputs *outputs, const struct summary *summary)
{
	struct sink sink = {
		.kind = sink_kind__of(NULL, &text_renderer),
		.format = &text_renderer,
		.file = stderr,
	};

	write_shown(outputs, &sink, summary);
}

int outputs__write(struct outputs *outputs, const struct summary *summary)
{
	bool is_lost = false;
	int exit_code = 0;

	for (int i = 0; i < outputs->sink_cnt; i++) {
		struct sink *sink = &outputs->sinks[i];
		int err = write_sink(outputs, sink, summary);

		if (!err)
			continue;
		tell_failure(sink, err);
		is_lost = is_lost || (sink->path && err != -EPIPE);
		exit_code = EXIT_OUTPUT;
	}
	if (is_lost)
		write_to_stderr(outputs, summary);
	return exit_code;
}

int outputs__close(struct outputs *outputs)
{
	int exit_code = 0;

	for (int i = 0; outputs && i < outputs->sink_cnt; i++) {
		struct sink *sink = &outputs->sinks[i];
		int err = sink->kind->close(sink);

		free(sink->path);
		if (!err)
			continue;
		tell_failure(sink, err);
		exit_code = EXIT_OUTPUT;
	}
	free(outputs);
	return exit_code;
}
