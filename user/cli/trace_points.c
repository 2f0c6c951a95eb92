// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --checkpoint-at, --section: where threads of the targets are waited for, and what is done when
 * one comes.
 *
 * A checkpoint shows the books as they are behind its record, so nothing more may go in before it
 * is taken: the ingest is halted (ingest.h), and goes on when the checkpoint is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "heap/sections.h"
#include "util/log.h"

#define NO_RETURNS "section '%s' cannot be told: not all of its returns can be found (%s)"

void trace__note_point(void *arg, struct process *process, const struct point_event *record)
{
	struct trace *trace = arg;

	switch (record->point) {
	case POINT_STOP:
	case POINT_JUDGE:
		trace__note_stop(trace, record);
		break;
	case POINT_EXIT:
		trace__keep_contents(trace, process, &record->event);
		break;
	case POINT_CHECKPOINT:
		trace->ingest.is_halted = true;
		break;
	case POINT_SECTION_ENTER:
		process__enter_section(
			process, record->event.function, record->event.tid, record->number);
		break;
	case POINT_SECTION_RETURN:
		process__return_section(
			process, record->event.function, record->event.tid, record->number);
		break;
	}
}

/* A section's number is that of its place; a fork's child has them from its parent. */
int trace__start_sections(struct trace *trace, struct process *process)
{
	const struct points *points = trace->options->points;

	if (!points || !points__has_sections(points) || process__has_sections(process))
		return 0;
	return process__start_sections(process, points->cnt);
}

bool trace__drain_some(struct trace *trace)
{
	bool is_empty = collector__drain(trace->collector);

	if (trace->ingest.is_halted) {
		trace__checkpoint(trace, NULL);
		trace->ingest.is_halted = false;
	}
	return is_empty;
}

static bool is_path(const struct point_place *place)
{
	return place->file && strchr(place->file, '/');
}

/* A file that was named is probed before anybody executes it. */
static int foresee(struct trace *trace, const char *path, pid_t for_pid)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), err = -errno;
	char reason[256] = "";
	struct module *module;

	if (fd >= 0) {
		module = modules__add_fd(trace->modules, fd, path);
		close(fd);
		if (!module)
			return -ENOMEM;
		module->is_pinned = true;
		err = targets__add_points(trace->targets, module, for_pid, reason);
	}
	if (err)
		log_error("%s: %s", path, *reason ? reason : strerror(-err));
	return err;
}

int trace__foresee_points(struct trace *trace, pid_t for_pid)
{
	const struct points *points = trace->options->points;

	for (size_t i = 0; points && i < points->cnt; i++)
		if (is_path(&points->places[i]) && foresee(trace, points->places[i].file, for_pid))
			return EXIT_TARGET;
	return 0;
}

static void complain_of_missing(const struct point_place *place)
{
	log_error("no function '%s' in %s%s%s%s%s", place->function,
		place->file ? place->file : "the files that are executed",
		*place->meant ? "; did you mean '" : "", place->meant, *place->meant ? "'?" : "",
		place->file ? "" : " (of one that is loaded later, say FUNCTION@FILE)");
}

int trace__check_points(struct trace *trace)
{
	const struct points *points = trace->options->points;

	for (size_t i = 0; points && i < points->cnt; i++) {
		const struct point_place *place = &points->places[i];

		if (place->problem) {
			log_error(NO_RETURNS, place->function, place->problem);
			return EXIT_TARGET;
		}
		if (place->is_found || (place->file && !place->was_met))
			continue;
		complain_of_missing(place);
		return EXIT_USAGE;
	}
	return 0;
}

void trace__tell_unmet_points(const struct trace *trace)
{
	const struct points *points = trace->options->points;

	for (size_t i = 0; points && i < points->cnt; i++) {
		const struct point_place *place = &points->places[i];

		if (place->problem)
			log_warn(NO_RETURNS, place->function, place->problem);
		else if (place->file && !place->is_found)
			log_warn("no function '%s' was found: %s %s", place->function, place->file,
				place->was_met ? "has none" : "was not executed");
	}
}
