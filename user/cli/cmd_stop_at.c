// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* stop-at: gives a heaptap that is tracing the allocation number at which it stops a process. */
#include "cli/ask.h"
#include "cli/command.h"
#include "util/log.h"

int cmd_stop_at(const struct options *options)
{
	char argument[64];
	int sz;

	if (options->arg_cnt < 1 || options->arg_cnt > 2) {
		log_error("stop-at takes a number, and a process if you like; try: heaptap stop-at "
			  "--help");
		return EXIT_USAGE;
	}
	sz = snprintf(argument, sizeof(argument), "%s%s%s", options->args[0],
		options->arg_cnt > 1 ? " " : "", options->arg_cnt > 1 ? options->args[1] : "");
	if ((size_t)sz < sizeof(argument))
		return ask(options, "stop-at", argument);
	log_error("'%s' is no allocation's number", options->args[0]);
	return EXIT_USAGE;
}
