/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* heaptap's commands and its exit codes. */
#ifndef HEAPTAP_CLI_COMMAND_H
#define HEAPTAP_CLI_COMMAND_H

#include <stdio.h>
#include "cli/options.h"

/* Documented in the man page; `run` hands on the command's own once it has started. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_TRACING = 1,      /* something failed while tracing */
	EXIT_USAGE = 2,	       /* an option or an argument makes no sense */
	EXIT_PRIVILEGE = 3,    /* a capability is missing */
	EXIT_KERNEL = 4,       /* this kernel cannot do it */
	EXIT_TARGET = 5,       /* no such process or file, or one that cannot be traced */
	EXIT_OUTPUT = 6,       /* a summary could not be written */
	EXIT_GROWN = 7,	       /* diff: memory grew by more than --fail-above */
	EXIT_CANNOT_RUN = 126, /* run: the command is there but cannot be executed */
	EXIT_NOT_FOUND = 127,  /* run: there is no such command */
	EXIT_SIGNAL = 128,     /* run: + the signal that killed the command */
};

struct command {
	const char *name;
	unsigned int bit; /* CMD_… */
	const char *usage;
	const char *help;			   /* one line */
	int (*run)(const struct options *options); /* an exit code */
};

const struct command *command__find(const char *name); /* NULL: there is none */
void command__print_help(FILE *out, unsigned int bit);
/* All commands, options and exit codes. */
void command__print_overview(FILE *out);
void version__print(FILE *out);

int cmd_run(const struct options *options);
int cmd_attach(const struct options *options);
int cmd_watch(const struct options *options);
int cmd_record(const struct options *options);
int cmd_report(const struct options *options);
int cmd_diff(const struct options *options);
int cmd_checkpoint(const struct options *options);
int cmd_stop_at(const struct options *options);
int cmd_probes(const struct options *options);
int cmd_spy(const struct options *options);
int cmd_doctor(const struct options *options);

#endif
