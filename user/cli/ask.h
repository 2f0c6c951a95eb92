/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the commands that talk to a running heaptap have in common. */
#ifndef HEAPTAP_CLI_ASK_H
#define HEAPTAP_CLI_ASK_H

#include "cli/options.h"

/* Asks the heaptap of --pid, or the only one of this user, and prints its answer. An exit code. */
int ask(const struct options *options, const char *verb, const char *argument);

#endif
