// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One thread, one epoll. The ring is looked into by the clock (LOOK_MS), and woken early when it is
 * filling; summaries are made between two looks, so they see the books at rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "cli/machine.h"
#include "cli/summary_build.h"
#include "cli/trace.h"
#include "report/output.h"
#include "util/proc.h"
#include "util/log.h"

#define LOOK_MS 50

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD};

double monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- opening ---- */

#define PIDFD_BIT (1ull << 32) /* in epoll's data: a pidfd; the lower half is the pid */

/* A pidfd stays readable for good: it is told of once. */
static int epoll_add(struct trace *trace, int fd, uint64_t data)
{
	struct epoll_event event = {
		.events = data & PIDFD_BIT ? EPOLLIN | EPOLLONESHOT : EPOLLIN, .data.u64 = data};

	return epoll_ctl(trace->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Each executed file is held open for its names. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
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
	return epoll_add(trace, trace->signal_fd, trace->signal_fd);
}

/* A timer of `seconds`, once or again and again; -1 in ret_fd for none. */
static int open_timer(struct trace *trace, double seconds, bool again, int *ret_fd)
{
	struct timespec time = {.tv_sec = seconds, .tv_nsec = (seconds - (time_t)seconds) * 1e9};
	struct itimerspec spec = {.it_value = time, .it_interval = again ? time : (struct timespec){0}};

	if (seconds <= 0)
		return 0;
	*ret_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (*ret_fd < 0 || timerfd_settime(*ret_fd, 0, &spec, NULL))
		return -errno;
	return epoll_add(trace, *ret_fd, *ret_fd);
}

static int open_output(struct trace *trace, FILE *default_out)
{
	const char *path = trace->options->output;

	trace->out = default_out;
	if (path) {
		trace->out = fopen(path, "we");
		if (!trace->out) {
			log_error("cannot write %s: %s", path, strerror(errno));
			return EXIT_OUTPUT;
		}
		trace->out_is_ours = true;
	}
	trace->colour = trace->options->colour == COLOUR_ALWAYS ||
			(trace->options->colour == COLOUR_AUTO && isatty(fileno(trace->out)) &&
				!(getenv("NO_COLOR") && *getenv("NO_COLOR")));
	return 0;
}

static void tell_end(void *arg, struct process *process)
{
	struct trace *trace = arg;

	trace->ended_cnt++;
}

static void tell_begin(void *arg, struct process *process)
{
	struct trace *trace = arg;
	struct process_info *info = process__info(process);

	symbolizer__note_process(trace->symbolizer, info->tgid, info->start_ns);
	if (trace->late_tgid == info->tgid && trace->late_image == info->image)
		trace__mark_late(trace, info->tgid, info->image);
	if (trace->hooks.on_exec)
		trace->hooks.on_exec(trace, process);
}

void trace__mark_late(struct trace *trace, pid_t tgid, uint32_t image)
{
	struct process *process = heap__find(trace->heap, tgid, image);

	if (!process) { /* its exec is told next */
		trace->late_tgid = tgid;
		trace->late_image = image;
		return;
	}
	traced__of(process)->late_probes = true;
	process__info(process)->from_birth = false;
}

static bool tell_lost(void *arg, pid_t tgid, uint32_t image)
{
	struct trace *trace = arg;
	struct counters counters;

	tracer__counters(trace->tracer, tgid, image, &counters);
	return counters__lost(&counters);
}

static bool needs_rows(const struct trace *trace)
{
	return trace->options->stack == STACK_AUTO || trace->options->stack == STACK_DWARF;
}

static void tell_file(void *arg, struct module *module, const struct file_event *record)
{
	struct trace *trace = arg;
	bool alone = !trace->new_files || record->event.flags & EVENT_F_ALONE;

	if (needs_rows(trace) && alone)
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
	trace->ingest = (struct ingest){
		.heap = trace->heap,
		.modules = trace->modules,
		.files = trace->files,
		.hooks = {.on_begin = tell_begin,
			.on_end = tell_end,
			.on_file = tell_file,
			.has_lost = tell_lost,
			.arg = trace},
	};
	return 0;
}

static int open_tracer(struct trace *trace, const struct tracer_config *config)
{
	char *log = NULL;
	struct tracer_config full = *config;
	int err, exit_code = 0;

	full.helper = symbolizer__keeper(trace->symbolizer);
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
	struct module *module = modules ? modules__add(modules, file->dev, file->inode, file->path,
						  file->pid) :
					  NULL;

	if (module)
		unwinding__add(trace->unwinding, module, file->number);
	modules__free(modules);
}

static int open_rest(struct trace *trace)
{
	int err;

	trace->targets = targets__new(trace->tracer, trace->modules);
	trace->unwinding = unwinding__new(trace->tracer);
	if (!trace->targets || !trace->unwinding)
		return -ENOMEM;
	trace->collector = collector__new(tracer__ring_fd(trace->tracer), &trace->ingest);
	if (!trace->collector)
		return -errno;
	if (needs_rows(trace))
		trace->new_files = new_files__start(
			tracer__new_files_fd(trace->tracer), load_new_file, trace);
	err = epoll_add(trace, collector__fd(trace->collector), collector__fd(trace->collector));
	if (!err)
		err = open_timer(trace, trace->options->interval_s, true, &trace->interval_fd);
	if (!err)
		err = open_timer(trace, trace->options->duration_s, false, &trace->duration_fd);
	return err;
}

int trace__open(struct trace *trace, const struct options *options,
	const struct tracer_config *config, FILE *default_out, const struct trace_hooks *hooks)
{
	int exit_code, err;

	*trace = (struct trace){.options = options, .hooks = *hooks, .began_s = monotonic_s()};
	trace->epoll_fd = trace->signal_fd = trace->interval_fd = trace->duration_fd = -1;
	sigprocmask(SIG_BLOCK, NULL, &trace->old_signals);
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, and told as one */
	exit_code = open_output(trace, default_out);
	if (exit_code)
		return exit_code;
	trace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = trace->epoll_fd < 0 ? -errno : open_signals(trace);
	if (!err)
		err = open_books(trace);
	if (!err) {
		exit_code = open_tracer(trace, config);
		if (exit_code)
			return exit_code;
		err = open_rest(trace);
	}
	if (err)
		log_error("cannot start tracing: %s", strerror(-err));
	return err ? EXIT_TRACING : 0;
}

static void free_processes(struct trace *trace)
{
	struct process *process;

	while (trace->heap && (process = heap__next(trace->heap, NULL)))
		ingest__forget(&trace->ingest, process);
}

void trace__close(struct trace *trace)
{
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
	if (trace->out_is_ours)
		fclose(trace->out);
	sigprocmask(SIG_SETMASK, &trace->old_signals, NULL);
}

/* ---- call stacks from the first one on ---- */

static void preload(struct trace *trace, struct module *module)
{
	uint32_t number;

	unwinding__preload(trace->unwinding, module, &number);
	if (number)
		files__set(trace->files, number, module);
}

void trace__preload_path(struct trace *trace, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct module *module = NULL;

	if (fd >= 0 && needs_rows(trace))
		module = modules__add_fd(trace->modules, fd, path);
	if (module)
		preload(trace, module);
	close_fd(fd);
}

struct preload_process {
	struct trace *trace;
	pid_t pid;
};

static int preload_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct preload_process *process = arg;
	struct module *module = modules__add(process->trace->modules, mapping->dev, mapping->inode,
		mapping->path, process->pid);

	if (module)
		preload(process->trace, module);
	return 0;
}

void trace__preload_process(struct trace *trace, pid_t pid)
{
	struct preload_process process = {trace, pid};

	if (needs_rows(trace))
		proc__each_executable(pid, preload_mapping, &process);
}

/* ---- summaries ---- */

static void output_failed(struct trace *trace, int err)
{
	trace->exit_code = EXIT_OUTPUT;
	trace->done = true;
	if (err == -EPIPE)
		return; /* the reader has seen enough */
	log_error("cannot write %s: %s", trace->options->output ? trace->options->output : "output",
		strerror(-err));
}

static void render(struct trace *trace, const struct summary *summary)
{
	struct render_options options = {
		.colour = trace->colour,
		.verbosity = trace->options->verbosity,
		.min_age_s = trace->options->min_age_s,
	};
	int err;

	if (trace->summary_cnt++ && trace->options->format == &text_renderer)
		fputc('\n', trace->out);
	err = trace->options->format->render(summary, &options, trace->out);

	if (!err && fflush(trace->out))
		err = -errno;
	if (!err)
		return;
	output_failed(trace, err);
	/* What was measured is not to be lost with a full disk. */
	if (err != -EPIPE && trace->out_is_ours)
		text_renderer.render(summary, &options, stderr);
}

static void summarize(struct trace *trace, enum summary_kind kind, struct process *only)
{
	struct summary_draft *draft;

	if (trace->exit_code == EXIT_OUTPUT)
		return;
	draft = summary_draft__new(trace, kind, only);
	if (!draft) {
		log_error("no memory for a summary");
		trace->exit_code = EXIT_TRACING;
		return;
	}
	render(trace, summary_draft__summary(draft));
	summary_draft__free(draft);
}

/* Names can take seconds: meanwhile the ring must not fill. The books are as they were until then. */
static void summarize_while_tracing(
	struct trace *trace, enum summary_kind kind, struct process *only)
{
	collector__pause(trace->collector);
	summarize(trace, kind, only);
}

static void forget(struct trace *trace, struct process *process)
{
	struct process_info *info = process__info(process);
	struct counters counters;

	tracer__counters(trace->tracer, info->tgid, info->image, &counters);
	for (int i = 0; i < COUNTER_CNT; i++)
		trace->forgotten.count[i] += counters.count[i];
	tracer__forget_image(trace->tracer, info->tgid, info->image);
	ingest__forget(&trace->ingest, process);
}

/* From here growth is counted anew, and the ended have been told of (run tells all at its end). */
static void turn_page(struct trace *trace)
{
	struct process *process = heap__next(trace->heap, NULL), *next;

	for (; process; process = next) {
		struct traced *traced = traced__of(process);
		const struct heap_totals *totals = process__totals(process);

		next = heap__next(trace->heap, process);
		traced->shown_bytes = totals->outstanding_bytes;
		traced->shown_blocks = totals->outstanding_blocks;
		process__mark(process);
		if (process__info(process)->state != PROCESS_RUNNING && !trace->hooks.keeps_ended)
			forget(trace, process);
	}
}

/* Of unwind rows in the kernel: far more than a machine's running programs need. */
#define ROWS_BYTES_MAX (64u << 20)

void trace__summarize(struct trace *trace, enum summary_kind kind)
{
	if (kind == SUMMARY_FINAL) {
		summarize(trace, kind, NULL);
		return;
	}
	summarize_while_tracing(trace, kind, NULL);
	turn_page(trace);
	unwinding__trim(trace->unwinding, ROWS_BYTES_MAX);
	collector__resume(trace->collector);
}

void trace__summarize_ended(struct trace *trace, struct process *process)
{
	summarize_while_tracing(trace, SUMMARY_EXIT, process);
	forget(trace, process);
	collector__resume(trace->collector);
}

/* ---- the loop ---- */

static void drain_fd(int fd)
{
	uint64_t expirations;

	while (read(fd, &expirations, sizeof(expirations)) > 0)
		;
}

static void on_signals(struct trace *trace)
{
	struct signalfd_siginfo info;

	while (read(trace->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int number = info.ssi_signo;

		if (number == SIGUSR1)
			trace__summarize(trace, SUMMARY_PERIODIC);
		else if (trace->hooks.on_signal &&
			 trace->hooks.on_signal(trace, number, info.ssi_code > 0))
			;
		else if (number != SIGCHLD)
			trace->done = true;
	}
}

int trace__watch_pidfd(struct trace *trace, pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	/* It stays open until heaptap ends: epoll would lose it otherwise. */
	return epoll_add(trace, fd, PIDFD_BIT | (uint32_t)pid) ? -errno : fd;
}

static void on_ready(struct trace *trace, uint64_t data)
{
	if (data & PIDFD_BIT) {
		trace->hooks.on_pidfd(trace, (pid_t)data);
	} else if ((int)data == trace->signal_fd) {
		on_signals(trace);
	} else if ((int)data == trace->interval_fd) {
		drain_fd(trace->interval_fd);
		trace__summarize(trace, SUMMARY_PERIODIC);
	} else if ((int)data == trace->duration_fd) {
		drain_fd(trace->duration_fd);
		trace->done = true;
	}
}

/* What is in the ring at this moment, but for what is being added. */
static void drain_ring(struct trace *trace)
{
	for (int batches = 0; batches < 64 && !collector__drain(trace->collector); batches++)
		;
}

static void tell_ended(struct trace *trace)
{
	/* Telling of one takes in what was recorded meanwhile: perhaps another's end. */
	while (trace->ended_cnt) {
		size_t ended_cnt = trace->ended_cnt;

		trace->ended_cnt = 0;
		if (trace->hooks.on_ended)
			trace->hooks.on_ended(trace, ended_cnt);
	}
}

int trace__loop(struct trace *trace)
{
	struct epoll_event events[16];

	while (!trace->done) {
		bool empty = collector__drain(trace->collector);
		int cnt = epoll_wait(trace->epoll_fd, events, 16, empty ? LOOK_MS : 0);

		for (int i = 0; i < cnt; i++) {
			if ((int)events[i].data.u64 != collector__fd(trace->collector))
				collector__drain(trace->collector);
			on_ready(trace, events[i].data.u64);
		}
		tell_ended(trace);
	}
	tracer__detach(trace->tracer); /* the targets run at full speed while the summary is made */
	drain_ring(trace);
	tell_ended(trace);
	return trace->exit_code;
}
