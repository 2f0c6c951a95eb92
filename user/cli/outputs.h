/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where summaries go: each -o FILE, or a stream without one. A FILE whose name ends in ".heaptap"
 * is a recording; the others get the format that was asked for, or that their names tell. What holds
 * one summary is replaced by each new one at once (rename), so that a reader never sees half of it; a
 * stream or device gets the last summary at the end.
 */
#ifndef HEAPTAP_CLI_OUTPUTS_H
#define HEAPTAP_CLI_OUTPUTS_H

#include <stdbool.h>
#include <stdio.h>
#include "cli/options.h"
#include "report/summary.h"

struct outputs;

/* A closed pipe and a file of the size that a process may write (setrlimit(2)) are errors of writing
 * from here on, and told as such. */
void outputs__ignore_signals(void);
/* 0, or an exit code after saying what failed; to be closed in both cases. */
int outputs__open(struct outputs **ret_outputs, const struct options *options, FILE *default_out);
/* All stacks that any of them shows, and maybe more. A recording keeps all. */
struct selection outputs__selection(const struct outputs *outputs);
/* Whether each of them holds one summary: of several, each would only replace the one before. */
bool outputs__hold_one(const struct outputs *outputs);
/* To all of them. 0, or EXIT_OUTPUT after saying what failed; then the summary went to stderr as
 * text, so that what was measured is not lost with a full disk. */
int outputs__write(struct outputs *outputs, const struct summary *summary);
/* Whether what is written to the file has colours; NULL: a file that is no terminal. */
bool outputs__is_coloured(enum colour_mode mode, FILE *file);
/* Takes NULL. 0, or EXIT_OUTPUT after saying what failed. */
int outputs__close(struct outputs *outputs);

#endif
