// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/command.h"
#include "cli/machine.h"
#include "util/log.h"

int cmd_doctor(const struct options *options)
{
	if (options->arg_cnt) {
		log_error("doctor takes no argument: '%s'", options->args[0]);
		return EXIT_USAGE;
	}
	return machine__report(stdout);
}
