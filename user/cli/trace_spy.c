// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See trace_spy.h. A reader that is slow keeps this process waiting, and nobody else: the ring
 * fills, and the kernel side counts. */
#include "cli/trace_parts.h"
#include "cli/trace_spy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/summary_build.h"
#include "report/output.h"
#include "spy/spy.h"
#include "util/log.h"

#define LOSSES_LOOK_S 1

struct trace_spy {
	struct spy *spy;
	struct spied_functions functions;
	int fd;
	bool owns_fd;
	double looked_s;      /* for losses */
	uint64_t detached_ns; /* when it began */
};

static uint64_t now_ns(void)
{
	return (uint64_t)(monotonic_s() * 1e9);
}

struct spy_config trace_spy__config(const struct spy_options *options)
{
	return (struct spy_config){
		.enters = options->pre,
		.stacks = options->stack || options->stack_match,
		.tid = options->thread,
		.sizes = options->sizes[1],
		.size_min = options->sizes[0],
		.size_max = options->sizes[1],
		.slower_ns = options->slower_ns,
	};
}

/* ---- opening ---- */

static bool is_wanted(uint16_t function, const void *options)
{
	return spy_options__want(options, function);
}

static bool has_expired(int timer_fd)
{
	struct pollfd timer = {.fd = timer_fd, .events = POLLIN};

	return timer_fd >= 0 && poll(&timer, 1, 0) > 0;
}

/* Signals wait while the reader does. */
static bool is_ending(void *arg)
{
	struct trace *trace = arg;
	sigset_t pending;

	sigpending(&pending);
	return trace->was_told_to_end || has_expired(trace->duration_fd) ||
	       sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

static int open_output(struct trace_spy *spy, const struct options *options, FILE *default_out)
{
	const char *path = options->output.cnt ? options->output.paths[0] : NULL;

	spy->fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
		       : fileno(default_out);
	spy->owns_fd = path;
	if (spy->fd >= 0)
		return 0;
	log_error("cannot write %s: %s", path, strerror(errno));
	return EXIT_OUTPUT;
}

static bool is_coloured(const struct trace_spy *spy, const struct options *options, FILE *out)
{
	return options__only_format(options) == &text_renderer &&
	       outputs__is_coloured(options->colour, spy->owns_fd ? NULL : out);
}

static struct spy *new_spy(struct trace *trace, const struct trace_spy *spy, FILE *default_out)
{
	const struct options *options = trace->options;
	struct spy_setup setup = {
		.options = &options->spy,
		.renderer = options__only_format(options) == &json_renderer ? &spy_json : &spy_text,
		.begin.monotonic_ns = now_ns(),
		.begin.has_calls = !options->spy.summary,
		.begin.link = link_kind__name(tracer__link_kind(trace->tracer)),
		.colour = is_coloured(spy, options, default_out),
		.fd = spy->fd,
		.is_ending = is_ending,
		.arg = trace,
	};

	clock_gettime(CLOCK_REALTIME, &setup.begin.time);
	return spy__new(&setup);
}

int trace_spy__open(struct trace *trace, FILE *default_out)
{
	struct trace_spy *spy = calloc(1, sizeof(*spy));
	int exit_code;

	if (!spy)
		return EXIT_TRACING;
	trace->spy = spy;
	outputs__ignore_signals();
	exit_code = open_output(spy, trace->options, default_out);
	if (exit_code)
		return exit_code;
	spy->spy = new_spy(trace, spy, default_out);
	if (!spy->spy)
		return EXIT_TRACING;
	spy->functions = (struct spied_functions){is_wanted, &trace->options->spy};
	targets__spy(trace->targets, &spy->functions);
	return 0;
}

void trace_spy__free(struct trace *trace)
{
	if (!trace->spy)
		return;
	spy__free(trace->spy->spy);
	if (trace->spy->owns_fd && trace->spy->fd >= 0)
		close(trace->spy->fd);
	free(trace->spy);
}

/* ---- while it runs ---- */

/* The signal that asked for the end has done its work: it must not end us when signals are let in
 * again. */
static void take_signals(void)
{
	const struct timespec now = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	while (sigtimedwait(&set, NULL, &now) > 0)
		;
}

/* A reader that has closed its end of a pipe has seen enough, and is told nothing. */
static void note_error(struct trace *trace, int err)
{
	if (!err || trace->exit_code)
		return;
	if (err == -ETIMEDOUT) {
		take_signals();
		log_warn("the reader takes nothing");
	}
	if (err != -EPIPE && err != -ETIMEDOUT)
		log_error("cannot write: %s", strerror(-err));
	trace->exit_code = EXIT_OUTPUT;
	trace->done = true;
}

void trace_spy__attached(struct trace *trace)
{
	if (trace->spy)
		note_error(trace, spy__attached(trace->spy->spy, now_ns()));
}

void trace_spy__detaching(struct trace *trace)
{
	if (trace->spy)
		trace->spy->detached_ns = now_ns();
}

static void tell_with_stack(
	struct trace *trace, struct process *process, const struct spy_event *record)
{
	struct summary_stack stack;
	int err = summary_stack__make(trace, process__info(process), record->stack, &stack);

	if (!err)
		err = spy__call(trace->spy->spy, record, &stack);
	free(stack.frames);
	note_error(trace, err);
}

void trace_spy__call(struct trace *trace, struct process *process, const struct spy_event *record)
{
	if (record->stack)
		tell_with_stack(trace, process, record);
	else
		note_error(trace, spy__call(trace->spy->spy, record, NULL));
}

void trace_spy__turn(struct trace *trace)
{
	struct trace_spy *spy = trace->spy;

	if (monotonic_s() - spy->looked_s >= LOSSES_LOOK_S) {
		spy->looked_s = monotonic_s();
		note_error(trace, spy__note_lost(spy->spy, tracer__spy_losses(trace->tracer).lost));
	}
	note_error(trace, spy__flush(spy->spy));
}

/* ---- the end ---- */

static void tell_losses(const struct spy_losses_told *losses)
{
	if (losses->lost + losses->unwritten)
		log_warn("%llu records were lost: the reader was too slow",
			(unsigned long long)(losses->lost + losses->unwritten));
	if (losses->too_deep + losses->no_memory)
		log_warn("%llu calls were not seen: too many of a thread in flight, or no memory",
			(unsigned long long)(losses->too_deep + losses->no_memory));
}

/* There was none for what the spy shares with the books, either. */
static uint64_t without_memory(const struct trace *trace)
{
	return trace__all_counters(trace).count[COUNTER_no_memory];
}

int trace_spy__end(struct trace *trace, int exit_code)
{
	struct spy_losses counted = tracer__spy_losses(trace->tracer);
	struct spy_sum sum = {
		.time_ns = trace->spy->detached_ns,
		.losses = {.lost = counted.lost,
			.too_deep = counted.too_deep,
			.no_memory = counted.no_memory + without_memory(trace)},
	};

	note_error(trace, spy__note_lost(trace->spy->spy, counted.lost));
	note_error(trace, spy__end(trace->spy->spy, &sum));
	tell_losses(&sum.losses);
	return trace->exit_code ? trace->exit_code : exit_code;
}
