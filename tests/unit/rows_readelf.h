/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rows beside what binutils' readelf prints, which is each FDE's table (but not what expressions
 * say): compared wherever either of them steps.
 */
#ifndef HEAPTAP_TESTS_ROWS_READELF_H
#define HEAPTAP_TESTS_ROWS_READELF_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows_image.h"
#include "unwind/rows.h"

/* ---- what readelf prints ---- */

#define COLUMNS_MAX 40
#define CELL_SZ 24
#define CIES_MAX 4096

struct printed_row {
	char cfa[CELL_SZ], bp[CELL_SZ], return_address[CELL_SZ];
};

struct span { /* what is expected in [start, end) */
	uint64_t start, end;
	uint32_t rule;
	bool is_expression; /* readelf says no more about it */
};

struct spans {
	struct span *spans;
	size_t cnt, cap;
	size_t unsupported, expression_cnt;
};

static bool parse_offset(const char *cell, const char *base, long *ret_offset)
{
	size_t len = strlen(base);
	char *end;

	if (strncmp(cell, base, len) != 0 || (cell[len] != '+' && cell[len] != '-'))
		return false;
	*ret_offset = strtol(cell + len, &end, 10);
	return *end == '\0';
}

/* The contract of heaptap/unwind.h, read from cells. False: no rule for it. */
static bool rule_of_cells(const struct printed_row *row, uint32_t *ret_rule)
{
	uint32_t kind = strncmp(row->cfa, "rsp", 3) == 0 ? UNWIND_RSP : UNWIND_RBP;
	bool is_saved = row->bp[0] == 'c';
	long cfa, bp = 0, return_address;

	if (strcmp(row->return_address, "u") == 0) {
		*ret_rule = UNWIND_ROOT;
		return true;
	}
	if (!parse_offset(row->return_address, "c", &return_address) || return_address != -8)
		return false;
	if (!parse_offset(row->cfa, "rsp", &cfa) && !parse_offset(row->cfa, "rbp", &cfa))
		return false;
	if (is_saved && !parse_offset(row->bp, "c", &bp))
		return false;
	if (!is_saved && strcmp(row->bp, "u") != 0 && strcmp(row->bp, "s") != 0)
		return false;
	*ret_rule = UNWIND_RULE(kind, cfa, is_saved, bp);
	return in_range(cfa, 0, 131064) && in_range(bp, -65528, 65528);
}

static bool has_expression(const struct printed_row *row)
{
	return strcmp(row->cfa, "exp") == 0 || strcmp(row->bp, "exp") == 0 ||
	       strcmp(row->return_address, "exp") == 0;
}

static void add_span(
	struct spans *spans, uint64_t start, uint64_t end, const struct printed_row *row)
{
	struct span span = {.start = start, .end = end, .is_expression = has_expression(row)};

	if (start == end)
		return;
	if (spans->cnt == spans->cap) {
		spans->cap = spans->cap ? spans->cap * 2 : 4096;
		spans->spans = reallocarray(spans->spans, spans->cap, sizeof(span));
		assert_non_null(spans->spans);
	}
	if (span.is_expression)
		spans->expression_cnt++;
	else if (!rule_of_cells(row, &span.rule)) {
		span.rule = UNWIND_NONE;
		spans->unsupported++;
	}
	spans->spans[spans->cnt++] = span;
}

struct parser {
	FILE *readelf;
	char line[1024];
	bool has_line;
	char columns[COLUMNS_MAX][CELL_SZ];
	int column_cnt;
	struct {
		unsigned long section_offset;
		struct printed_row row;
	} cies[CIES_MAX];
	size_t cie_cnt;
};

static bool next_line(struct parser *parser)
{
	parser->has_line = fgets(parser->line, sizeof(parser->line), parser->readelf);
	return parser->has_line;
}

static int split(char *line, char cells[COLUMNS_MAX][CELL_SZ])
{
	int cnt = 0;

	for (char *cell = strtok(line, " \n"); cell; cell = strtok(NULL, " \n")) {
		if (cell[0] == '(') /* "r9 (r9)" is one cell */
			continue;
		assert_true(cnt < COLUMNS_MAX && strlen(cell) < CELL_SZ);
		strcpy(cells[cnt++], cell);
	}
	return cnt;
}

static void parse_columns(struct parser *parser)
{
	parser->column_cnt = 0;
	if (next_line(parser) && strncmp(parser->line, "   LOC", 6) == 0)
		parser->column_cnt = split(parser->line, parser->columns);
}

/* The next row of a table. False: the table has ended. */
static bool parse_row(struct parser *parser, uint64_t *ret_address, struct printed_row *ret_row)
{
	struct printed_row row = {.bp = "u"};
	char cells[COLUMNS_MAX][CELL_SZ];

	if (parser->column_cnt == 0 || !next_line(parser) || parser->line[0] == '\n')
		return false;
	assert_int_equal(split(parser->line, cells), parser->column_cnt);
	*ret_address = strtoull(cells[0], NULL, 16);
	strcpy(row.cfa, cells[1]);
	for (int i = 2; i < parser->column_cnt; i++)
		if (strcmp(parser->columns[i], "rbp") == 0)
			strcpy(row.bp, cells[i]);
		else if (strcmp(parser->columns[i], "ra") == 0)
			strcpy(row.return_address, cells[i]);
	*ret_row = row;
	return true;
}

/* One without a table (a signal frame's) has an empty row. */
static void parse_cie(struct parser *parser, unsigned long section_offset)
{
	struct printed_row row = {0};
	uint64_t address;

	parse_columns(parser);
	parse_row(parser, &address, &row);
	assert_true(parser->cie_cnt < CIES_MAX);
	parser->cies[parser->cie_cnt].section_offset = section_offset;
	parser->cies[parser->cie_cnt++].row = row;
}

static const struct printed_row *find_cie(const struct parser *parser, unsigned long section_offset)
{
	for (size_t i = 0; i < parser->cie_cnt; i++)
		if (parser->cies[i].section_offset == section_offset)
			return &parser->cies[i].row;
	fail();
	return NULL;
}

/* A FDE without a table of its own has its CIE's row. */
static void parse_fde(
	struct parser *parser, unsigned long cie, uint64_t start, uint64_t end, struct spans *spans)
{
	struct printed_row row, next;
	uint64_t address;

	parse_columns(parser);
	if (!parse_row(parser, &address, &row)) {
		add_span(spans, start, end, find_cie(parser, cie));
		return;
	}
	assert_int_equal(address, start);
	while (parse_row(parser, &address, &next)) {
		add_span(spans, start, address, &row);
		row = next;
		start = address;
	}
	add_span(spans, start, end, &row);
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *span = a, *other = b;

	return (span->start > other->start) - (span->start < other->start);
}

static void read_with_readelf(const char *path, struct spans *spans)
{
	static struct parser parser;
	unsigned long offset, cie;
	uint64_t start, end;
	char command[512];

	snprintf(command, sizeof(command), "readelf -W --debug-dump=frames-interp %s", path);
	parser.cie_cnt = 0;
	parser.readelf = popen(command, "r");
	assert_non_null(parser.readelf);
	while (next_line(&parser))
		if (sscanf(parser.line, "%lx %*x %*x FDE cie=%lx pc=%lx..%lx", &offset, &cie,
			    &start, &end) == 4)
			parse_fde(&parser, cie, start, end, spans);
		else if (strncmp(parser.line, "Contents of", 11) == 0)
			parser.cie_cnt = 0;
		else if (sscanf(parser.line, "%lx %*x %*x CIE", &offset) == 1 &&
			 strstr(parser.line, " CIE "))
			parse_cie(&parser, offset);
	pclose(parser.readelf); /* 1 also where it just misses a separate debug file */
	qsort(spans->spans, spans->cnt, sizeof(*spans->spans), compare_spans);
}

/* ---- readelf against rows ---- */

static bool may_be_expression(uint32_t rule)
{
	switch (UNWIND_RULE_KIND(rule)) {
	case UNWIND_NONE:
	case UNWIND_RBP_DEREF:
	case UNWIND_PLT:
	case UNWIND_SIGNAL:
		return true;
	}
	return UNWIND_RULE_BP_SAVED(rule) && UNWIND_RULE_BP_OFFSET(rule) == UNWIND_BP_AT_BP;
}

static size_t check_rule(
	const struct unwind_rows *rows, uint64_t offset, const struct span *span, uint32_t expected)
{
	uint32_t rule = unwind_rows__find(rows, offset);

	if (span && span->is_expression ? may_be_expression(rule) : rule == expected)
		return 0;
	print_error("%#lx: rule %#x, readelf %#x\n", offset, rule, expected);
	return 1;
}

/* At each step of readelf's; gaps are spans without a rule. */
static size_t check_spans(
	const struct image *image, const struct unwind_rows *rows, const struct spans *spans)
{
	uint64_t end = image->code[0].p_vaddr;
	size_t wrong = 0;

	for (size_t i = 0; i < spans->cnt; i++) {
		const struct span *span = &spans->spans[i];

		assert_true(span->start >= end); /* these files' FDEs don't overlap */
		if (span->start > end)
			wrong += check_rule(rows, file_offset(image, end), NULL, UNWIND_NONE);
		wrong += check_rule(rows, file_offset(image, span->start), span, span->rule);
		end = span->end;
	}
	return wrong + check_rule(rows, file_offset(image, end), NULL, UNWIND_NONE);
}

/* At each step of ours: readelf has to step there too. */
static size_t check_steps(
	const struct image *image, const struct unwind_rows *rows, const struct spans *spans)
{
	size_t k = 0, wrong = 0;

	for (size_t i = 0; i < rows->cnt; i++) {
		uint64_t at = rows->rows[i].file_offset;

		while (k + 1 < spans->cnt && file_offset(image, spans->spans[k + 1].start) <= at)
			k++;
		if (file_offset(image, spans->spans[k].start) != at &&
			file_offset(image, spans->spans[k].end) != at) {
			print_error("%#lx: no step of readelf's\n", at);
			wrong++;
		}
	}
	return wrong;
}

static void check_with_readelf(
	const char *path, size_t *ret_unsupported, size_t *ret_expression_cnt)
{
	struct unwind_rows rows = {0};
	struct spans spans = {0};
	struct image image;

	open_image(path, &image);
	read_with_readelf(path, &spans);
	assert_int_equal(unwind_rows__build(image.fd, &rows), 0);
	assert_true(spans.cnt > 0);
	assert_int_equal(check_spans(&image, &rows, &spans), 0);
	assert_int_equal(check_steps(&image, &rows, &spans), 0);
	/* Of what readelf calls an expression, some may be without a rule. */
	assert_true(rows.unsupported >= spans.unsupported);
	assert_true(rows.unsupported <= spans.unsupported + spans.expression_cnt);
	*ret_unsupported = spans.unsupported;
	*ret_expression_cnt = spans.expression_cnt;
	free(spans.spans);
	unwind_rows__destroy(&rows);
	close_image(&image);
}

#endif
