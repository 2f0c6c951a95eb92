/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an ELF file to its rows:
 *
 *   fd ─► elf_parts (code, sections) ─► cfi (FDEs by place) ─► cfa (a FDE's program) ─► cfa_rule
 *                                                                                        │
 *   rows ◄───────────────── append: equal neighbours are one, gaps are UNWIND_NONE ◄─────┘
 *
 * Where FDEs overlap, one reaches no further than to where the next one starts, and of those that
 * start alike the first in the section counts: what the C++ runtime finds by .eh_frame_hdr.
 * .debug_frame counts where .eh_frame has no rule.
 *
 * Rows are bounded by the sections' size (elf_parts.h): each takes two bytes of a program, an
 * advance and a change; or two are made by a FDE, which takes twelve.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "unwind/cfi.h"
#include "unwind/rows.h"
#include "util/array.h"

struct builder {
	struct unwind_rows rows;
	size_t cap;
};

/* From `file_offset` on, the rule holds. Offsets never decrease. */
static int append(struct builder *builder, uint32_t file_offset, uint32_t rule)
{
	struct unwind_rows *rows = &builder->rows;
	struct unwind_row *grown;

	if (rows->cnt > 0 && rows->rows[rows->cnt - 1].file_offset == file_offset)
		rows->cnt--;
	if (rule == (rows->cnt > 0 ? rows->rows[rows->cnt - 1].rule : UNWIND_NONE))
		return 0;
	grown = array__with_room(rows->rows, rows->cnt, 1, &builder->cap, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	rows->rows = grown;
	rows->rows[rows->cnt++] = (struct unwind_row){.file_offset = file_offset, .rule = rule};
	return 0;
}

/* A row of the FDE's table, as it stands. */
static int append_state(struct builder *builder, uint32_t file_offset, enum cfa_step step,
	const struct cfa_state *state, bool is_signal_frame)
{
	uint32_t rule = UNWIND_NONE;

	if (step == CFA_BAD || !cfa_state__rule(state, is_signal_frame, &rule))
		builder->rows.unsupported++;
	return append(builder, file_offset, rule);
}

/* The FDE's rows below `end`. */
static int append_fde(
	struct builder *builder, const struct cfi *cfi, const struct fde *fde, uint32_t end)
{
	const uint8_t *instructions = cfi->section->bytes + fde->program_at;
	struct bytes bytes = {.at = instructions, .end = instructions + fde->program_sz};
	const struct cie *cie = &cfi->cies[fde->cie];
	enum cfa_step step = CFA_ADVANCE;
	struct cfa_program program;
	uint64_t at = fde->start, sz = 0;
	int err = 0;

	cfa_program__init(&program, bytes, cie->factors, &cie->initial);
	for (; !err && step == CFA_ADVANCE && at < end; at += sz) {
		step = cfa_program__run(&program, &sz);
		if (step != CFA_ADVANCE || sz > end - at)
			sz = end - at;
		if (sz > 0)
			err = append_state(builder, at, step, &program.state, cie->is_signal_frame);
	}
	return err ? err : append(builder, end, UNWIND_NONE);
}

static int append_section(struct builder *builder, const struct cfi *cfi)
{
	int err = 0;

	for (size_t i = 0, next; !err && i < cfi->fde_cnt; i = next) {
		const struct fde *fde = &cfi->fdes[i];
		uint32_t end = fde->end;

		for (next = i + 1; next < cfi->fde_cnt; next++)
			if (cfi->fdes[next].start != fde->start)
				break;
		if (next < cfi->fde_cnt && cfi->fdes[next].start < end)
			end = cfi->fdes[next].start;
		err = append_fde(builder, cfi, fde, end);
	}
	return err;
}

/* A section's rows; none if there is no such section. */
static int build_section(const struct elf_parts *parts, const struct cfi_section *section,
	struct unwind_rows *ret_rows)
{
	struct builder builder = {0};
	struct cfi cfi = {0};
	int err;

	if (!section->bytes) {
		*ret_rows = builder.rows;
		return 0;
	}
	err = cfi__read(parts, section, &cfi);
	if (!err)
		err = append_section(&builder, &cfi);
	cfi__destroy(&cfi);
	if (err) {
		unwind_rows__destroy(&builder.rows);
		return err;
	}
	*ret_rows = builder.rows;
	return 0;
}

static uint32_t rule_before(const struct unwind_rows *rows, size_t i)
{
	return i > 0 ? rows->rows[i - 1].rule : UNWIND_NONE;
}

static int append_merged(
	struct builder *builder, const struct unwind_rows *first, const struct unwind_rows *second)
{
	size_t i = 0, k = 0;
	int err = 0;

	while (!err && (i < first->cnt || k < second->cnt)) {
		uint32_t a = i < first->cnt ? first->rows[i].file_offset : UINT32_MAX;
		uint32_t b = k < second->cnt ? second->rows[k].file_offset : UINT32_MAX;
		uint32_t rule;

		i += i < first->cnt && a <= b;
		k += k < second->cnt && b <= a;
		rule = rule_before(first, i);
		err = append(builder, a < b ? a : b,
			rule == UNWIND_NONE ? rule_before(second, k) : rule);
	}
	return err;
}

/* The first's rows where it has a rule, else the second's. Takes both. */
static int merge(
	struct unwind_rows *first, struct unwind_rows *second, struct unwind_rows *ret_rows)
{
	struct builder builder = {.rows.unsupported = first->unsupported + second->unsupported};
	int err;

	if (second->cnt == 0) {
		first->unsupported = builder.rows.unsupported;
		*ret_rows = *first;
		*first = (struct unwind_rows){0};
		return 0;
	}
	err = append_merged(&builder, first, second);
	if (err) {
		unwind_rows__destroy(&builder.rows);
		return err;
	}
	*ret_rows = builder.rows;
	return 0;
}

/* One malformed section doesn't spoil the other, but something has to be of use. */
static int combined_error(int err, int other_err, bool has_rows)
{
	if (err && err != -EIO)
		return err;
	if (other_err && other_err != -EIO)
		return other_err;
	return (err || other_err) && !has_rows ? -EIO : 0;
}

int unwind_rows__build(int fd, struct unwind_rows *ret_rows)
{
	struct unwind_rows eh = {0}, debug = {0};
	struct elf_parts parts;
	int err, debug_err;

	err = elf_parts__read(fd, &parts);
	if (err)
		return err;
	err = build_section(&parts, &parts.eh_frame, &eh);
	debug_err = build_section(&parts, &parts.debug_frame, &debug);
	err = combined_error(err, debug_err, eh.cnt + debug.cnt > 0);
	if (!err)
		err = merge(&eh, &debug, ret_rows);
	unwind_rows__destroy(&eh);
	unwind_rows__destroy(&debug);
	elf_parts__destroy(&parts);
	return err;
}

void unwind_rows__destroy(struct unwind_rows *rows)
{
	if (!rows)
		return;
	free(rows->rows);
	*rows = (struct unwind_rows){0};
}

uint32_t unwind_rows__find(const struct unwind_rows *rows, uint64_t file_offset)
{
	size_t low = 0, high = rows->cnt;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (rows->rows[middle].file_offset <= file_offset)
			low = middle + 1;
		else
			high = middle;
	}
	return rule_before(rows, low);
}
