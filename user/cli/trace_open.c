// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Puts tracer, books, symbolizer and output together, and takes them apart. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "cli/machine.h"
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "cli/trace_spy.h"
#include "heap/check.h"
#include "probe/functions.h"
#include "collect/counters.h"
#include "util/log.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int trace__epoll_add(struct trace *trace, int fd, uint64_t data)
{
	struct epoll_event event = {
		.events = data & PIDFD_BIT ? EPOLLIN | EPOLLONESHOT : EPOLLIN, .data.u64 = data};

	return epoll_ctl(trace->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

#define FILES_BEGIN (1 << 14) /* 128 KiB of the kernel's memory */

/*
 * Each executed file is held open for its names. The table of a process with threads grows only after
 * all programs that run have ended (expand_fdtable in Linux' fs/file.c: synchronize_rcu), and a thread
 * that waits for our answer in one of ours does not. So the table has its size before the threads begin.
 */
static void make_room_for_files(void)
{
	struct rlimit limit;
	int last;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	last = fcntl(0, F_DUPFD_CLOEXEC,
		limit.rlim_cur > FILES_BEGIN ? FILES_BEGIN - 1 : limit.rlim_cur - 1);
	close_fd(last);
}

static int open_signals(struct trace *trace)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &trace->old_signals);
	trace->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (trace->signal_fd < 0)
		return -errno;
	return trace__epoll_add(trace, trace->signal_fd, trace->signal_fd);
}

/* A timer of `seconds`, once or again and again; -1 in ret_fd for none. */
static int open_timer(struct trace *trace, double seconds, bool again, int *ret_fd)
{
	struct timespec time = {.tv_sec = seconds, .tv_nsec = (seconds - (time_t)seconds) * 1e9};
	struct itimerspec spec = {
		.it_value = time, .it_interval = again ? time : (struct timespec){0}};

	if (seconds <= 0)
		return 0;
	*ret_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (*ret_fd < 0 || timerfd_settime(*ret_fd, 0, &spec, NULL))
		return -errno;
	return trace__epoll_add(trace, *ret_fd, *ret_fd);
}

static void tell_end(void *arg, struct process *process)
{
	struct trace *trace = arg;

	trace->ended_cnt++;
	if (trace->options->sample_bytes)
		trace__forget_samples(trace, process);
}

static void tell_guest_end(void *arg, struct process *owner, pid_t tgid, uint32_t image)
{
	trace__forget_guest(arg, owner, tgid, image);
}

static void tell_begin(void *arg, struct process *process)
{
	struct trace *trace = arg;
	struct process_info *info = process__info(process);

	symbolizer__note_process(trace->symbolizer, info->tgid, info->start_ns);
	if (traced__of(process)->began_ns && traced__of(process)->began_ns < trace->settled_ns)
		info->from_birth = false; /* probes were still being set */
	if (trace->options->check && process__start_checks(process, trace->settled_ns))
		trace->ingest.no_memory++;
	if (trace__start_sections(trace, process))
		trace->ingest.no_memory++;
	trace__take_marks(trace, process);
	if (trace->hooks.on_exec)
		trace->hooks.on_exec(trace, process);
}

static void tell_spied(void *arg, struct process *process, const struct spy_event *record)
{
	trace_spy__call(arg, process, record);
}

void trace__settle(struct trace *trace)
{
	trace->settled_ns = monotonic_ns();
}

static uint64_t left_calls(void *arg, pid_t tgid, uint32_t image)
{
	struct trace *trace = arg;
	struct counters counters;

	tracer__counters(trace->tracer, tgid, image, &counters);
	return counters.count[COUNTER_abandoned_calls];
}

static void note_losses(void *arg, struct process *process, pid_t tgid, uint32_t image)
{
	struct trace *trace = arg;
	const struct process_info *info = process__info(process);
	struct counters counters;

	tracer__counters(trace->tracer, tgid, image, &counters);
	if (!counters__lost(&counters))
		return;
	process__mark_incomplete(process);
	if (info->tgid == tgid && info->image == image)
		process__set_doubt(process, counters__doubt(&counters));
}

/* Whose process had ended before it could be opened: not one that may not be, or is none of a file
 * system. */
static bool is_out_of_reach(const struct module *module)
{
	return module->fd < 0 && (module->error == -ENOENT || module->error == -ESRCH ||
					 module->error == -ESTALE);
}

/* By the next that maps it: or it would have no names and no rows, and an allocator in it no probes. */
static void announce_anew(struct trace *trace, const struct module *module, uint32_t number)
{
	tracer__unlist_number(
		trace->tracer, module->dev, module->inode, module->generation, number);
	files__note_unlisted(trace->files, number);
}

static void tell_file(void *arg, struct module *module, const struct file_event *record)
{
	struct trace *trace = arg;
	bool alone = !trace->new_files || record->event.flags & EVENT_F_ALONE;

	if (is_out_of_reach(module))
		announce_anew(trace, module, record->file);
	if (trace__needs_rows(trace) && alone)
		unwinding__add(trace->unwinding, module, record->file);
	if (trace->hooks.on_file)
		trace->hooks.on_file(trace, module, record->event.tgid, record->event.image);
}

static int open_books(struct trace *trace)
{
	trace->modules = modules__new();
	trace->files = files__new();
	trace->symbolizer = symbolizer__new();
	trace->heap = heap__new();
	if (!trace->modules || !trace->files || !trace->symbolizer || !trace->heap)
		return -ENOMEM;
	heap__set_sampling(trace->heap, trace->options->sample_bytes);
	trace->ingest = (struct ingest){
		.heap = trace->heap,
		.modules = trace->modules,
		.files = trace->files,
		.hooks = {.on_begin = tell_begin,
			.on_end = tell_end,
			.on_guest_end = tell_guest_end,
			.on_file = tell_file,
			.note_losses = note_losses,
			.on_point = trace__note_point,
			.on_spied = tell_spied,
			.left_calls = left_calls,
			.arg = trace},
	};
	return 0;
}

static int open_tracer(struct trace *trace, const struct tracer_config *config)
{
	char *log = NULL;
	struct spy_config spy = trace_spy__config(&trace->options->spy);
	struct tracer_config full = *config;
	int err, exit_code = 0;

	full.helper = symbolizer__keeper(trace->symbolizer);
	full.ranges = trace->options->mmap;
	full.sample_bytes = trace->options->sample_bytes;
	if (trace->options->is_spy)
		full.spy = &spy;
	full.check = trace->options->check;
	if (full.check)
		allocator_functions__check();
	full.stops = options__counts_allocations(trace->options);
	full.stop_when = trace->options->stop_when;
	full.holds_exits = trace->options->blocks.at_exit;
	full.stop_at = trace->options->stop_at > 0 ? trace->options->stop_at : 0;
	full.points = trace->options->points;
	err = tracer__new(&full, &trace->tracer, &log);

	if (err) {
		for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n"))
			log_debug(1, "%s", line);
		exit_code = machine__explain(err, config->link);
	}
	free(log);
	return exit_code;
}

/* In the thread that waits for new files: they are opened for their rows, and closed again. */
static void load_new_file(void *arg, const struct new_file *file)
{
	struct trace *trace = arg;
	struct modules *modules = modules__new();
	struct module *module =
		modules ? modules__add(modules, file->id, file->path, file->pid) : NULL;

	if (module)
		unwinding__add(trace->unwinding, module, file->number);
	modules__free(modules);
}

static int open_rest(struct trace *trace)
{
	int err;

	trace->targets = targets__new(trace->tracer, trace->modules, trace->options->mmap);
	trace->unwinding = unwinding__new(trace->tracer);
	if (!trace->targets || !trace->unwinding)
		return -ENOMEM;
	targets__tell_attached(trace->targets, trace__mark_late, trace);
	targets__wait_at(trace->targets, trace->options->points);
	trace__preload_vdso(trace);
	trace->collector = collector__new(tracer__ring_fd(trace->tracer), &trace->ingest);
	if (!trace->collector)
		return -errno;
	if (trace__needs_rows(trace))
		trace->new_files =
			new_files__start(tracer__new_files_fd(trace->tracer), load_new_file, trace);
	err = trace__epoll_add(
		trace, collector__fd(trace->collector), collector__fd(trace->collector));
	if (!err)
		err = open_timer(trace, trace->options->interval_s, true, &trace->interval_fd);
	if (!err)
		err = open_timer(trace, trace->options->duration_s, false, &trace->duration_fd);
	return err;
}

/* What was written there before is lost with it, so it comes late. A fifo's opening waits for its
 * reader: signals are let in, as Ctrl-C is to end that. */
static int open_output(struct trace *trace, FILE *default_out)
{
	sigset_t blocked;
	int exit_code;

	sigprocmask(SIG_SETMASK, &trace->old_signals, &blocked);
	exit_code = trace->options->is_spy
			    ? trace_spy__open(trace, default_out)
			    : outputs__open(&trace->outputs, trace->options, default_out);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return exit_code;
}

int trace__open(struct trace *trace, const struct options *options,
	const struct tracer_config *config, FILE *default_out, const struct trace_hooks *hooks)
{
	int exit_code, err;

	*trace = (struct trace){.options = options, .hooks = *hooks, .began_s = monotonic_s()};
	trace->forgetting.at_s =
		trace->began_s; /* at first, nobody maps what was preloaded for a command */
	trace->epoll_fd = trace->signal_fd = trace->interval_fd = trace->duration_fd = -1;
	sigprocmask(SIG_BLOCK, NULL, &trace->old_signals);
	make_room_for_files();
	trace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = trace->epoll_fd < 0 ? -errno : open_signals(trace);
	if (!err)
		err = open_books(trace);
	if (!err) {
		exit_code = open_tracer(trace, config);
		if (!exit_code && !options->is_spy)
			exit_code = open_output(trace, default_out);
		if (exit_code)
			return exit_code;
		err = open_rest(trace);
	}
	if (!err && options->is_spy)
		return open_output(trace, default_out);
	if (err)
		log_error("cannot start tracing: %s", strerror(-err));
	else
		trace__open_control(trace);
	return err ? EXIT_TRACING : 0;
}

static void free_processes(struct trace *trace)
{
	struct process *process;

	while (trace->heap && (process = heap__next(trace->heap, NULL)))
		ingest__forget(&trace->ingest, process);
}

int trace__close(struct trace *trace, int exit_code)
{
	int err;

	trace__tell_still_stopped(trace);
	if (!exit_code)
		trace__tell_unmet_points(trace);
	free(trace->unjudged);
	control__close(trace->control);
	new_files__stop(trace->new_files);
	tracer__free(trace->tracer); /* early: the targets run at full speed again */
	targets__free(trace->targets);
	unwinding__free(trace->unwinding);
	collector__free(trace->collector);
	free_processes(trace);
	heap__free(trace->heap);
	symbolizer__free(trace->symbolizer);
	files__free(trace->files);
	modules__free(trace->modules);
	close_fd(trace->epoll_fd);
	close_fd(trace->signal_fd);
	close_fd(trace->interval_fd);
	close_fd(trace->duration_fd);
	trace_spy__free(trace);
	err = outputs__close(trace->outputs);
	sigprocmask(SIG_SETMASK, &trace->old_signals, NULL);
	return err ? err : exit_code;
}
