// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* getopt_long does the scanning; which option sets what comes from options.def. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/option_values.h"
#include "cli/options.h"
#include "util/log.h"

#define RING_SIZE_DEFAULT (64u << 20)
#define STACKS_SHOWN_TO_PEOPLE 10
#define LONG_ONLY 256 /* getopt's value of an option without a short form: this + its row */

struct option_row {
	const char *name;
	int short_name;
	const char *argument;
	unsigned int commands;
	int (*parse)(const char *text, void *field);
	size_t field;
	const char *help;
};

static const struct option_row rows[] = {
#define OPTION(long, short, argument, commands, parser, field, help)                               \
	{long, short, argument, commands, option__parse_##parser, offsetof(struct options, field), help},
#include "cli/options.def"
#undef OPTION
};
#define ROW_CNT (sizeof(rows) / sizeof(*rows))

/* "[=N]": one that may be left out. */
static int takes(const struct option_row *row)
{
	if (!row->argument)
		return no_argument;
	return *row->argument == '[' ? optional_argument : required_argument;
}

void options__print_help(FILE *out, unsigned int commands)
{
	for (size_t i = 0; i < ROW_CNT; i++) {
		char form[64];

		if (!(rows[i].commands & commands))
			continue;
		snprintf(form, sizeof(form), "--%s%s%s", rows[i].name,
			takes(&rows[i]) == required_argument ? " " : "",
			rows[i].argument ? rows[i].argument : "");
		fprintf(out, rows[i].short_name ? "  -%c, " : "      ", rows[i].short_name);
		fprintf(out, "%-20s  %s\n", form, rows[i].help);
	}
	fprintf(out, "  -h, %-20s  %s\n", "--help", "show this text");
}

/* getopt's two tables, of the options that a command takes. */
static void fill_getopt(unsigned int command, struct option *longs, char *shorts)
{
	if (!(command & (CMD_REPORT | CMD_DIFF)))
		*shorts++ = '+'; /* what follows the first non-option is the command's */
	*shorts++ = ':';
	*shorts++ = 'h';
	*longs++ = (struct option){"help", no_argument, NULL, 'h'};
	for (size_t i = 0; i < ROW_CNT; i++) {
		if (!(rows[i].commands & command))
			continue;
		*longs++ = (struct option){rows[i].name, takes(&rows[i]), NULL, LONG_ONLY + i};
		if (rows[i].short_name)
			*shorts++ = rows[i].short_name;
		if (rows[i].short_name && rows[i].argument)
			*shorts++ = ':';
	}
	*longs = (struct option){0};
	*shorts = '\0';
}

static const struct option_row *find_row(int value)
{
	if (value >= LONG_ONLY)
		return &rows[value - LONG_ONLY];
	for (size_t i = 0; i < ROW_CNT; i++) {
		if (rows[i].short_name == value)
			return &rows[i];
	}
	return NULL;
}

static int apply(struct options *options, const struct option_row *row, const char *text)
{
	options->commands &= row->commands;
	if (!row->parse(text, (char *)options + row->field))
		return 0;
	log_error("bad value '%s' for --%s: %s", text, row->name, row->help);
	return -EINVAL;
}

/* A letter may stand among others that getopt is not through with: it is not the last word then. */
static int complain(int value, const char *command, char *const argv[])
{
	const char letter[] = {'-', optopt, '\0'};
	bool is_letter = optopt && optopt != 'h' && optopt < LONG_ONLY;
	const char *option = is_letter ? letter : argv[optind - 1];

	if (value == ':')
		log_error("option '%s' needs a value", option);
	else
		log_error("'%s' is no option of %s; try: heaptap %s --help", option, command,
			command);
	return -EINVAL;
}

/* Those that have the kernel side tell of blocks in a way of its own: one of them at a time. What
 * --allocators declares may end without a free of its own, which sampling goes by; it may be given
 * out inside a call and freed outside, which would look like a wrong free, as it does of what
 * sampling left out. */
static int check_ways(const struct options *options)
{
	if (!!options->check + !!options->sample_bytes + !!options->allocators.cnt <= 1)
		return 0;
	log_error("use only one of --allocators, --check and --sample at a time");
	return -EINVAL;
}

/* What single options cannot know. */
static int check_whole(const struct options *options)
{
	if (options->points && points__has_sections(options->points) && options->sample_bytes) {
		log_error("--section needs every block: not with --sample");
		return -EINVAL;
	}
	if (!options->check || options->stack != STACK_NONE)
		return check_ways(options);
	log_error("--check needs call stacks: not with --stack none");
	return -EINVAL;
}

int options__parse(struct options *ret_options, unsigned int command, int argc, char **argv)
{
	struct options options = {
		.top = -1,
		.error_exitcode = -1,
		.stop_at = -1,
		.ring_size = RING_SIZE_DEFAULT,
		.max_size = UINT64_MAX,
		.blocks = {.max = BLOCKS_LISTED},
		.fail_above = UINT64_MAX,
		.commands = CMD_ALL,
	};
	struct option longs[ROW_CNT + 2];
	char shorts[2 * ROW_CNT + 4];
	int value, err = 0;

	fill_getopt(command, longs, shorts);
	optind = 1;
	while (!err && (value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (value == 'h') {
			command__print_help(stdout, command);
			return 1;
		}
		err = value == '?' || value == ':' ? complain(value, argv[0], argv)
						   : apply(&options, find_row(value), optarg);
	}
	if (!err)
		err = check_whole(&options);
	if (err) {
		options__destroy(&options);
		return err;
	}
	options.blocks.is_asked_for |= options.blocks.contents_sz > 0;
	options.is_command = !strcmp(argv[optind - 1], "--");
	options.args = argv + optind;
	options.arg_cnt = argc - optind;
	*ret_options = options;
	return 0;
}

void options__destroy(struct options *options)
{
	kind_rules__destroy(&options->kind_rules);
	if (options->points)
		points__destroy(options->points);
	free(options->points);
}

unsigned int options__left_out(const struct options *options)
{
	return options->all_kinds ? 0 : KINDS_LEFT_OUT;
}

bool options__counts_allocations(const struct options *options)
{
	return options->stop_at >= 0 || options->stop_when;
}

const struct renderer *options__format(const struct options *options, const char *path)
{
	const struct renderer *format = options->format;

	if (!format && path)
		format = renderer__of_file(path);
	return format ? format : &text_renderer;
}

const struct renderer *options__only_format(const struct options *options)
{
	return options__format(options, options->output.cnt ? options->output.paths[0] : NULL);
}

struct selection options__selection(
	const struct options *options, const struct renderer *format)
{
	bool for_people = format->for_people;
	size_t few = for_people ? STACKS_SHOWN_TO_PEOPLE : 0;

	return (struct selection){
		.sort = options->sort,
		.min_bytes = options->min_bytes,
		.top = options->top >= 0 ? (size_t)options->top : few,
		.holding_only = for_people,
		.left_out = for_people ? options__left_out(options) : 0,
		.rules = &options->kind_rules,
		.unlisted = options__left_out(options),
	};
}
