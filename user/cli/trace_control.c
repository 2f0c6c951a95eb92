// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a heaptap that is tracing can be asked: a verb a row. */
#include <errno.h>
#include <string.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "util/log.h"

static const struct {
	const char *verb;
	void (*answer)(struct trace *trace, const char *argument, struct control_answer *answer);
} questions[] = {
	{"checkpoint", trace__answer_checkpoint},
	{"stop-at", trace__answer_stop_at},
};

static void on_question(
	void *arg, const char *verb, const char *argument, struct control_answer *answer)
{
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		if (strcmp(verb, questions[i].verb))
			continue;
		questions[i].answer(arg, argument, answer);
		return;
	}
	answer->err = -ENOSYS;
	snprintf(answer->text, sizeof(answer->text), "this heaptap does not know \"%.64s\"", verb);
}

/* Tracing works without, too. */
void trace__open_control(struct trace *trace)
{
	int err = control__open(on_question, trace, &trace->control);

	if (!err)
		err = trace__epoll_add(
			trace, control__fd(trace->control), control__fd(trace->control));
	if (err)
		log_debug(1, "no control socket, so no \"heaptap checkpoint\": %s", strerror(-err));
}
