// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One thread, one epoll. The ring is looked into by the clock (LOOK_MS), and woken early when it is
 * filling; summaries are made between two looks, so they see the books at rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "cli/trace_spy.h"

#define LOOK_MS 50

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

double monotonic_s(void)
{
	return monotonic_ns() / 1e9;
}

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
		else if (number == SIGUSR2)
			trace__checkpoint(trace, NULL);
		else if (trace->hooks.on_signal &&
			 trace->hooks.on_signal(trace, number, info.ssi_code > 0))
			;
		else if (number != SIGCHLD)
			trace->done = trace->was_told_to_end = true;
	}
}

int trace__watch_pidfd(struct trace *trace, pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return -errno;
	/* It stays open until heaptap ends: epoll would lose it otherwise. */
	return trace__epoll_add(trace, fd, PIDFD_BIT | (uint32_t)pid) ? -errno : fd;
}

static void on_ready(struct trace *trace, uint64_t data)
{
	if (data & PIDFD_BIT) {
		trace->hooks.on_pidfd(trace, (pid_t)data);
	} else if ((int)data == trace->signal_fd) {
		on_signals(trace);
	} else if (trace->control && (int)data == control__fd(trace->control)) {
		control__serve(trace->control);
	} else if ((int)data == trace->interval_fd) {
		drain_fd(trace->interval_fd);
		trace__summarize(trace, SUMMARY_PERIODIC);
	} else if ((int)data == trace->duration_fd) {
		drain_fd(trace->duration_fd);
		trace->done = trace->was_told_to_end = true;
	}
}

bool trace__drain(struct trace *trace)
{
	bool empty = false;

	for (int batches = 0; batches < 64 && !empty; batches++)
		empty = trace__drain_some(trace);
	return empty;
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

/* When nothing more is added. Telling of the ended can come to a checkpoint, and stop there. */
static void take_in_all(struct trace *trace)
{
	do {
		while (!trace__drain_some(trace))
			;
		tell_ended(trace);
	} while (trace->ingest.is_halted);
}

int trace__loop(struct trace *trace)
{
	struct epoll_event events[16];

	while (!trace->done) {
		bool empty = trace__drain_some(trace);
		bool idle = empty && !trace->unjudged_cnt;
		int cnt = epoll_wait(trace->epoll_fd, events, 16, idle ? LOOK_MS : 0);

		for (int i = 0; i < cnt; i++) {
			if ((int)events[i].data.u64 != collector__fd(trace->collector))
				trace__drain_some(trace);
			on_ready(trace, events[i].data.u64);
		}
		trace__judge_stacks(trace);
		trace__tell_stops(trace);
		tell_ended(trace);
		if (trace->spy)
			trace_spy__turn(trace);
		trace__forget_files(trace);
	}
	trace_spy__detaching(trace);
	tracer__detach(trace->tracer); /* the targets run at full speed while the summary is made */
	take_in_all(trace);
	return trace->spy ? trace_spy__end(trace, trace->exit_code) : trace->exit_code;
}
