// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* diff: two recorded snapshots. Its exit code can stop a build (--fail-above). */
#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "cli/outputs.h"
#include "cli/recorded_arg.h"
#include "report/diff.h"
#include "report/selection.h"
#include "util/log.h"

static const struct form {
	const struct renderer *format;
	int (*render)(const struct diff *diff, const struct render_options *options, FILE *out);
} forms[] = {
	{&text_renderer, diff__render_text},
	{&json_renderer, diff__render_json},
};

static const struct form *form_of(const struct renderer *format)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (forms[i].format == format)
			return &forms[i];
	log_error("a difference has no %s form: it can be text or json", format->name);
	return NULL;
}

static int write_to(
	FILE *out, const struct form *form, const struct options *options, const struct diff *diff)
{
	struct render_options rendering = {
		.colour = outputs__is_coloured(options->colour, out),
		.verbosity = options->verbosity,
	};
	const char *path = options->output.cnt ? options->output.paths[0] : NULL;
	int err = out ? form->render(diff, &rendering, out) : -errno;

	if (path && out && fclose(out) && !err)
		err = -errno;
	if (!err)
		return 0;
	log_error("cannot write %s: %s", path ? path : "output", strerror(-err));
	return EXIT_OUTPUT;
}

static int show_diff(
	const struct options *options, const struct form *form, const struct diff *diff)
{
	FILE *out = options->output.cnt ? fopen(options->output.paths[0], "we") : stdout;
	int exit_code = write_to(out, form, options, diff);
	int64_t growth = diff__growth_bytes(diff);

	if (exit_code)
		return exit_code;
	return growth > 0 && (uint64_t)growth > options->fail_above ? EXIT_GROWN : EXIT_OK;
}

/* What kind a stack is, today's rules may say otherwise than the recording's. */
static int show(const struct options *options, const struct form *form, const struct summary *old,
	const struct summary *new)
{
	struct selection all = {.rules = &options->kind_rules};
	struct summary *views[] = {selection__view(&all, old), selection__view(&all, new)};
	struct diff *diff = NULL;
	int exit_code = EXIT_TRACING;

	if (views[0] && views[1])
		diff = diff__new(views[0], views[1], options__left_out(options), options->min_bytes,
			options__selection(options, form->format).top);
	if (diff)
		exit_code = show_diff(options, form, diff);
	else
		log_error("no memory for a difference");
	diff__free(diff);
	selection__free_view(views[0]);
	selection__free_view(views[1]);
	return exit_code;
}

/* The last snapshot that is meant. */
static int read_last(struct recorded_arg *arg, const char *text, struct recorded **ret_recorded)
{
	int exit_code = recorded_arg__open(arg, text);

	return exit_code ? exit_code : recorded_arg__read(arg, arg->end - 1, ret_recorded);
}

int cmd_diff(const struct options *options)
{
	const struct form *form = form_of(options__only_format(options));
	struct recorded_arg args[2] = {0};
	struct recorded *recorded[2] = {NULL, NULL};
	int exit_code = 0;

	if (!form || options->arg_cnt != 2 || options->output.cnt > 1) {
		if (form)
			log_error("diff needs two recordings, and writes to one file at most; try: "
				  "heaptap diff --help");
		return EXIT_USAGE;
	}
	for (int i = 0; i < 2 && !exit_code; i++)
		exit_code = read_last(&args[i], options->args[i], &recorded[i]);
	if (!exit_code)
		exit_code = show(options, form, recorded__summary(recorded[0]),
			recorded__summary(recorded[1]));
	for (int i = 0; i < 2; i++) {
		recorded__free(recorded[i]);
		recorded_arg__close(&args[i]);
	}
	return exit_code;
}
