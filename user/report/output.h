/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the renderers share: writing, and tables of names. */
#ifndef HEAPTAP_REPORT_OUTPUT_H
#define HEAPTAP_REPORT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "collect/counters.h"

/* A row of stack_ends.def, by enum stack_end. */
struct stack_end_row {
	const char *key, *text;
};
extern const struct stack_end_row stack_end_rows[STACK_END_CNT];

/* A row of range_kinds.def, by enum range_kind. */
struct range_kind_row {
	const char *key, *text;
};
extern const struct range_kind_row range_kind_rows[RANGE_KIND_CNT];

/*
 * Where a summary goes. The first error is kept and nothing is written after it: stdio's own error
 * mark would not tell which error it was. -ENOMEM of a renderer is noted here too.
 */
struct output {
	FILE *file;
	int err; /* -errno; 0: fine so far */
};

void output__write(struct output *output, const char *text, size_t sz);
/* The string, as it is. */
void output__puts(struct output *output, const char *text);
__attribute__((format(printf, 2, 3))) void output__printf(
	struct output *output, const char *format, ...);
/* Writes out what is buffered. 0, or the first error. The file's error mark is cleared, so that a
 * later summary can succeed (the disk has room again). */
int output__finish(struct output *output);

#endif
