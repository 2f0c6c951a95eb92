/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What run, attach and watch have in common: tracer, books and output, put together, and the loop
 * that serves the ring, timers and signals until somebody ends it.
 */
#ifndef HEAPTAP_CLI_TRACE_H
#define HEAPTAP_CLI_TRACE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include "cli/command.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "collect/collector.h"
#include "collect/new_files.h"
#include "control/control.h"
#include "probe/targets.h"
#include "probe/tracer.h"
#include "probe/unwinding.h"
#include "report/checkpoint_name.h"
#include "symbol/symbolize.h"

struct trace;

/* What a command does at the loop's turns; any may be NULL. They end the loop by trace->done. */
struct trace_hooks {
	/* Processes have ended since the last call; their books are closed, and are told in the
	 * next summary. */
	void (*on_ended)(struct trace *trace, size_t ended_cnt);
	/* A process's books were opened; a file is executed that the kernel side has just numbered,
	 * by the image of a process whose books may not be open yet. */
	void (*on_exec)(struct trace *trace, struct process *process);
	void (*on_file)(struct trace *trace, struct module *module, pid_t tgid, uint32_t image);
	/* A signal that is not SIGUSR1 or SIGUSR2: true if the command has dealt with it. */
	bool (*on_signal)(struct trace *trace, int signal, bool from_terminal);
	/* Ended processes are told of again, to the last summary. */
	bool keeps_ended;
	/* Processes that called no allocator are not told of. */
	bool hides_silent;
	/* A pidfd given to trace__watch_pidfd became readable. */
	void (*on_pidfd)(struct trace *trace, pid_t pid);
};

/* What is to be told of an image beside its books. */
enum trace_mark {
	MARK_LATE,     /* an allocator of it was probed when it could have been called before */
	MARK_UNPROBED, /* an allocator that it may have could not be probed */
};

/* Given before the image's books were opened. */
#define MARKS_PENDING 256
struct pending_mark {
	pid_t tgid;	/* 0: none */
	uint32_t image; /* 0: of those that began before this was known */
	enum trace_mark mark;
	uint64_t given_ns; /* CLOCK_MONOTONIC */
};

/* When it was last looked for files to be forgotten (trace_forget.c), and what was left. */
struct forgetting {
	double at_s; /* CLOCK_MONOTONIC */
	size_t file_cnt;
	size_t condemned_cnt; /* of them: they go at the next look */
	uint64_t rows_bytes;  /* of unwind rows */
	bool is_under_way;    /* not all that may have to go has gone */
};

/* A process that was stopped in an allocation of its (--stop-at, --stop-when); or one whose stack is
 * to be judged for that. */
#define STOPS_MAX 64
struct stop {
	pid_t tgid, tid;
	uint32_t image;
	uint64_t number;
	uint64_t stack_hash;
	uint64_t late_number; /* it was stopped only when it had come so far; 0: no */
};

struct trace {
	const struct options *options;
	struct trace_hooks hooks;
	void *arg; /* the command's own */
	struct tracer *tracer;
	struct modules *modules;
	struct files *files;
	struct symbolizer *symbolizer;
	struct targets *targets;
	struct unwinding *unwinding;
	struct heap *heap;
	struct ingest ingest;
	struct collector *collector;
	struct new_files *new_files; /* NULL: stacks need no rows */
	struct outputs *outputs;
	struct trace_spy *spy; /* instead; NULL: none */
	struct control *control;		  /* NULL: heaptap cannot be asked */
	char checkpoint[CHECKPOINT_NAME_MAX + 1]; /* the last one's name */
	char previous_checkpoint[CHECKPOINT_NAME_MAX +
				 1]; /* differences count from; "": none yet */
	size_t checkpoint_cnt;
	double began_s;	     /* CLOCK_MONOTONIC */
	uint64_t settled_ns; /* the same: everything that was foreseen is probed; 0: not yet */
	sigset_t old_signals;
	int epoll_fd, signal_fd, interval_fd, duration_fd;
	int exit_code;	  /* what went wrong so far */
	bool was_told_to_end; /* by a signal, or the time that was given is over */
	bool anything_amiss;  /* in the last summary: blocks outstanding, or a wrong free */
	bool done;	  /* the loop ends after the ring is empty */
	size_t ended_cnt; /* processes since the last on_ended */
	struct pending_mark marks[MARKS_PENDING];
	size_t mark_cnt; /* pending ones ever: the oldest are written over */
	struct forgetting forgetting;
	struct stop stops[STOPS_MAX]; /* the first; others are stopped all the same */
	size_t stop_cnt, told_stop_cnt;
	struct stop *unjudged; /* whose threads wait for the verdict (--stop-when) */
	size_t unjudged_cnt, unjudged_cap;
	struct counters forgotten; /* of processes that were told of and forgotten */
	uint64_t turns_lost;	   /* records lost when it was last looked for lost turns */
};

/*
 * Opens the output, then loads the kernel side. 0, or an exit code after saying what failed; the
 * trace is to be closed in both cases. default_out: where summaries go without -o.
 */
int trace__open(struct trace *trace, const struct options *options,
	const struct tracer_config *config, FILE *default_out, const struct trace_hooks *hooks);

/* Serves until done, then writes the last summary. Returns an exit code. */
int trace__loop(struct trace *trace);
/* The exit code that it is given; EXIT_OUTPUT, after saying why, if the outputs could not be ended.
 */
int trace__close(struct trace *trace, int exit_code);

/* All that can be foreseen is probed, before the first process runs on. */
void trace__settle(struct trace *trace);

/* Probes the files that --checkpoint-at names by a path, for `for_pid` or ALL_PROCESSES; when all is
 * probed that can be foreseen, checks that the functions were found. An exit code, after saying what is
 * wrong. */
int trace__foresee_points(struct trace *trace, pid_t for_pid);
int trace__check_points(struct trace *trace);

/* To be told of this image; image 0: of the process's present one. */
void trace__mark(struct trace *trace, pid_t tgid, uint32_t image, enum trace_mark mark);

/* To be told of it by what came of probing one file (targets__add_module), or all that the process
 * executes: /proc tells what that is now, which can be another image's already, whose exec is not
 * told yet. */
void trace__mark_module(struct trace *trace, pid_t tgid, uint32_t image, int ret);
void trace__mark_process(
	struct trace *trace, const struct process_info *info, const struct process_probes *probes);

int trace__watch_pidfd(struct trace *trace, pid_t pid);

/* Loads what unwinding needs before anything is probed: of one file, of all that a process
 * executes. What fails here is made up for when the file is first met. */
void trace__preload_path(struct trace *trace, const char *path);
void trace__preload_process(struct trace *trace, pid_t pid);

/* Writes a summary of all processes; ended ones are told once, and then forgotten. */
void trace__summarize(struct trace *trace, enum summary_kind kind);
/* Writes a summary that is a checkpoint; NULL: it is named by its number. 0, or -EIO if it could
 * not be written (said). */
int trace__checkpoint(struct trace *trace, const char *name);
/* Of one process that has ended. */
void trace__summarize_ended(struct trace *trace, struct process *process);

double monotonic_s(void);
uint64_t monotonic_ns(void);

#endif
