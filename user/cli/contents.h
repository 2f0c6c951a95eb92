/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What blocks hold, read from their process. */
#ifndef HEAPTAP_CLI_CONTENTS_H
#define HEAPTAP_CLI_CONTENTS_H

#include "report/summary.h"

#define CONTENTS_MAX 4096

/* Gives each of the process's listed blocks its first max_sz bytes (CONTENTS_MAX at most), as new
 * strings of hexadecimal digits: what can be read of them. A process that has ended has none left.
 */
void contents__read(struct summary_process *process, size_t max_sz);

#endif
