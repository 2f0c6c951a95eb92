/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of processes and frames for formats whose readers cut lines at certain characters. Labels are
 * new strings (free()), NULL without memory: UTF-8 without control characters, in which each of
 * `separators` is \xNN. */
#ifndef HEAPTAP_REPORT_LABELS_H
#define HEAPTAP_REPORT_LABELS_H

#include "report/summary.h"

/* "redis-server-1234": the name that perf's tools give a process */
char *process__label(const struct summary_process *process, const char *separators);
/* The function, "[module+0x5b2f4]", or "[0x7f3a5c1e9d20]" */
char *frame__label(const struct summary_frame *frame, const char *separators);
#define COMM_SIZE (sizeof(((struct process_info *)0)->comm) + 1)
/* The command's name, which may have come without its NUL. Returns buf. */
const char *process__comm(const struct process_info *info, char buf[static COMM_SIZE]);
/* A path's last component. Borrowed from the path. */
const char *path__name(const char *path);

/* They stand for a stack whose frames were lost, and for the callers of one that ends too early. */
#define LABEL_NO_FRAMES "[unknown]"
#define LABEL_INCOMPLETE "[incomplete]"

/* "double free"; "freed by": of a finding, and of each of its stacks. */
extern const char *const finding_titles[FINDING_KIND_CNT];
extern const char *const finding_stack_titles[FINDING_STACK_CNT];

/* "blocks left behind": of each quantity of a section. */
struct section_quantity_row {
	const char *text;
	bool is_bytes;
};
extern const struct section_quantity_row section_quantities[SECTION_QUANTITY_CNT];

#endif
