/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines, columns and colours of the text renderer. Columns are counted as one for each code point:
 * wide and combining characters shift what stands right of them, and nothing else.
 */
#include "report/page.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "util/text.h"

/* ECMA-48, select graphic rendition */
static const char *const colours[] = {
	[STYLE_PLAIN] = "",
	[STYLE_TITLE] = "\033[1m",
	[STYLE_SIZE] = "\033[33m",
	[STYLE_PLACE] = "\033[36m",
	[STYLE_FAINT] = "\033[2m",
	[STYLE_GOOD] = "\033[32m",
	[STYLE_BAD] = "\033[1;31m",
};
static const char colour_end[] = "\033[0m";

static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

static unsigned int columns_of(const char *text, size_t sz)
{
	unsigned int columns = 0;

	for (size_t i = 0; i < sz; i++)
		columns += begins_character(text[i]);
	return columns;
}

/* Printable bytes, as they are. */
static void put_raw(struct page *page, enum style style, const char *text, size_t sz)
{
	bool coloured = page->colour && *colours[style] && sz;

	if (coloured)
		output__puts(&page->out, colours[style]);
	output__write(&page->out, text, sz);
	if (coloured)
		output__puts(&page->out, colour_end);
	page->column += columns_of(text, sz);
}

/* A new string, NULL without memory, which is noted. */
static char *printable(struct page *page, const char *text)
{
	char *result = text__printable(text);

	if (!result)
		page->out.err = -ENOMEM;
	return result;
}

__attribute__((format(printf, 2, 0))) static char *format_printable(
	struct page *page, const char *format, va_list args)
{
	char *raw, *result;

	if (vasprintf(&raw, format, args) < 0) {
		page->out.err = -ENOMEM;
		return NULL;
	}
	result = printable(page, raw);
	free(raw);
	return result;
}

void page__put(struct page *page, enum style style, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_printable(page, format, args);
	va_end(args);
	if (text)
		put_raw(page, style, text, strlen(text));
	free(text);
}

/* Bytes of `text` before its code point number `columns`. */
static size_t prefix_size(const char *text, unsigned int columns)
{
	size_t sz = 0;

	for (; text[sz]; sz++)
		if (begins_character(text[sz]) && !columns--)
			break;
	return sz;
}

/* The beginning tells whose it is, the end what it is: two thirds and one third of what fits. */
void page__put_cut(struct page *page, enum style style, unsigned int columns, const char *text)
{
	char *whole = printable(page, text);
	unsigned int have, tail = columns / 3, head = columns - tail - strlen("...");

	if (!whole)
		return;
	have = columns_of(whole, strlen(whole));
	if (have <= columns) {
		put_raw(page, style, whole, strlen(whole));
	} else {
		const char *rest = whole + prefix_size(whole, have - tail);

		put_raw(page, style, whole, prefix_size(whole, head));
		put_raw(page, STYLE_FAINT, "...", 3);
		put_raw(page, style, rest, strlen(rest));
	}
	free(whole);
}

void page__pad(struct page *page, unsigned int column)
{
	do {
		put_raw(page, STYLE_PLAIN, " ", 1);
	} while (page->column < column);
}

void page__end_line(struct page *page)
{
	output__puts(&page->out, "\n");
	page->column = 0;
}

static void wrap(struct page *page, enum style style, unsigned int indent, const char *text)
{
	bool first = true;

	while (*(text += strspn(text, " "))) {
		size_t sz = strcspn(text, " ");

		if (!first && page->column + 1 + columns_of(text, sz) > PAGE_WIDTH) {
			page__end_line(page);
			page__pad(page, indent);
		} else if (!first) {
			put_raw(page, STYLE_PLAIN, " ", 1);
		}
		put_raw(page, style, text, sz);
		text += sz;
		first = false;
	}
	page__end_line(page);
}

void page__wrap(struct page *page, enum style style, unsigned int indent, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = format_printable(page, format, args);
	va_end(args);
	if (text)
		wrap(page, style, indent, text);
	free(text);
}
