// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* record: attach, watch or run, by what it is given, with a recording as output, and defaults that
 * let it run for weeks. */
#include <ctype.h>
#include "cli/command.h"
#include "cli/sink.h"
#include "util/log.h"

#define FILE_DEFAULT "recording.heaptap"
#define INTERVAL_S_DEFAULT 60
#define SIZE_DEFAULT (256u << 20)

static bool are_numbers(const struct options *options)
{
	for (int i = 0; i < options->arg_cnt; i++) {
		for (const char *at = options->args[i]; *at; at++)
			if (!isdigit((unsigned char)*at))
				return false;
	}
	return options->arg_cnt;
}

static const struct command *command_for(const struct options *options)
{
	if (options->is_command)
		return command__find("run");
	return command__find(are_numbers(options) ? "attach" : "watch");
}

static bool has_recording(const struct output_paths *output)
{
	for (int i = 0; i < output->cnt; i++)
		if (sink__is_recording(output->paths[i]))
			return true;
	return false;
}

int cmd_record(const struct options *options)
{
	const struct command *command = command_for(options);
	struct options full = *options;

	if (!(options->commands & command->bit)) {
		log_error(
			"this records as %s does, which lacks some of these options; try: heaptap "
			"%s --help",
			command->name, command->name);
		return EXIT_USAGE;
	}
	if (!full.output.cnt)
		full.output = (struct output_paths){{FILE_DEFAULT}, 1};
	if (!has_recording(&full.output)) {
		log_error("record needs a file whose name ends in .heaptap (-o FILE.heaptap)");
		return EXIT_USAGE;
	}
	if (!full.interval_s)
		full.interval_s = INTERVAL_S_DEFAULT;
	if (full.max_size == UINT64_MAX)
		full.max_size = SIZE_DEFAULT;
	return command->run(&full);
}
