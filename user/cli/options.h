/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a person asked for. options.def is the one place for options. */
#ifndef HEAPTAP_CLI_OPTIONS_H
#define HEAPTAP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "probe/link.h"
#include "probe/points.h"
#include "probe/tracer.h"
#include "report/kind_rules.h"
#include "report/selection.h"
#include "report/summary.h"
#include "spy/spy.h"

#define BLOCKS_LISTED 20 /* unless it is said how many */

enum colour_mode { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

enum {
	CMD_RUN = 1 << 0,
	CMD_ATTACH = 1 << 1,
	CMD_WATCH = 1 << 2,
	CMD_PROBES = 1 << 3,
	CMD_DOCTOR = 1 << 4,
	CMD_RECORD = 1 << 8,
	CMD_REPORT = 1 << 9,
	CMD_DIFF = 1 << 10,
	CMD_SPY = 1 << 14,
	CMD_CHECKPOINT = 1 << 16,
	CMD_STOP_AT = 1 << 18,
	CMD_TRACE = CMD_RUN | CMD_ATTACH | CMD_WATCH | CMD_RECORD,
	CMD_SHOW = CMD_TRACE | CMD_REPORT | CMD_DIFF,
	CMD_ASK = CMD_CHECKPOINT | CMD_STOP_AT,
	CMD_ALL = CMD_SHOW | CMD_SPY | CMD_PROBES | CMD_DOCTOR | CMD_ASK,
};

#define OUTPUTS_MAX 8

enum block_order { BLOCKS_BY_SIZE, BLOCKS_BY_AGE }; /* largest, oldest first */

/* Which blocks are listed, beside their stacks. */
struct block_listing {
	bool is_asked_for;
	size_t max; /* of a process; 0: all */
	enum block_order order;
	size_t contents_sz; /* of each, in bytes; 0: none */
	bool at_exit;	    /* also of processes that end */
};

struct output_paths {
	const char *paths[OUTPUTS_MAX];
	int cnt;
};

#define ALLOCATORS_MAX 32 /* --allocators options */

struct allocators {
	const char *names[ALLOCATORS_MAX]; /* of files or presets */
	size_t cnt;
};

struct options {
	double interval_s; /* 0: no periodic summaries */
	double duration_s; /* 0: no end of its own */
	int64_t top;	   /* stacks shown; 0: all; -1: as the format likes */
	double min_age_s;
	uint64_t min_bytes;
	enum sort_key sort;
	const struct renderer *format; /* NULL: not given (options__format) */
	struct output_paths output; /* none: stdout; run: stderr */
	uint64_t max_size;	    /* of a recording, in bytes */
	bool list;
	uint64_t fail_above; /* growth in bytes */
	int error_exitcode;  /* -1: the command's own */
	bool no_children;
	bool check;
	const char *comm, *exe, *user, *cgroup; /* NULL: any */
	uint32_t sample_bytes;			/* 0: every block */
	uint64_t ring_size;			/* bytes, a power of two */
	enum link_kind link;
	enum stack_mode stack;
	bool mmap;
	bool is_spy;
	struct spy_options spy;
	struct kind_rules kind_rules;
	bool all_kinds;
	bool statistics;
	struct block_listing blocks;
	struct points *points; /* own; NULL: none */
	int64_t stop_at; /* an allocation number; 0: none yet; -1: none */
	const char *stop_when; /* a pattern of stacks; NULL: none */
	pid_t pid;	 /* of the heaptap that is asked; 0: the only one */
	enum colour_mode colour;
	struct allocators allocators;
	int verbosity;
	unsigned int commands; /* that take all the options that were given */
	bool is_command;       /* "--" stood before the args */
	char **args;	       /* what follows the options: PIDs, files, the command */
	int arg_cnt;
};

/*
 * Parses a command's options (argv[0] is the command's name). 0, -EINVAL after saying what is
 * wrong, or 1: help was asked for and printed.
 */
int options__parse(struct options *ret_options, unsigned int command, int argc, char **argv);

/* Takes also what options__parse has not filled, if it is all 0. */
void options__destroy(struct options *options);

/* Kinds of blocks that are not told of. */
unsigned int options__left_out(const struct options *options);

/* Whether the kernel side numbers allocations. */
bool options__counts_allocations(const struct options *options);

/* The format of what goes to a FILE of -o, or (NULL) a stream: that of -f, or the one that its name
 * tells, or text. */
const struct renderer *options__format(const struct options *options, const char *path);
/* Of commands that write to one place. */
const struct renderer *options__only_format(const struct options *options);

/* Which stacks are to be shown in this format. */
struct selection options__selection(
	const struct options *options, const struct renderer *format);

/* The options of these commands, one a line, with their help. */
void options__print_help(FILE *out, unsigned int commands);

#endif
