// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* getopt_long does the scanning; which option sets what comes from options.def. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/contents.h"
#include "cli/options.h"
#include "util/log.h"
#include "util/text.h"

#define RING_SIZE_DEFAULT (64u << 20)
#define STACKS_SHOWN_TO_PEOPLE 10
#define SAMPLE_BYTES_MAX (1u << 30)
#define BLOCKS_LISTED 20
#define CONTENTS_DEFAULT 16
#define SECONDS_MIN 1e-3
#define SECONDS_MAX (100 * 365 * 86400.0)
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

static int parse_seconds(const char *text, void *field)
{
	static const struct {
		const char *suffix;
		double seconds;
	} units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	char *end;
	double value = strtod(text, &end);

	if (end == text || !isfinite(value) || value < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!strcmp(end, units[i].suffix)) {
			value *= units[i].seconds;
			if (value > SECONDS_MAX || (value && value < SECONDS_MIN))
				return -EINVAL;
			*(double *)field = value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_size(const char *text, void *field)
{
	return text__parse_size(text, field);
}

static int parse_count(const char *text, void *field)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 0)
		return -EINVAL;
	*(int64_t *)field = value;
	return 0;
}

static int parse_pid(const char *text, void *field)
{
	int64_t value;
	int err = parse_count(text, &value);

	if (err || !value || value > 1 << 22)
		return -EINVAL;
	*(pid_t *)field = value;
	return 0;
}

static int parse_exitcode(const char *text, void *field)
{
	int64_t value;
	int err = parse_count(text, &value);

	if (err || value > 255)
		return -EINVAL;
	*(int *)field = value;
	return 0;
}

static int parse_ring_size(const char *text, void *field)
{
	uint64_t value;
	int err = text__parse_size(text, &value);

	if (err)
		return err;
	if (value & (value - 1) || value < (uint64_t)sysconf(_SC_PAGESIZE) || value > 1u << 31)
		return -EINVAL;
	*(uint64_t *)field = value;
	return 0;
}

static int parse_sample(const char *text, void *field)
{
	uint64_t value;
	int err = text__parse_size(text, &value);

	if (err)
		return err;
	if (!value || value > SAMPLE_BYTES_MAX)
		return -EINVAL;
	*(uint32_t *)field = value;
	return 0;
}

static int parse_word(const char *text, const char *const words[], int word_cnt, void *field)
{
	for (int i = 0; i < word_cnt; i++) {
		if (!strcmp(text, words[i])) {
			*(int *)field = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_sort(const char *text, void *field)
{
	static const char *const words[] = {
		[SORT_BYTES] = "bytes",
		[SORT_BLOCKS] = "blocks",
		[SORT_GROWTH] = "growth",
		[SORT_AGE] = "age",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

static int parse_colour(const char *text, void *field)
{
	static const char *const words[] = {
		[COLOUR_AUTO] = "auto",
		[COLOUR_ALWAYS] = "always",
		[COLOUR_NEVER] = "never",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

static int parse_stack(const char *text, void *field)
{
	static const char *const words[] = {
		[STACK_AUTO] = "auto",
		[STACK_DWARF] = "dwarf",
		[STACK_FP] = "fp",
		[STACK_NONE] = "none",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

static int parse_format(const char *text, void *field)
{
	const struct renderer *renderer = renderer__find(text);

	if (!renderer)
		return -EINVAL;
	*(const struct renderer **)field = renderer;
	return 0;
}

static int parse_nanoseconds(const char *text, void *field)
{
	static const struct {
		const char *suffix;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; end != text && i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].suffix) || !(value > 0) || value * units[i].ns > 1e18)
			continue;
		*(uint64_t *)field = ceil(value * units[i].ns);
		return 0;
	}
	return -EINVAL;
}

/* "FROM:TO"; either may be missing, and FROM alone is FROM:. */
static int parse_sizes(const char *text, void *field)
{
	char from[32], *colon;
	uint64_t sizes[2] = {0, UINT64_MAX};
	int err = 0;

	if (!*text || !strcmp(text, ":") || strlen(text) >= sizeof(from))
		return -EINVAL;
	strcpy(from, text);
	colon = strchr(from, ':');
	if (colon)
		*colon++ = '\0';
	if (*from)
		err = text__parse_size(from, &sizes[0]);
	if (!err && colon && *colon)
		err = text__parse_size(colon, &sizes[1]);
	if (err || sizes[0] > sizes[1] || !sizes[1])
		return -EINVAL;
	memcpy(field, sizes, sizeof(sizes));
	return 0;
}

static int parse_suppressions_format(const char *text, void *field)
{
	*(const struct renderer **)field = &suppressions_renderer;
	return 0;
}

static int parse_suppressions(const char *text, void *field)
{
	size_t line;
	int err = kind_rules__read_suppressions(field, text, &line);

	if (err && line)
		log_error("%s:%zu is no suppression of the form leak:PATTERN", text, line);
	else if (err)
		log_error("cannot read %s: %s", text, strerror(-err));
	return err;
}

static int parse_client(const char *text, void *field)
{
	return kind_rules__add_client(field, text);
}

static int parse_blocks(const char *text, void *field)
{
	struct block_listing *listing = field;
	int64_t max = BLOCKS_LISTED;
	int err = text ? parse_count(text, &max) : 0;

	listing->is_asked_for = true;
	listing->max = max;
	return err;
}

static int parse_blocks_by(const char *text, void *field)
{
	static const char *const words[] = {
		[BLOCKS_BY_SIZE] = "size",
		[BLOCKS_BY_AGE] = "age",
	};
	struct block_listing *listing = field;

	return parse_word(text, words, sizeof(words) / sizeof(*words), &listing->order);
}

static int parse_contents(const char *text, void *field)
{
	struct block_listing *listing = field;
	uint64_t sz = CONTENTS_DEFAULT;
	int err = text ? text__parse_size(text, &sz) : 0;

	listing->contents_sz = sz;
	return err ? err : sz > CONTENTS_MAX ? -ERANGE : 0;
}

static int parse_contents_at_exit(const char *text, void *field)
{
	struct block_listing *listing = field;

	listing->at_exit = true;
	if (!listing->contents_sz)
		listing->contents_sz = CONTENTS_DEFAULT;
	return 0;
}

static int parse_point(const char *text, struct points **points, enum point point)
{
	int err;

	if (!*points)
		*points = calloc(1, sizeof(**points));
	err = *points ? points__add(*points, point, text) : -ENOMEM;
	if (err && err != -EINVAL)
		log_error("%s: %s", text, strerror(-err));
	return err;
}

static int parse_checkpoint_at(const char *text, void *field)
{
	return parse_point(text, field, POINT_CHECKPOINT);
}

static int parse_section(const char *text, void *field)
{
	return parse_point(text, field, POINT_SECTION_ENTER);
}

static int parse_link(const char *text, void *field)
{
	return link_kind__parse(text, field);
}

static int parse_outputs(const char *text, void *field)
{
	struct output_paths *output = field;

	if (!*text || output->cnt == OUTPUTS_MAX)
		return -EINVAL;
	output->paths[output->cnt++] = text;
	return 0;
}

static int parse_string(const char *text, void *field)
{
	if (!*text)
		return -EINVAL;
	*(const char **)field = text;
	return 0;
}

static int parse_allocators(const char *text, void *field)
{
	struct allocators *allocators = field;

	if (!*text || allocators->cnt == ALLOCATORS_MAX)
		return -EINVAL;
	allocators->names[allocators->cnt++] = text;
	return 0;
}

static int parse_yes(const char *text, void *field)
{
	*(bool *)field = true;
	return 0;
}

static int parse_more(const char *text, void *field)
{
	++*(int *)field;
	return 0;
}

static const struct option_row rows[] = {
#define OPTION(long, short, argument, commands, parser, field, help)                               \
	{long, short, argument, commands, parse_##parser, offsetof(struct options, field), help},
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
		*longs++ = (struct option){rows[i].name,
			takes(&rows[i]), NULL, LONG_ONLY + i};
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

static int complain(int value, const char *command, char *const argv[])
{
	if (value == ':')
		log_error("option '%s' needs a value", argv[optind - 1]);
	else
		log_error("'%s' is no option of %s; try: heaptap %s --help", argv[optind - 1],
			command, command);
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
		.format = &text_renderer,
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

struct selection options__selection(const struct options *options)
{
	bool for_people = options->format->for_people;
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
