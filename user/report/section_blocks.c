/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Outstanding blocks in the text form, a line each, as a debug heap's dump has them: number of the
 * allocation, size, address, age, thread, and who wanted it. Below it what the block holds, sixteen
 * bytes a line.
 */
#include "report/sections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "report/contents_text.h"
#include "util/text.h"

enum { CALLER_COLUMN = 72, CONTENTS_COLUMN = 10, BYTES_A_LINE = 16 };

static void put_block(
	struct page *page, const struct render_options *options, const struct summary_block *block)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "{%llu}", (unsigned long long)block->number);
	page__put(page, STYLE_TITLE, "  %-8s", buf);
	page__put(page, STYLE_SIZE, "%10s", text__bytes(buf, sizeof(buf), block->size));
	page__put(page, STYLE_PLAIN, "  0x%-12llx  %-8s", (unsigned long long)block->addr,
		block->tag ? block->tag : block_kind_rows[block->kind].key);
	if (block->age_s >= 0)
		page__put(page, STYLE_PLAIN, " %10s old",
			text__duration(buf, sizeof(buf), block->age_s));
	page__put(page, STYLE_PLAIN, "  thread %d", block->tid);
	if (block->caller.address) {
		page__pad(page, CALLER_COLUMN);
		words__caller(page, options, &block->caller);
	}
	page__end_line(page);
}

static void put_contents_line(struct page *page, const char *hex, size_t digits, const char *text)
{
	page__pad(page, CONTENTS_COLUMN);
	for (size_t i = 0; i + 1 < digits; i += 2)
		page__put(page, STYLE_FAINT, "%.2s ", hex + i);
	page__pad(page, CONTENTS_COLUMN + 3 * BYTES_A_LINE + 1);
	page__put(page, STYLE_PLAIN, "%.*s", BYTES_A_LINE, text);
	page__end_line(page);
}

static void put_contents(struct page *page, const char *hex)
{
	char *text = contents__text(hex);
	size_t cnt = text ? strlen(text) : 0;

	if (!text)
		page->out.err = -ENOMEM;
	for (size_t i = 0; i < cnt; i += BYTES_A_LINE) {
		size_t line_cnt = cnt - i < BYTES_A_LINE ? cnt - i : BYTES_A_LINE;

		put_contents_line(page, hex + 2 * i, 2 * line_cnt, text + i);
	}
	free(text);
}

void section__blocks(struct page *page, const struct render_options *options,
	const struct summary_process *process)
{
	if (process->block_cnt)
		page__end_line(page);
	for (size_t i = 0; i < process->block_cnt; i++) {
		const struct summary_block *block = &process->blocks[i];

		put_block(page, options, block);
		if (block->contents)
			put_contents(page, block->contents);
	}
}
