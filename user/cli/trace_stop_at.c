// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * heaptap stop-at: the number at which processes are stopped, set from outside. The kernel side
 * counts on while it is set, so it is set first, and looked afterwards who was past it: who comes
 * to it in between is stopped, and known by that.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"

struct aim {
	uint64_t number;
	pid_t tgid;		/* 0: all */
	size_t cnt, passed_cnt; /* processes */
	pid_t last_tgid;	/* of those that are meant, the last; */
	uint64_t last_number;	/* it has come so far */
};

/* "NUMBER" or "NUMBER TGID". */
static int parse(const char *text, struct aim *aim)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	aim->number = strtoull(text, &end, 10);
	if (*end == ' ')
		aim->tgid = strtoul(end + 1, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static void look(struct trace *trace, struct aim *aim)
{
	struct process *process = heap__next(trace->heap, NULL);

	for (; process; process = heap__next(trace->heap, process)) {
		const struct process_info *info = process__info(process);

		if (info->state != PROCESS_RUNNING || (aim->tgid && aim->tgid != info->tgid))
			continue;
		aim->cnt++;
		aim->last_tgid = info->tgid;
		aim->last_number = tracer__alloc_number(trace->tracer, info->tgid, info->image);
		aim->passed_cnt += aim->last_number >= aim->number;
	}
}

static bool has_stopped(struct trace *trace, const struct aim *aim, size_t stop_cnt)
{
	trace__drain(trace);
	for (; stop_cnt < trace->stop_cnt; stop_cnt++)
		if (trace->stops[stop_cnt].number == aim->number)
			return true;
	return false;
}

static void tell(const struct aim *aim, char *text, size_t sz)
{
	unsigned long long number = aim->number, last = aim->last_number;

	if (!aim->number)
		snprintf(text, sz, "nobody will be stopped");
	else if (aim->tgid || aim->cnt == 1)
		snprintf(text, sz,
			"process %d will be stopped in its allocation %llu; now it is at %llu",
			aim->tgid ? aim->tgid : aim->last_tgid, number, last);
	else
		snprintf(text, sz,
			"who comes to allocation %llu will be stopped; of %zu processes that have "
			"allocated, %zu are past it",
			number, aim->cnt, aim->passed_cnt);
}

static void __attribute__((format(printf, 3, 4)))
refuse(struct control_answer *answer, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer->text, sizeof(answer->text), format, args);
	va_end(args);
	answer->err = err;
}

static void set(struct trace *trace, struct aim *aim, struct control_answer *answer)
{
	size_t stop_cnt;

	trace__drain(trace);
	stop_cnt = trace->stop_cnt;
	tracer__stop_at(trace->tracer, aim->number, aim->tgid);
	look(trace, aim);
	if (aim->tgid && !tracer__is_target(trace->tracer, aim->tgid))
		refuse(answer, -ESRCH, "process %d is not traced by this heaptap", aim->tgid);
	else if (aim->number && aim->cnt && aim->passed_cnt == aim->cnt &&
		 !has_stopped(trace, aim, stop_cnt))
		refuse(answer, -ERANGE, "process %d is at its allocation %llu already",
			aim->last_tgid, (unsigned long long)aim->last_number);
	else
		tell(aim, answer->text, sizeof(answer->text));
	if (answer->err)
		tracer__stop_at(trace->tracer, 0, 0);
}

void trace__answer_stop_at(struct trace *trace, const char *argument, struct control_answer *answer)
{
	struct aim aim = {0};

	if (!options__counts_allocations(trace->options))
		refuse(answer, -EOPNOTSUPP,
			"this heaptap does not count allocations as they happen, which costs each "
			"of them a little: start it with --stop-at 0, or a number");
	else if (parse(argument, &aim))
		refuse(answer, -EINVAL,
			"stop-at takes an allocation's number, and a process's if you like");
	else
		set(trace, &aim, answer);
}
