/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Its fields are those of JSON_SCHEMA.md, "A block". */
#include "report/json_blocks.h"

#include <stdlib.h>
#include "report/contents_text.h"
#include "report/kinds.h"

static void add_kind(struct fields *kinds, const char *key, uint64_t bytes, uint64_t blocks)
{
	struct fields inner;

	fields__begin(&inner);
	fields__add_count(&inner, "bytes", bytes);
	fields__add_count(&inner, "blocks", blocks);
	fields__add_object(kinds, key, &inner);
}

void json_kinds__add(struct fields *fields, const struct summary_process *process)
{
	struct fields kinds;

	fields__begin(&kinds);
	for (int kind = 0; kind < BLOCK_KIND_CNT; kind++)
		add_kind(&kinds, block_kind_rows[kind].key, process->kind_bytes[kind],
			process->kind_blocks[kind]);
	add_kind(&kinds, "free", kinds__free_bytes(process), process->totals.frees);
	fields__add_object(fields, "kinds", &kinds);
}

static void add_caller(struct fields *fields, const struct summary_frame *caller)
{
	fields__add_text(fields, "function", caller->function);
	fields__add_text(fields, "file", caller->file);
	fields__add_known(fields, "line", caller->file && caller->line, caller->line);
	fields__add_text(fields, "module", caller->module);
	fields__add_hex(fields, "module_offset", caller->module && caller->module_offset,
		caller->module_offset);
}

static void add_contents(struct fields *fields, const char *contents)
{
	char *text = contents ? contents__text(contents) : NULL;

	fields__add_text(fields, "contents", contents);
	fields__add_text(fields, "contents_text", text);
	if (contents && !text)
		fields->failed = true;
	free(text);
}

static void put_block(struct output *out, const struct summary_block *block)
{
	struct fields fields;

	fields__begin(&fields);
	fields__add_count(&fields, "number", block->number);
	fields__add_text(&fields, "kind", block_kind_rows[block->kind].key);
	fields__add_text(&fields, "tag", block->tag);
	fields__add_hex(&fields, "address", true, block->addr);
	fields__add_count(&fields, "size", block->size);
	fields__add_seconds(&fields, "age_s", block->age_s);
	fields__add_count(&fields, "thread", (uint32_t)block->tid);
	add_caller(&fields, &block->caller);
	add_contents(&fields, block->contents);
	fields__put(out, &fields, PART_WHOLE);
}

void json_blocks__put(struct output *out, const struct summary_process *process)
{
	for (size_t i = 0; !out->err && i < process->block_cnt; i++) {
		if (i)
			output__puts(out, ",");
		put_block(out, &process->blocks[i]);
	}
}
