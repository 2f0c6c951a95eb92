/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The difference to the previous checkpoint, as the C runtime's debug heap gives it by two
 * functions: how much more is outstanding (_CrtMemDifference), and what was allocated since and is
 * still there
 * (_CrtMemDumpAllObjectsSince).
 */
#include "report/sections.h"
#include "util/text.h"

void section__since(
	struct page *page, const struct summary *summary, const struct summary_process *process)
{
	const struct summary_since *since = &process->since;
	char bytes[32], count[32];

	if (!summary->previous_checkpoint)
		return;
	words__label(page, "since");
	words__growth(page, since->growth_bytes, since->growth_blocks);
	page__put(page, STYLE_PLAIN, " since checkpoint \"%s\"", summary->previous_checkpoint);
	page__end_line(page);
	words__label(page, "new");
	if (since->blocks)
		page__put(page, STYLE_PLAIN, "%s in %s outstanding %s allocated since then",
			text__bytes(bytes, sizeof(bytes), since->bytes),
			text__count(count, sizeof(count), since->blocks),
			words__plural(since->blocks, "block", "blocks"));
	else
		page__put(page, STYLE_PLAIN, "nothing allocated since then is outstanding");
	page__end_line(page);
}
