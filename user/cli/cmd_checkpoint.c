// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* checkpoint: asks a heaptap that is tracing for a checkpoint, and waits until it is taken. */
#include "cli/ask.h"
#include "cli/command.h"
#include "util/log.h"

int cmd_checkpoint(const struct options *options)
{
	if (options->arg_cnt > 1) {
		log_error("checkpoint takes one name; try: heaptap checkpoint --help");
		return EXIT_USAGE;
	}
	return ask(options, "checkpoint", options->arg_cnt ? options->args[0] : "");
}
