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
#include "collect/collector.h"
#include "collect/new_files.h"
#include "probe/targets.h"
#include "probe/tracer.h"
#include "probe/unwinding.h"
#include "symbol/symbolize.h"

struct trace;

/* What a command does at the loop's turns; any may be NULL. They end the loop by trace->done. */
struct trace_hooks {
	/* Processes have ended since the last call; their books are closed, and are told in the next
	 * summary. */
	void (*on_ended)(struct trace *trace, size_t ended_cnt);
	/* A process's books were opened; a file is executed that the kernel side has just numbered, by
	 * the image of a process whose books may not be open yet. */
	void (*on_exec)(struct trace *trace, struct process *process);
	void (*on_file)(struct trace *trace, struct module *module, pid_t tgid, uint32_t image);
	/* A signal that is not SIGUSR1: true if the command has dealt with it. */
	bool (*on_signal)(struct trace *trace, int signal, bool from_terminal);
	/* Ended processes are told of again, to the last summary. */
	bool keeps_ended;
	/* Processes that called no allocator are not told of. */
	bool hides_silent;
	/* A pidfd given to trace__watch_pidfd became readable. */
	void (*on_pidfd)(struct trace *trace, pid_t pid);
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
	FILE *out;
	bool out_is_ours;
	bool colour;
	double began_s;	 /* CLOCK_MONOTONIC */
	sigset_t old_signals;
	int epoll_fd, signal_fd, interval_fd, duration_fd;
	int exit_code;	 /* what went wrong so far */
	bool done;	 /* the loop ends after the ring is empty */
	size_t summary_cnt; /* written */
	size_t ended_cnt; /* processes since the last on_ended */
	pid_t late_tgid;  /* of which an allocator was probed late, before its exec was told */
	uint32_t late_image;
	struct counters forgotten; /* of processes that were told of and forgotten */
};

/*
 * Opens the output, then loads the kernel side. 0, or an exit code after saying what failed; the
 * trace is to be closed in both cases. default_out: where summaries go without -o.
 */
int trace__open(struct trace *trace, const struct options *options,
	const struct tracer_config *config, FILE *default_out, const struct trace_hooks *hooks);

/* Serves until done, then writes the last summary. Returns an exit code. */
int trace__loop(struct trace *trace);
void trace__close(struct trace *trace);

/* An allocator of this image was probed when it could have been called before. */
void trace__mark_late(struct trace *trace, pid_t tgid, uint32_t image);

int trace__watch_pidfd(struct trace *trace, pid_t pid);

/* Loads what unwinding needs before anything is probed: of one file, of all that a process
 * executes. What fails here is made up for when the file is first met. */
void trace__preload_path(struct trace *trace, const char *path);
void trace__preload_process(struct trace *trace, pid_t pid);

/* Writes a summary of all processes; ended ones are told once, and then forgotten. */
void trace__summarize(struct trace *trace, enum summary_kind kind);
/* Of one process that has ended. */
void trace__summarize_ended(struct trace *trace, struct process *process);

double monotonic_s(void);

#endif
