// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/option_values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/contents.h"
#include "cli/options.h"
#include "util/log.h"
#include "util/text.h"

#define SAMPLE_BYTES_MAX (1u << 30)
#define CONTENTS_DEFAULT 16
#define SECONDS_MIN 1e-3
#define SECONDS_MAX (100 * 365 * 86400.0)

int option__parse_seconds(const char *text, void *field)
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

int option__parse_size(const char *text, void *field)
{
	return text__parse_size(text, field);
}

int option__parse_count(const char *text, void *field)
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

int option__parse_pid(const char *text, void *field)
{
	int64_t value;
	int err = option__parse_count(text, &value);

	if (err || !value || value > 1 << 22)
		return -EINVAL;
	*(pid_t *)field = value;
	return 0;
}

int option__parse_exitcode(const char *text, void *field)
{
	int64_t value;
	int err = option__parse_count(text, &value);

	if (err || value > 255)
		return -EINVAL;
	*(int *)field = value;
	return 0;
}

int option__parse_ring_size(const char *text, void *field)
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

int option__parse_sample(const char *text, void *field)
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

int option__parse_sort(const char *text, void *field)
{
	static const char *const words[] = {
		[SORT_BYTES] = "bytes",
		[SORT_BLOCKS] = "blocks",
		[SORT_GROWTH] = "growth",
		[SORT_AGE] = "age",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

int option__parse_colour(const char *text, void *field)
{
	static const char *const words[] = {
		[COLOUR_AUTO] = "auto",
		[COLOUR_ALWAYS] = "always",
		[COLOUR_NEVER] = "never",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

int option__parse_stack(const char *text, void *field)
{
	static const char *const words[] = {
		[STACK_AUTO] = "auto",
		[STACK_DWARF] = "dwarf",
		[STACK_FP] = "fp",
		[STACK_NONE] = "none",
	};

	return parse_word(text, words, sizeof(words) / sizeof(*words), field);
}

int option__parse_format(const char *text, void *field)
{
	const struct renderer *renderer = renderer__find(text);

	if (!renderer)
		return -EINVAL;
	*(const struct renderer **)field = renderer;
	return 0;
}

int option__parse_nanoseconds(const char *text, void *field)
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
int option__parse_sizes(const char *text, void *field)
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

int option__parse_suppressions_format(const char *text, void *field)
{
	*(const struct renderer **)field = &suppressions_renderer;
	return 0;
}

int option__parse_suppressions(const char *text, void *field)
{
	size_t line;
	int err = kind_rules__read_suppressions(field, text, &line);

	if (err && line)
		log_error("%s:%zu is no suppression of the form leak:PATTERN", text, line);
	else if (err)
		log_error("cannot read %s: %s", text, strerror(-err));
	return err;
}

int option__parse_client(const char *text, void *field)
{
	return kind_rules__add_client(field, text);
}

int option__parse_blocks(const char *text, void *field)
{
	struct block_listing *listing = field;
	int64_t max = BLOCKS_LISTED;
	int err = text ? option__parse_count(text, &max) : 0;

	listing->is_asked_for = true;
	listing->max = max;
	return err;
}

int option__parse_blocks_by(const char *text, void *field)
{
	static const char *const words[] = {
		[BLOCKS_BY_SIZE] = "size",
		[BLOCKS_BY_AGE] = "age",
	};
	struct block_listing *listing = field;

	return parse_word(text, words, sizeof(words) / sizeof(*words), &listing->order);
}

int option__parse_contents(const char *text, void *field)
{
	struct block_listing *listing = field;
	uint64_t sz = CONTENTS_DEFAULT;
	int err = text ? text__parse_size(text, &sz) : 0;

	listing->contents_sz = sz;
	return err ? err : sz > CONTENTS_MAX ? -ERANGE : 0;
}

int option__parse_contents_at_exit(const char *text, void *field)
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

int option__parse_checkpoint_at(const char *text, void *field)
{
	return parse_point(text, field, POINT_CHECKPOINT);
}

int option__parse_section(const char *text, void *field)
{
	return parse_point(text, field, POINT_SECTION_ENTER);
}

int option__parse_link(const char *text, void *field)
{
	return link_kind__parse(text, field);
}

int option__parse_outputs(const char *text, void *field)
{
	struct output_paths *output = field;

	if (!*text || output->cnt == OUTPUTS_MAX)
		return -EINVAL;
	output->paths[output->cnt++] = text;
	return 0;
}

int option__parse_string(const char *text, void *field)
{
	if (!*text)
		return -EINVAL;
	*(const char **)field = text;
	return 0;
}

int option__parse_allocators(const char *text, void *field)
{
	struct allocators *allocators = field;

	if (!*text || allocators->cnt == ALLOCATORS_MAX)
		return -EINVAL;
	allocators->names[allocators->cnt++] = text;
	return 0;
}

int option__parse_yes(const char *text, void *field)
{
	*(bool *)field = true;
	return 0;
}

int option__parse_more(const char *text, void *field)
{
	++*(int *)field;
	return 0;
}
