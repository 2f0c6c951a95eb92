/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this kernel, machine and user give, found by trying; and what to do about what is missing. */
#ifndef HEAPTAP_CLI_MACHINE_H
#define HEAPTAP_CLI_MACHINE_H

#include <stdio.h>
#include "probe/link.h"

/* Says why tracer__new failed with `err` and what the person can do. Returns an exit code. */
int machine__explain(int err, enum link_kind asked);

/* Prints every check, its finding, and the remedy where one is needed. Returns an exit code. */
int machine__report(FILE *out);

/* NULL, or the name of a capability that tracing needs and this process lacks. */
const char *machine__missing_capability(void);

#endif
