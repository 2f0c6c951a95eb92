// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * run: the command is forked, held before its exec until everything is probed, and then let go. The
 * probes are on files, not on the process: its children are to be seen too, from their first
 * allocation. Which processes are meant is decided in the kernel side (targets).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/trace.h"
#include "cli/trace_spy.h"
#include "heap/check.h"
#include "probe/closure.h"
#include "util/log.h"

struct run {
	pid_t pid;
	int go_fd;    /* a byte lets the command go */
	int error_fd; /* the errno of its exec; nothing if it worked */
	char *path;
	int status; /* as wait(2) gives it */
	bool ended;
};

/* In the child: nothing here may allocate, the probes may be live. */
static void hold_and_exec(
	const struct options *options, const struct run *run, int go_fd, int error_fd)
{
	char byte;

	if (read(go_fd, &byte, 1) == 1) {
		execv(run->path, options->args);
		if (write(error_fd, &errno, sizeof(errno)) < 0)
			_exit(EXIT_CANNOT_RUN);
	}
	_exit(EXIT_CANNOT_RUN);
}

/* Before heaptap changes anything of itself: signals, limits, threads. The command is to inherit
 * what heaptap was started with. */
static int fork_command(const struct options *options, struct run *run)
{
	int go[2], error[2];

	if (pipe2(go, O_CLOEXEC) || pipe2(error, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	run->pid = fork();
	if (run->pid < 0)
		return -errno;
	if (!run->pid) {
		close(go[1]);
		hold_and_exec(options, run, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	run->go_fd = go[1];
	run->error_fd = error[0];
	return 0;
}

static int find_command(const struct options *options, struct run *run)
{
	if (!options->arg_cnt) {
		log_error("run needs a command; try: heaptap run -- ls -l");
		return EXIT_USAGE;
	}
	run->path = closure__find_command(options->args[0]);
	if (run->path)
		return 0;
	log_error("cannot run '%s': %s", options->args[0], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/*
 * Words of the command that name a program (env X=1 PROGRAM, nice PROGRAM, timeout 5 PROGRAM): what
 * it will execute is made ready as well, before its first allocation. A wrong guess costs some
 * milliseconds and nothing else. Words with a "=" before it are taken for its environment.
 */
#define LAUNCHED_WORDS_MAX 16

static void add_launched(const struct options *options, struct paths *paths)
{
	char *environment[LAUNCHED_WORDS_MAX + 1] = {NULL};
	int variable_cnt = 0;

	for (int i = 1; i < options->arg_cnt && i < LAUNCHED_WORDS_MAX; i++) {
		char *word = options->args[i], *path;

		if (strchr(word, '=') && *word != '-') {
			environment[variable_cnt++] = word;
			continue;
		}
		path = *word == '-' ? NULL : closure__find_command(word);
		if (path)
			closure__add(paths, path, variable_cnt ? environment : environ);
		free(path);
	}
}

/* Every file that the command, and most likely its children, will allocate from. -ENOTSUP: there is
 * nothing to be probed in what it will map; reason says why. */
static int probe_closure(
	struct trace *trace, const struct paths *paths, pid_t for_pid, char *reason)
{
	bool is_no_program = false; /* its exec will say so */
	char first[256] = "";
	int sites = 0;

	for (size_t i = 0; i < paths->cnt; i++)
		trace__preload_path(trace, paths->paths[i]);
	for (size_t i = 0; i < paths->cnt; i++) {
		int ret = targets__add_path(trace->targets, paths->paths[i], for_pid, reason);

		if (ret == -EBUSY)
			return ret;
		if (ret > 0)
			sites += ret;
		else if (!*first)
			strcpy(first, reason);
		is_no_program |= ret == -ENOEXEC || ret == -EIO;
	}
	strcpy(reason, first);
	return sites || is_no_program ? 0 : -ENOTSUP;
}

static void probe_installed(struct trace *trace)
{
	struct paths paths = {0};
	char reason[256] = "";

	closure__add_installed_allocators(&paths);
	for (size_t i = 0; i < paths.cnt; i++) {
		if (targets__add_path(trace->targets, paths.paths[i], ALL_PROCESSES, reason) < 0)
			log_debug(1, "%s", reason);
	}
	paths__destroy(&paths);
}

static int probe_files(struct trace *trace, const struct run *run, char *reason)
{
	bool alone = trace->options->no_children;
	struct paths paths = {0};
	int err = paths__add(&paths, run->path);

	if (!err)
		err = closure__add(&paths, run->path, environ);
	add_launched(trace->options, &paths);
	if (!err)
		err = probe_closure(trace, &paths, alone ? run->pid : ALL_PROCESSES, reason);
	/* Each perf event takes the kernel long to remove: others are probed when they appear. */
	if (!err && !alone && tracer__link_kind(trace->tracer) != LINK_PERF)
		probe_installed(trace);
	paths__destroy(&paths);
	return err;
}

static int let_go(struct run *run)
{
	int exec_errno;

	if (write(run->go_fd, "", 1) != 1)
		return -errno;
	if (read(run->error_fd, &exec_errno, sizeof(exec_errno)) == sizeof(exec_errno))
		return -exec_errno;
	return 0;
}

static int refuse(const struct run *run, int err, const char *reason)
{
	if (err == -ENOTSUP || err == -EBUSY) {
		log_error("'%s' cannot be traced: %s", run->path, reason);
		return EXIT_TARGET;
	}
	log_error("cannot run '%s': %s", run->path, strerror(-err));
	return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}

/* All that it will need, as far as can be told. An exit code. */
static int prepare(struct trace *trace, const struct run *run)
{
	char reason[256] = "";
	int exit_code = trace__foresee_points(
		trace, trace->options->no_children ? run->pid : ALL_PROCESSES);
	int err = exit_code ? 0 : tracer__add_target(trace->tracer, run->pid);

	if (!err && !exit_code)
		err = probe_files(trace, run, reason);
	if (err)
		return refuse(run, err, reason);
	trace_spy__attached(trace);
	trace__settle(trace);
	return exit_code ? exit_code : trace__check_points(trace);
}

static int start(struct trace *trace, struct run *run)
{
	int exit_code = prepare(trace, run);
	int err = exit_code ? 0 : let_go(run);

	return err ? refuse(run, err, "") : exit_code;
}

/* An executable that is started, or a library that is loaded, may have an allocator that was not
 * foreseen. It is probed now, and its process's books are no longer from birth. */
static void on_file(struct trace *trace, struct module *module, pid_t tgid, uint32_t image)
{
	const struct run *run = trace->arg;
	pid_t for_pid = trace->options->no_children ? run->pid : ALL_PROCESSES;
	char reason[256] = "";
	int ret = targets__add_module(trace->targets, module, for_pid, reason);

	if (ret < 0)
		log_debug(1, "%s", reason);
	trace__mark_module(trace, tgid, image, ret);
}

static void on_exec(struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);
	struct process_probes probes;
	char reason[256] = "";

	if (trace->options->no_children)
		return;
	targets__add_process(trace->targets, info->tgid, ALL_PROCESSES,
		traced__of(process)->began_ns, reason, &probes);
	trace__mark_process(trace, info, &probes);
}

/* A key pressed on the terminal has reached the command too; what was sent to heaptap alone is
 * handed on. */
static bool on_signal(struct trace *trace, int number, bool from_terminal)
{
	struct run *run = trace->arg;

	if (number == SIGCHLD) {
		if (waitpid(run->pid, &run->status, WNOHANG) == run->pid)
			run->ended = trace->done = true;
	} else if (!from_terminal && !run->ended) {
		kill(run->pid, number);
	}
	return true;
}

static int finish(struct trace *trace, struct run *run)
{
	trace__summarize(trace, SUMMARY_FINAL);
	if (trace->exit_code)
		return trace->exit_code;
	if (trace->options->error_exitcode >= 0 && trace->anything_amiss)
		return trace->options->error_exitcode;
	return WIFSIGNALED(run->status) ? EXIT_SIGNAL + WTERMSIG(run->status)
					: WEXITSTATUS(run->status);
}

/* If it never ran, it is told to end by the pipe's end. */
static void reap(struct run *run)
{
	if (run->go_fd >= 0)
		close(run->go_fd);
	if (run->error_fd >= 0)
		close(run->error_fd);
	if (run->pid > 0 && !run->ended)
		waitpid(run->pid, NULL, 0);
	free(run->path);
}

int cmd_run(const struct options *options)
{
	struct tracer_config config = {
		.link = options->link,
		.ring_sz = options->ring_size,
		.stack_mode = options->stack,
		.targets_only = true,
		.follow_children = !options->no_children,
	};
	struct trace_hooks hooks = {
		.on_exec = on_exec,
		.on_file = on_file,
		.on_signal = on_signal,
		.keeps_ended = true,
	};
	struct run run = {.go_fd = -1, .error_fd = -1};
	struct trace trace;
	int exit_code = find_command(options, &run), err;

	if (exit_code)
		goto out;
	err = fork_command(options, &run);
	if (err) {
		log_error("cannot start a process: %s", strerror(-err));
		exit_code = EXIT_TRACING;
		goto out;
	}
	exit_code = trace__open(&trace, options, &config, stderr, &hooks);
	trace.arg = &run;
	if (!exit_code)
		exit_code = start(&trace, &run);
	if (!exit_code) {
		trace__loop(&trace);
		exit_code = finish(&trace, &run);
	}
	exit_code = trace__close(&trace, exit_code);
out:
	reap(&run);
	return exit_code;
}
