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
	struct selection selection;
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

static int open_sink(struct outputs *outputs, const char *path, FILE *stream_file)
{
	const struct options *options = outputs->options;
	struct sink *sink = &outputs->sinks[outputs->sink_cnt++];
	int err;

	*sink = (struct sink){
		.kind = sink_kind__of(path, options->format),
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
