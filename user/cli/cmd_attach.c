// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * attach: each process is probed by links of its own, so nobody else pays. A process's end is
 * learnt by its pidfd too, which cannot be lost; its summary is written then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/trace.h"
#include "cli/trace_spy.h"
#include "probe/bystanders.h"
#include "util/log.h"
#include "util/proc.h"

struct attach {
	pid_t *pids; /* still traced */
	int pid_cnt;
};

static int parse_pid(const char *text, pid_t *ret_pid)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value <= 0 || value > 1 << 22) {
		log_error("'%s' is no process number", text);
		return EXIT_USAGE;
	}
	if (!proc__exists(value)) {
		log_error("there is no process %ld", value);
		return EXIT_TARGET;
	}
	*ret_pid = value;
	return 0;
}

static bool is_attached(const struct attach *attach, pid_t pid)
{
	for (int i = 0; i < attach->pid_cnt; i++) {
		if (attach->pids[i] == pid)
			return true;
	}
	return false;
}

static int parse_pids(const struct options *options, struct attach *attach)
{
	if (!options->arg_cnt) {
		log_error("attach needs a process number; try: heaptap attach --help");
		return EXIT_USAGE;
	}
	attach->pids = calloc(options->arg_cnt, sizeof(*attach->pids));
	if (!attach->pids)
		return EXIT_TRACING;
	for (int i = 0; i < options->arg_cnt; i++) {
		int exit_code = parse_pid(options->args[i], &attach->pids[attach->pid_cnt]);

		if (exit_code)
			return exit_code;
		if (!is_attached(attach, attach->pids[attach->pid_cnt]))
			attach->pid_cnt++;
	}
	return 0;
}

static int refuse(pid_t pid, int err, const char *reason)
{
	if (!proc__exists(pid) || err == -ESRCH)
		log_error("process %d ended before it could be traced", pid);
	else if (err == -EACCES || err == -EPERM)
		log_error(
			"process %d cannot be read: CAP_SYS_PTRACE is missing; run heaptap as root",
			pid);
	else if (*reason)
		log_error("process %d cannot be traced: %s", pid, reason);
	else
		log_error(
			"process %d cannot be traced: no allocator function was found in the files "
			"that it executes",
			pid);
	return err == -EACCES || err == -EPERM ? EXIT_PRIVILEGE : EXIT_TARGET;
}

/* True, after saying so, if a probe would kill it. */
static bool is_endangered(pid_t pid)
{
	char *exe = proc__exe(pid);
	const char *why = exe ? would_be_killed(pid, exe) : NULL;

	if (why)
		log_error("process %d (%s) cannot be traced: a probe would kill it, as it %s", pid,
			exe, why);
	free(exe);
	return why;
}

static int attach_one(struct trace *trace, pid_t pid)
{
	struct process_probes probes = {0};
	char reason[256] = "";
	int ret;

	if (is_endangered(pid))
		return EXIT_TARGET;
	ret = trace__watch_pidfd(trace, pid);
	trace__preload_process(trace, pid);
	if (ret >= 0)
		ret = tracer__add_target(trace->tracer, pid);
	if (ret >= 0)
		ret = targets__add_process(trace->targets, pid, pid, 0, reason, &probes);
	if (ret < 0 || !probes.probed_cnt)
		return refuse(pid, ret, reason);
	if (probes.failed_cnt)
		trace__mark(trace, pid, 0, MARK_UNPROBED);
	return trace__foresee_points(trace, pid);
}

/* A library that was loaded later may bring an allocator of its own. It is announced once, so it is
 * probed for all: another that loads it one day is seen from its first call into it. */
static void on_file(struct trace *trace, struct module *module, pid_t tgid, uint32_t image)
{
	struct attach *attach = trace->arg;

	for (int i = 0; i < attach->pid_cnt; i++) {
		char reason[256] = "";
		bool is_whose = attach->pids[i] == tgid;
		int ret = targets__add_module(trace->targets, module, attach->pids[i], reason);

		if (targets__is_failure(ret) && is_whose)
			log_warn("%s", reason);
		if (is_whose)
			trace__mark_module(trace, tgid, image, ret);
	}
}

static void on_ended(struct trace *trace, size_t ended_cnt)
{
	struct process *process = heap__next(trace->heap, NULL), *next;

	for (; process; process = next) {
		next = heap__next(trace->heap, process);
		if (process__info(process)->state != PROCESS_RUNNING)
			trace__summarize_ended(trace, process);
	}
}

static void on_pidfd(struct trace *trace, pid_t pid)
{
	struct attach *attach = trace->arg;
	int kept = 0;

	for (int i = 0; i < attach->pid_cnt; i++) {
		if (attach->pids[i] != pid)
			attach->pids[kept++] = attach->pids[i];
	}
	attach->pid_cnt = kept;
	if (!kept)
		trace->done = true;
}

/* Those that called no allocator since are told of all the same. */
static void begin_silent(struct trace *trace)
{
	struct attach *attach = trace->arg;

	for (int i = 0; i < attach->pid_cnt; i++) {
		struct process *process = heap__next(trace->heap, NULL);

		while (process && process__info(process)->tgid != attach->pids[i])
			process = heap__next(trace->heap, process);
		if (!process)
			ingest__begin(&trace->ingest, attach->pids[i], 0);
	}
}

static int attach_all(struct trace *trace, struct attach *attach)
{
	char reason[256] = "";

	for (int i = 0; i < attach->pid_cnt; i++) {
		int exit_code = attach_one(trace, attach->pids[i]);

		if (exit_code)
			return exit_code;
	}
	for (int i = 0; i < attach->pid_cnt; i++) {
		if (targets__add_known(trace->targets, attach->pids[i], reason) < 0)
			log_debug(1, "process %d: %s", attach->pids[i], reason);
	}
	trace__settle(trace);
	log_debug(1, "tracing %d processes at %zu sites by %s links", attach->pid_cnt,
		targets__site_cnt(trace->targets),
		link_kind__name(tracer__link_kind(trace->tracer)));
	trace_spy__attached(trace);
	return trace__check_points(trace);
}

int cmd_attach(const struct options *options)
{
	struct tracer_config config = {

		.link = options->link,
		.ring_sz = options->ring_size,
		.stack_mode = options->stack,
		.targets_only = true,
	};
	struct trace_hooks hooks = {.on_ended = on_ended, .on_file = on_file, .on_pidfd = on_pidfd};
	struct attach attach = {0};
	struct trace trace;
	int exit_code = parse_pids(options, &attach);

	if (exit_code)
		goto out;
	exit_code = trace__open(&trace, options, &config, stdout, &hooks);
	trace.arg = &attach;
	trace.ingest.tells_silent = true;
	if (!exit_code)
		exit_code = attach_all(&trace, &attach);
	if (!exit_code) {
		exit_code = trace__loop(&trace);
		if (attach.pid_cnt) {
			begin_silent(&trace);
			trace__summarize(&trace, SUMMARY_FINAL);
		}
		exit_code = trace.exit_code;
	}
	exit_code = trace__close(&trace, exit_code);
out:
	free(attach.pids);
	return exit_code;
}
