/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of checkpoints: they stand behind a file's name on the command line (FILE:NAME), where a
 * number picks a snapshot. */
#ifndef HEAPTAP_REPORT_CHECKPOINT_NAME_H
#define HEAPTAP_REPORT_CHECKPOINT_NAME_H

#include <stdbool.h>

#define CHECKPOINT_NAME_MAX 64 /* bytes */

/* No control character, no colon, no number, not empty, not too long. */
bool checkpoint_name__is_valid(const char *name);

#endif
