// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Checkpoints: a summary with a name, and the point that the next ones' differences count from.
 * Asked for through the control socket, by SIGUSR2, or by the target itself (--checkpoint-at).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"

int trace__checkpoint(struct trace *trace, const char *name)
{
	if (!trace->outputs)
		return 0; /* a spy keeps no books */
	trace->checkpoint_cnt++;
	if (name)
		snprintf(trace->checkpoint, sizeof(trace->checkpoint), "%s", name);
	else
		snprintf(trace->checkpoint, sizeof(trace->checkpoint), "checkpoint-%zu",
			trace->checkpoint_cnt);
	trace__summarize(trace, SUMMARY_CHECKPOINT);
	strcpy(trace->previous_checkpoint, trace->checkpoint);
	return trace->exit_code == EXIT_OUTPUT ? -EIO : 0;
}

void trace__answer_checkpoint(struct trace *trace, const char *name, struct control_answer *answer)
{
	if (*name && !checkpoint_name__is_valid(name)) {
		answer->err = -EINVAL;
		snprintf(answer->text, sizeof(answer->text),
			"a checkpoint's name has at most %d bytes, no control character and no "
			"colon, and is no number",
			CHECKPOINT_NAME_MAX);
		return;
	}
	trace__drain(trace);
	answer->err = trace__checkpoint(trace, *name ? name : NULL);
	snprintf(answer->text, sizeof(answer->text),
		answer->err ? "checkpoint \"%s\" could not be written"
			    : "checkpoint \"%s\" is taken",
		trace->checkpoint);
}
