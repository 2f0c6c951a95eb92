/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the text renderer writes: lines, columns, colours. Each piece of text is made harmless here
 * (text__printable), whoever it came from, so that no byte of a target reaches a terminal by a
 * forgotten call; line ends and colour codes are written by this file alone.
 */
#ifndef HEAPTAP_REPORT_PAGE_H
#define HEAPTAP_REPORT_PAGE_H

#include <stdbool.h>
#include "report/output.h"

#define PAGE_WIDTH 96 /* columns that lines are wrapped at */

enum style {
	STYLE_PLAIN,
	STYLE_TITLE, /* who */
	STYLE_SIZE,  /* how much */
	STYLE_PLACE, /* where in the source */
	STYLE_FAINT, /* where in the binary */
	STYLE_GOOD,
	STYLE_BAD,
};

struct page {
	struct output out;
	bool colour;
	unsigned int column; /* of the next character, from 0; one for each code point */
};

__attribute__((format(printf, 3, 4))) void page__put(
	struct page *page, enum style style, const char *format, ...);
/* Not more than `columns` of it: the middle is left out. */
void page__put_cut(struct page *page, enum style style, unsigned int columns, const char *text);
/* Spaces up to this column, one at least. */
void page__pad(struct page *page, unsigned int column);
void page__end_line(struct page *page);
/* From here to the end of the line word by word; further lines begin at `indent`. */
__attribute__((format(printf, 4, 5))) void page__wrap(
	struct page *page, enum style style, unsigned int indent, const char *format, ...);

#endif
