// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/command.h"
#include "cli/machine.h"

int cmd_doctor(const struct options *options)
{
	return machine__report(stdout);
}
