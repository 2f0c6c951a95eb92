/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A trace whose records go to a spy instead of the books, which keep call stacks only. */
#ifndef HEAPTAP_CLI_TRACE_SPY_H
#define HEAPTAP_CLI_TRACE_SPY_H

#include "cli/trace.h"

/* 0, or an exit code after saying what failed. default_out: without -o. */
int trace_spy__open(struct trace *trace, FILE *default_out);
/* What the kernel side is to tell. */
struct spy_config trace_spy__config(const struct spy_options *options);
/* A record of it. */
void trace_spy__call(struct trace *trace, struct process *process, const struct spy_event *record);
/* All probes are in place; and: they are to be removed now. */
void trace_spy__attached(struct trace *trace);
void trace_spy__detaching(struct trace *trace);
/* Between two looks into the ring: what was told goes to the reader, and what was lost is told. */
void trace_spy__turn(struct trace *trace);
/* The last of it; while the tracer is there. Returns the exit code that it is given, or another. */
int trace_spy__end(struct trace *trace, int exit_code);
void trace_spy__free(struct trace *trace);

#endif
