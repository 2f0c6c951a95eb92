/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of processes and frames for formats whose readers cut lines at certain characters. All are
 * new strings (free()), NULL without memory; they are UTF-8 without control characters, and each of
 * `separators` in them is \xNN. */
#ifndef HEAPTAP_REPORT_LABELS_H
#define HEAPTAP_REPORT_LABELS_H

#include "report/summary.h"

/* "redis-server-1234": the name that perf's tools give a process */
char *process__label(const struct summary_process *process, const char *separators);
/* The function, "[module+0x5b2f4]", or "[0x7f3a5c1e9d20]" */
char *frame__label(const struct summary_frame *frame, const char *separators);
/* A path's last component. Borrowed from the path. */
const char *path__name(const char *path);

#define LABEL_NO_FRAMES "[unknown]"	/* stands for a stack whose frames were lost */
#define LABEL_INCOMPLETE "[incomplete]" /* stands for the callers of a stack that ends too early   \
					 */

#endif
