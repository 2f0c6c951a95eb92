/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words that the sections of the text form share. */
#include "report/sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "report/output.h"
#include "util/text.h"

void words__label(struct page *page, const char *label)
{
	page__put(page, STYLE_FAINT, "  %s", label);
	page__pad(page, LABEL_COLUMN);
}

char *words__change(char *buf, size_t buf_sz, int64_t bytes)
{
	char amount[32];
	const char *sign = bytes > 0 ? "+" : bytes < 0 ? "-" : "";

	text__bytes(amount, sizeof(amount), bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes);
	snprintf(buf, buf_sz, "%s%s", sign, amount);
	return buf;
}

void words__growth(struct page *page, int64_t bytes, int64_t blocks)
{
	uint64_t count = blocks < 0 ? -(uint64_t)blocks : (uint64_t)blocks;
	const char *sign = blocks > 0 ? "+" : blocks < 0 ? "-" : "";
	char change[64], number[32];

	if (!bytes && !blocks) {
		page__put(page, STYLE_PLAIN, "none");
		return;
	}
	page__put(page, bytes > 0 ? STYLE_SIZE : STYLE_PLAIN, "%s, %s%s %s",
		words__change(change, sizeof(change), bytes), sign,
		text__count(number, sizeof(number), count),
		words__plural(count, "block", "blocks"));
}

char *words__share(char *buf, size_t buf_sz, uint64_t part, uint64_t whole)
{
	unsigned int tenths;

	if (!whole || part > whole) {
		snprintf(buf, buf_sz, "-");
		return buf;
	}
	tenths = ((unsigned __int128)part * 1000 + whole / 2) / whole;
	if (part && !tenths)
		snprintf(buf, buf_sz, "<0.1 %%");
	else if (part < whole && tenths == 1000)
		snprintf(buf, buf_sz, ">99.9 %%");
	else
		snprintf(buf, buf_sz, "%u.%u %%", tenths / 10, tenths % 10);
	return buf;
}

const char *words__plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

const char *summary_stack__owner(const struct summary_stack *stack)
{
	const char *allocator = stack->frame_cnt ? stack->frames[0].module : NULL;

	for (size_t i = 0; i < stack->frame_cnt; i++) {
		const char *module = stack->frames[i].module;

		if (module && (!allocator || strcmp(module, allocator) != 0))
			return module;
	}
	return allocator;
}

static char *plus_minus(char *buf, size_t buf_sz, const struct summary *summary, const char *amount)
{
	*buf = '\0';
	if (summary->sample_bytes)
		snprintf(buf, buf_sz, " ± %s", amount);
	return buf;
}

char *words__bytes_error(char *buf, size_t buf_sz, const struct summary *summary, uint64_t bytes)
{
	char amount[32];

	return plus_minus(buf, buf_sz, summary, text__bytes(amount, sizeof(amount), bytes));
}

char *words__count_error(char *buf, size_t buf_sz, const struct summary *summary, uint64_t count)
{
	char amount[32];

	return plus_minus(buf, buf_sz, summary, text__count(amount, sizeof(amount), count));
}

char *words__sampling(char *buf, size_t buf_sz, const struct summary *summary)
{
	char mean[32];

	snprintf(buf, buf_sz, "estimated: one byte in %s was sampled",
		text__bytes(mean, sizeof(mean), summary->sample_bytes));
	return buf;
}

bool words__has_past(const struct summary_process *process)
{
	return process->growth_bytes != (int64_t)process->totals.outstanding_bytes ||
	       process->growth_blocks != (int64_t)process->totals.outstanding_blocks;
}

bool words__mapped_has_past(const struct summary_mapped *mapped)
{
	return mapped->growth_bytes != (int64_t)mapped->totals.outstanding_bytes;
}

/* What is missing: "34 frees lost: ring full; …". Returns how many kinds it told. */
static unsigned int put_reasons(FILE *words, const struct summary_process *process)
{
	const struct heap_anomalies *anomalies = &process->anomalies;
	const struct {
		uint64_t count;
		const char *text;
	} of_books[] = {
		{anomalies->replaced_blocks,
			"frees not seen: their addresses were given out again"},
		{anomalies->unknown_stacks, "allocations without their call stack"},
	};
	unsigned int told = 0;
	char count[32];

	for (size_t i = 0; i < COUNTER_CNT; i++)
		if (counter_rows[i].is_loss && process->counters.count[i])
			fprintf(words, "%s%s %s", told++ ? "; " : "",
				text__count(count, sizeof(count), process->counters.count[i]),
				counter_rows[i].text);
	for (size_t i = 0; i < sizeof(of_books) / sizeof(*of_books); i++)
		if (of_books[i].count)
			fprintf(words, "%s%s %s", told++ ? "; " : "",
				text__count(count, sizeof(count), of_books[i].count),
				of_books[i].text);
	return told;
}

char *words__books(const struct summary_process *process)
{
	const char *since =
		process->info.from_birth
			? "complete since its start"
			: "complete since tracing of it began; older blocks are not known";
	char *reasons = NULL, *result = NULL;
	size_t sz;
	FILE *words = open_memstream(&reasons, &sz);
	unsigned int told;

	if (!words)
		return NULL;
	told = put_reasons(words, process);
	if (fclose(words))
		goto out;
	if (asprintf(&result, "%s%s%s", process->complete ? since : "INCOMPLETE",
		    !told		? ""
		    : process->complete ? ", but "
					: ": ",
		    reasons) < 0)
		result = NULL;
out:
	free(reasons);
	return result;
}
