/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording as it is named on the command line: FILE for all of its snapshots, FILE:N for the
 * Nth, FILE:-N for the Nth from its end, FILE:NAME for the last checkpoint of this name. */
#ifndef HEAPTAP_CLI_RECORDED_ARG_H
#define HEAPTAP_CLI_RECORDED_ARG_H

#include "record/recording.h"

struct recorded_arg {
	const char *text; /* borrowed */
	struct recording *recording;
	size_t begin, end; /* the snapshots that are meant: one at least */
};

/* 0, or an exit code after saying what is wrong; to be closed in both cases. */
int recorded_arg__open(struct recorded_arg *arg, const char *text);
void recorded_arg__close(struct recorded_arg *arg);
/* Snapshot i. As recorded_arg__open. */
int recorded_arg__read(const struct recorded_arg *arg, size_t i, struct recorded **ret_recorded);

#endif
