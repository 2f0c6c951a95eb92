/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kinds of blocks in the text form: what is left out, and the table of --statistics. */
#include "report/sections.h"

#include "report/kinds.h"
#include "util/text.h"

enum { KEY_COLUMN = 4, NUMBER_WIDTH = 16 };

void section__left_out(struct page *page, const struct render_options *options,
	const struct summary_process *process)
{
	char bytes[32], count[32];

	for (int kind = 0; kind < BLOCK_KIND_CNT; kind++) {
		uint64_t blocks = process->kind_blocks[kind];

		if (!(options->left_out & KIND_BIT(kind)) || !blocks)
			continue;
		words__label(page, "left out");
		page__put(page, STYLE_PLAIN, "%s in %s %s %s (see --all-kinds)",
			text__bytes(bytes, sizeof(bytes), process->kind_bytes[kind]),
			text__count(count, sizeof(count), blocks),
			words__plural(blocks, "block", "blocks"), block_kind_rows[kind].text);
		page__end_line(page);
	}
}

/* ---- statistics ---- */

/* "    normal          1,234 bytes        5 blocks" */
static void put_row(struct page *page, const char *key, uint64_t bytes, uint64_t blocks)
{
	char number[32];

	page__pad(page, KEY_COLUMN);
	page__put(page, STYLE_PLAIN, "%-12s", key);
	page__put(
		page, STYLE_SIZE, "%*s", NUMBER_WIDTH, text__count(number, sizeof(number), bytes));
	page__put(page, STYLE_PLAIN, " %-5s %*s %s", words__plural(bytes, "byte", "bytes"),
		NUMBER_WIDTH, text__count(number, sizeof(number), blocks),
		words__plural(blocks, "block", "blocks"));
	page__end_line(page);
}

static void put_sum(struct page *page, const char *label, uint64_t bytes)
{
	char number[32];

	page__pad(page, KEY_COLUMN);
	page__put(page, STYLE_PLAIN, "%s: %s %s", label, text__count(number, sizeof(number), bytes),
		words__plural(bytes, "byte", "bytes"));
	page__end_line(page);
}

void section__statistics(struct page *page, const struct summary_process *process)
{
	const struct heap_totals *totals = &process->totals;

	page__end_line(page);
	for (int kind = 0; kind < BLOCK_KIND_CNT; kind++)
		put_row(page, block_kind_rows[kind].key, process->kind_bytes[kind],
			process->kind_blocks[kind]);
	put_row(page, "free", kinds__free_bytes(process), totals->frees);
	put_sum(page, "largest amount in use", totals->peak_outstanding_bytes);
	put_sum(page, "total allocated", totals->bytes_allocated);
}
