/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a block is: one row each in block_kinds.def. All blocks of a stack are of one kind. */
#ifndef HEAPTAP_REPORT_BLOCK_KIND_H
#define HEAPTAP_REPORT_BLOCK_KIND_H

enum block_kind {
#define BLOCK_KIND(name, key, text) BLOCK_##name,
#include "report/block_kinds.def"
#undef BLOCK_KIND
	BLOCK_KIND_CNT,
};

/* Sets of kinds. */
#define KIND_BIT(kind) (1u << (kind))
/* What nobody looks for: left out of reports unless it is asked for (--all-kinds). */
#define KINDS_LEFT_OUT (KIND_BIT(BLOCK_RUNTIME) | KIND_BIT(BLOCK_IGNORED))

/* A row of block_kinds.def, by enum block_kind. */
struct block_kind_row {
	const char *key, *text;
};
extern const struct block_kind_row block_kind_rows[BLOCK_KIND_CNT];

#endif
