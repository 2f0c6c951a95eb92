// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Wrong frees, each with its stacks. */
#include <errno.h>
#include <stdlib.h>
#include "cli/summary_parts.h"

static int fill_finding(struct summary_draft *draft, const struct process_info *info,
	const struct finding *finding, struct summary_finding *shown)
{
	int err = 0;

	*shown = (struct summary_finding){
		.kind = finding->kind,
		.count = finding->count,
		.address = finding->addr,
		.size = finding->size,
		.offset = finding->offset,
	};
	for (size_t i = 0; i < FINDING_STACK_CNT && !err; i++) {
		shown->has_stack[i] = finding->stacks[i];
		if (finding->stacks[i])
			err = draft__fill_stack(draft, info, finding->stacks[i], &shown->stacks[i]);
	}
	return err;
}

int draft__add_findings(
	struct summary_draft *draft, struct process *process, struct summary_process *shown)
{
	size_t cnt = process__finding_cnt(process);
	int err = 0;

	shown->findings_left_out = process__findings_left_out(process);
	shown->findings = cnt ? calloc(cnt, sizeof(*shown->findings)) : NULL;
	if (cnt && !shown->findings)
		return -ENOMEM;
	while (shown->finding_cnt < cnt && !err) {
		struct finding finding = process__finding(process, shown->finding_cnt);

		err = fill_finding(
			draft, &shown->info, &finding, &shown->findings[shown->finding_cnt++]);
	}
	return err;
}

void draft__free_findings(struct summary_process *shown)
{
	for (size_t i = 0; i < shown->finding_cnt; i++)
		for (size_t stack = 0; stack < FINDING_STACK_CNT; stack++)
			free(shown->findings[i].stacks[stack].frames);
	free(shown->findings);
}
