/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rows of real programs, beside two readers of call frame information that share no code with
 * ours: binutils' readelf, which prints each FDE's table (but not what expressions say), and
 * elfutils' libdw, asked address by address. Both sides are step functions of the file offset; they
 * are compared wherever either of them steps, so that equal means equal everywhere.
 *
 * usage: test_rows [FILE...]    instead of the files named below
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "built_programs.h"
#include "unwind/rows.h"

enum { REG_BP = 6, REG_SP = 7, REG_RETURN_ADDRESS = 16 };

/* ---- a file, as libelf sees it ---- */

#define CODE_MAX 8

struct image {
	int fd;
	Elf *elf;
	GElf_Phdr code[CODE_MAX]; /* executable segments */
	size_t code_cnt;
};

static void open_image(const char *path, struct image *ret_image)
{
	struct image image = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
	GElf_Phdr header;
	size_t cnt;

	assert_true(image.fd >= 0);
	elf_version(EV_CURRENT);
	image.elf = elf_begin(image.fd, ELF_C_READ_MMAP, NULL);
	assert_non_null(image.elf);
	assert_int_equal(elf_getphdrnum(image.elf, &cnt), 0);
	for (size_t i = 0; i < cnt; i++) {
		assert_non_null(gelf_getphdr(image.elf, i, &header));
		assert_true(image.code_cnt < CODE_MAX);
		if (header.p_type == PT_LOAD && header.p_flags & PF_X)
			image.code[image.code_cnt++] = header;
	}
	*ret_image = image;
}

static void close_image(struct image *image)
{
	elf_end(image->elf);
	close(image->fd);
}

static uint64_t file_offset(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->code_cnt; i++)
		if (address >= image->code[i].p_vaddr &&
			address - image->code[i].p_vaddr <= image->code[i].p_filesz)
			return address - image->code[i].p_vaddr + image->code[i].p_offset;
	fail();
	return 0;
}

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

static bool in_range(long offset, long min, long max)
{
	return offset % 8 == 0 && offset >= min && offset <= max;
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

/* ---- libdw against rows ---- */

static bool is_op(const Dwarf_Op *op, uint8_t atom, uint64_t number)
{
	return op->atom == atom && op->number == number;
}

/* The linker's expression for a lazy PLT. */
static bool is_plt(const Dwarf_Op *ops, size_t cnt)
{
	return cnt == 9 && is_op(&ops[0], DW_OP_breg7, 8) && is_op(&ops[1], DW_OP_breg16, 0) &&
	       ops[2].atom == DW_OP_lit15 && ops[3].atom == DW_OP_and && ops[4].atom > DW_OP_lit0 &&
	       ops[4].atom <= DW_OP_lit15 && ops[5].atom == DW_OP_ge && ops[6].atom == DW_OP_lit3 &&
	       ops[7].atom == DW_OP_shl && ops[8].atom == DW_OP_plus;
}

/* The rule's CFA part. */
static bool rule_of_cfa(Dwarf_Frame *frame, uint32_t *ret_rule)
{
	Dwarf_Op *ops;
	size_t cnt;
	int64_t offset;

	assert_int_equal(dwarf_frame_cfa(frame, &ops, &cnt), 0);
	if (is_plt(ops, cnt)) {
		*ret_rule = UNWIND_RULE(UNWIND_PLT, (ops[4].atom - DW_OP_lit0) * 8, 0, 0);
		return true;
	}
	if (cnt == 1 && ops[0].atom == DW_OP_bregx) {
		offset = ops[0].number2;
		*ret_rule = UNWIND_RULE(
			ops[0].number == REG_SP ? UNWIND_RSP : UNWIND_RBP, offset, 0, 0);
		return (ops[0].number == REG_SP || ops[0].number == REG_BP) &&
		       in_range(offset, 0, 131064);
	}
	offset = ops[0].number;
	*ret_rule = UNWIND_RULE(UNWIND_RBP_DEREF, offset, 0, 0);
	return cnt == 2 && ops[0].atom == DW_OP_breg6 && ops[1].atom == DW_OP_deref &&
	       in_range(offset, -65536, 65528);
}

struct location {
	Dwarf_Op memory[3];
	Dwarf_Op *ops; /* NULL: unchanged; none: undefined */
	size_t cnt;
};

static void locate(Dwarf_Frame *frame, int reg, struct location *location)
{
	assert_int_equal(
		dwarf_frame_register(frame, reg, location->memory, &location->ops, &location->cnt),
		0);
}

/* The register is saved at CFA + *ret_offset. */
static bool is_saved(const struct location *location, int64_t *ret_offset)
{
	if (location->cnt != 2 || location->ops[0].atom != DW_OP_call_frame_cfa ||
		location->ops[1].atom != DW_OP_plus_uconst)
		return false;
	*ret_offset = location->ops[1].number;
	return true;
}

/* The register is saved where the register of `breg` points to, plus offset. */
static bool is_saved_at(const struct location *location, uint8_t breg, uint64_t offset)
{
	return location->cnt == 2 && location->ops[0].atom == DW_OP_call_frame_cfa &&
	       is_op(&location->ops[1], breg, offset);
}

static bool rule_of_bp(Dwarf_Frame *frame, uint32_t *ret_rule)
{
	struct location location;
	int64_t offset;

	locate(frame, REG_BP, &location);
	*ret_rule = 0;
	if (location.cnt == 0)
		return true;
	if (is_saved_at(&location, DW_OP_breg6, 0)) {
		*ret_rule = UNWIND_RULE(0, 0, 1, UNWIND_BP_AT_BP);
		return true;
	}
	if (!is_saved(&location, &offset))
		return false;
	*ret_rule = UNWIND_RULE(0, 0, 1, offset);
	return in_range(offset, -65528, 65528);
}

static bool is_signal_frame(Dwarf_Frame *frame)
{
	struct location bp, return_address;
	Dwarf_Op *ops;
	size_t cnt;

	assert_int_equal(dwarf_frame_cfa(frame, &ops, &cnt), 0);
	locate(frame, REG_BP, &bp);
	locate(frame, REG_RETURN_ADDRESS, &return_address);
	return cnt == 2 && is_op(&ops[0], DW_OP_breg7, SIGNAL_FRAME_RSP) &&
	       ops[1].atom == DW_OP_deref && is_saved_at(&bp, DW_OP_breg7, SIGNAL_FRAME_RBP) &&
	       is_saved_at(&return_address, DW_OP_breg7, SIGNAL_FRAME_RIP);
}

static uint32_t rule_of_frame(Dwarf_Frame *frame, bool is_signal)
{
	struct location return_address;
	int64_t offset = 0;
	uint32_t cfa, bp;

	locate(frame, REG_RETURN_ADDRESS, &return_address);
	if (return_address.cnt == 0 && return_address.ops)
		return UNWIND_ROOT;
	if (is_signal)
		return is_signal_frame(frame) ? UNWIND_SIGNAL : UNWIND_NONE;
	if (!is_saved(&return_address, &offset) || offset != -8 || !rule_of_cfa(frame, &cfa) ||
		!rule_of_bp(frame, &bp))
		return UNWIND_NONE;
	return cfa | bp;
}

struct libdw {
	Dwarf *dwarf;
	Dwarf_CFI *cfi, *debug_cfi;	  /* .eh_frame's; .debug_frame's */
	size_t counts[UNWIND_SIGNAL + 1]; /* its rows, by kind */
	size_t refused_cnt;
};

static void libdw_open(const struct image *image, struct libdw *libdw)
{
	libdw->cfi = dwarf_getcfi_elf(image->elf);
	libdw->dwarf = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
	libdw->debug_cfi = libdw->dwarf ? dwarf_getcfi(libdw->dwarf) : NULL;
	assert_true(libdw->cfi || libdw->debug_cfi);
}

static void libdw_close(struct libdw *libdw)
{
	dwarf_cfi_end(libdw->cfi);
	dwarf_end(libdw->dwarf);
}

static bool libdw_find(struct libdw *libdw, uint64_t address, Dwarf_Frame **ret_frame)
{
	return (libdw->cfi && dwarf_cfi_addrframe(libdw->cfi, address, ret_frame) == 0) ||
	       (libdw->debug_cfi && dwarf_cfi_addrframe(libdw->debug_cfi, address, ret_frame) == 0);
}

/* Some hand-written CFI is wrong to it: then what readelf says has to do. */
static bool libdw_refuses(Dwarf_Frame *frame)
{
	Dwarf_Op *ops;
	size_t cnt;

	return dwarf_frame_cfa(frame, &ops, &cnt) != 0;
}

/* What libdw says from `address` on, up to *ret_end. False: nothing. */
static bool libdw_ask(struct libdw *libdw, uint64_t address, uint64_t *ret_end, uint32_t *ret_rule)
{
	Dwarf_Addr start = address, end = address + 1;
	Dwarf_Frame *frame = NULL;
	bool is_signal = false, refused;

	*ret_rule = UNWIND_NONE;
	*ret_end = end;
	if (!libdw_find(libdw, address, &frame))
		return true;
	assert_int_equal(dwarf_frame_info(frame, &start, &end, &is_signal), REG_RETURN_ADDRESS);
	assert_true(end > address);
	*ret_end = end;
	refused = libdw_refuses(frame);
	libdw->refused_cnt += refused;
	if (!refused) {
		*ret_rule = rule_of_frame(frame, is_signal);
		libdw->counts[UNWIND_RULE_KIND(*ret_rule)]++;
	}
	free(frame);
	return !refused;
}

/* How many of our steps lie at or below a file offset, of which `i` are known to. */
static size_t steps_up_to(const struct unwind_rows *rows, uint64_t offset, size_t i)
{
	while (i < rows->cnt && rows->rows[i].file_offset <= offset)
		i++;
	return i;
}

static size_t check_segment(const struct image *image, const GElf_Phdr *code,
	const struct unwind_rows *rows, struct libdw *libdw)
{
	uint64_t at = code->p_vaddr, end;
	size_t step = 0, wrong = 0;
	uint32_t rule;

	for (; at < code->p_vaddr + code->p_filesz; at = end) {
		bool known = libdw_ask(libdw, at, &end, &rule);
		uint64_t offset = file_offset(image, at), next;

		step = steps_up_to(rows, offset, step);
		next = step < rows->cnt ? rows->rows[step].file_offset : UINT64_MAX;
		if (!known ||
			(unwind_rows__find(rows, offset) == rule && next >= offset + end - at))
			continue;
		print_error(
			"%#lx: rule %#x, libdw %#x\n", at, unwind_rows__find(rows, offset), rule);
		wrong++;
	}
	return wrong;
}

/* counts: libdw's rows by kind; UNWIND_NONE: those that no rule can express. */
static void check_with_libdw(const char *path, size_t counts[UNWIND_SIGNAL + 1])
{
	struct unwind_rows rows = {0};
	struct libdw libdw = {0};
	struct image image;
	size_t wrong = 0;

	open_image(path, &image);
	libdw_open(&image, &libdw);
	assert_int_equal(unwind_rows__build(image.fd, &rows), 0);
	for (size_t i = 0; i < image.code_cnt; i++)
		wrong += check_segment(&image, &image.code[i], &rows, &libdw);
	assert_int_equal(wrong, 0);
	assert_int_equal(rows.unsupported, libdw.counts[UNWIND_NONE]);
	memcpy(counts, libdw.counts, sizeof(libdw.counts));
	if (libdw.refused_cnt > 0)
		print_message("%s: %zu rows refused by libdw\n", path, libdw.refused_cnt);
	unwind_rows__destroy(&rows);
	libdw_close(&libdw);
	close_image(&image);
}

/* ---- the tests ---- */

static const char *const known[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib/x86_64-linux-gnu/libm.so.6",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/bin/ls",
	"/usr/bin/perl",
	"/usr/bin/python3",
	"/usr/bin/sqlite3",
	"/usr/bin/redis-server",
	"/usr/bin/gdb",
};

struct files {
	const char *const *paths;
	size_t cnt;
};

static void rows_of_installed_programs_are_those_of_readelf(void **state)
{
	const struct files *files = *state;
	size_t unsupported, expression_cnt;

	for (size_t i = 0; i < files->cnt; i++) {
		if (access(files->paths[i], R_OK) != 0)
			continue;
		check_with_readelf(files->paths[i], &unsupported, &expression_cnt);
		print_message("%s: %zu rows without a rule, %zu by expressions\n", files->paths[i],
			unsupported, expression_cnt);
	}
}

static void rows_of_installed_programs_are_those_of_libdw(void **state)
{
	const struct files *files = *state;

	for (size_t i = 0; i < files->cnt; i++) {
		size_t counts[UNWIND_SIGNAL + 1] = {0};

		if (access(files->paths[i], R_OK) != 0)
			continue;
		check_with_libdw(files->paths[i], counts);
		print_message("%s: none %zu root %zu sp %zu bp %zu deref %zu plt %zu signal %zu\n",
			files->paths[i], counts[UNWIND_NONE], counts[UNWIND_ROOT],
			counts[UNWIND_RSP], counts[UNWIND_RBP], counts[UNWIND_RBP_DEREF],
			counts[UNWIND_PLT], counts[UNWIND_SIGNAL]);
	}
}

static void glibc_has_roots_a_signal_frame_and_plts(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	check_with_libdw(known[0], counts);
	assert_true(counts[UNWIND_ROOT] >= 1); /* clone */
	assert_int_equal(counts[UNWIND_SIGNAL], 1);
	assert_int_equal(counts[UNWIND_PLT], 1);
}

static const char program[] = "#include <stdio.h>\n"
			      "int main(int argc, char **argv) { return printf(\"%d\", argc); }\n";

/* A program built from `source`, beside both readers. */
static void check_built(
	const char *compiler, const char *options, const char *source, size_t *counts)
{
	size_t unsupported, expression_cnt;
	char path[BUILT_PATH_SZ];

	built__write("program.c", source, strlen(source));
	built__run("%s %s -o program program.c", compiler, options);
	check_with_readelf(built__path("program", path), &unsupported, &expression_cnt);
	check_with_libdw(path, counts);
}

static void static_programs_and_static_pies_are_read(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	check_built("gcc", "-O2 -static", program, counts);
	assert_true(counts[UNWIND_ROOT] >= 1); /* _start */
	check_built("gcc", "-O2 -static-pie", program, counts);
	assert_true(counts[UNWIND_ROOT] >= 1);
}

static void a_static_program_of_musl_is_read(void **state)
{
	size_t counts[UNWIND_SIGNAL + 1] = {0};

	(void)state;
	if (!built__try("command -v musl-gcc > musl"))
		skip();
	check_built("musl-gcc", "-O2 -static -fasynchronous-unwind-tables", program, counts);
	assert_true(counts[UNWIND_RSP] > 0);
}

/* Without .eh_frame for C code; and compressed, which takes a few functions to be worth it. */
static void debug_frame_is_read_where_eh_frame_has_nothing(void **state)
{
	static const char source[] =
		"#define F(n) int f##n(int a) { return n ? printf(\"%d\", a) + n : 0; }\n"
		"#define F4(n) F(n##0) F(n##1) F(n##2) F(n##3)\n"
		"#include <stdio.h>\n"
		"F4(1) F4(2) F4(3) F4(4) F4(5)\n"
		"int main(void) { return 0; }\n";
	static const char options[] =
		"-O2 -g -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-exceptions";
	size_t plain[UNWIND_SIGNAL + 1] = {0}, compressed[UNWIND_SIGNAL + 1] = {0};
	char text[sizeof(options) + 64];

	(void)state;
	snprintf(text, sizeof(text), "%s -Wl,--compress-debug-sections=none", options);
	check_built("gcc", text, source, plain);
	snprintf(text, sizeof(text), "%s -Wl,--compress-debug-sections=zlib", options);
	check_built("gcc", text, source, compressed);
	built__run("readelf -SW program | grep '[.]debug_frame' | grep -q ' C '");
	assert_true(plain[UNWIND_RSP] > 20 * 2);
	assert_memory_equal(plain, compressed, sizeof(plain));
}

static size_t count_bp_at_bp(const struct unwind_rows *rows)
{
	size_t cnt = 0;

	for (size_t i = 0; i < rows->cnt; i++)
		cnt += UNWIND_RULE_KIND(rows->rows[i].rule) == UNWIND_RBP_DEREF &&
		       UNWIND_RULE_BP_SAVED(rows->rows[i].rule) &&
		       UNWIND_RULE_BP_OFFSET(rows->rows[i].rule) == UNWIND_BP_AT_BP;
	return cnt;
}

/* gcc keeps the CFA in memory where it realigns the stack of a function whose frame varies. */
static void functions_that_realign_their_stack_have_rules(void **state)
{
	static const char source[] =
		"#include <alloca.h>\n"
		"__attribute__((noinline)) void fill(char *a, char *b) { *a = *b = 1; }\n"
		"__attribute__((noinline)) int realigned(\n"
		"	int a, int b, int c, int d, int e, int f, int g, int h)\n"
		"{\n"
		"	_Alignas(64) char aligned[64];\n"
		"	fill(aligned, alloca(a));\n"
		"	return aligned[g + h];\n"
		"}\n"
		"int main(int argc, char **argv) { return realigned(argc, 1, 2, 3, 4, 5, 6, 7); "
		"}\n";
	size_t counts[UNWIND_SIGNAL + 1] = {0};
	struct unwind_rows rows = {0};
	int fd;

	(void)state;
	check_built("gcc", "-O2", source, counts);
	assert_true(counts[UNWIND_RBP_DEREF] > 0);
	fd = built__open("program");
	assert_int_equal(unwind_rows__build(fd, &rows), 0);
	assert_int_equal(count_bp_at_bp(&rows), counts[UNWIND_RBP_DEREF]);
	unwind_rows__destroy(&rows);
	close(fd);
}

/* Of the linker's lazy PLTs: where an entry's push lies differs. */
static void plts_have_the_linkers_threshold(void **state)
{
	static const struct {
		const char *option;
		uint32_t threshold;
	} plts[] = {{"-z,lazy", 11}, {"-z,lazy,-z,ibtplt", 9}};

	(void)state;
	for (size_t i = 0; i < sizeof(plts) / sizeof(*plts); i++) {
		size_t counts[UNWIND_SIGNAL + 1] = {0};
		struct unwind_rows rows = {0};
		char options[128];
		uint32_t rule = 0;
		int fd;

		snprintf(options, sizeof(options), "-O2 -no-pie -Wl,%s", plts[i].option);
		check_built("gcc", options, program, counts);
		assert_int_equal(counts[UNWIND_PLT], 1);
		fd = built__open("program");
		assert_int_equal(unwind_rows__build(fd, &rows), 0);
		for (size_t k = 0; k < rows.cnt; k++)
			if (UNWIND_RULE_KIND(rows.rows[k].rule) == UNWIND_PLT)
				rule = rows.rows[k].rule;
		assert_int_equal(UNWIND_RULE_CFA_OFFSET(rule) / 8, plts[i].threshold);
		unwind_rows__destroy(&rows);
		close(fd);
	}
}

/* By PT_GNU_EH_FRAME. */
static void a_file_without_section_headers_has_the_same_rows(void **state)
{
	struct unwind_rows rows = {0}, rows_without = {0};
	Elf64_Ehdr *header;
	uint8_t *bytes;
	size_t sz;
	int fd;

	(void)state;
	built__run("cp /usr/bin/ls program");
	bytes = built__read("program", &sz);
	header = (Elf64_Ehdr *)bytes;
	header->e_shoff = header->e_shnum = header->e_shstrndx = 0;
	built__write("without", bytes, sz);
	free(bytes);
	fd = built__open("program");
	assert_int_equal(unwind_rows__build(fd, &rows), 0);
	close(fd);
	fd = built__open("without");
	assert_int_equal(unwind_rows__build(fd, &rows_without), 0);
	close(fd);
	assert_true(rows.cnt > 1000);
	assert_int_equal(rows.cnt, rows_without.cnt);
	assert_memory_equal(rows.rows, rows_without.rows, rows.cnt * sizeof(*rows.rows));
	unwind_rows__destroy(&rows);
	unwind_rows__destroy(&rows_without);
}

int main(int argc, char **argv)
{
	struct files files = {known, sizeof(known) / sizeof(*known)};
	struct files given = {(const char *const *)argv + 1, argc - 1};
	struct files *state = argc > 1 ? &given : &files;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(rows_of_installed_programs_are_those_of_readelf, state),
		cmocka_unit_test_prestate(rows_of_installed_programs_are_those_of_libdw, state),
		cmocka_unit_test(glibc_has_roots_a_signal_frame_and_plts),
		cmocka_unit_test(static_programs_and_static_pies_are_read),
		cmocka_unit_test(a_static_program_of_musl_is_read),
		cmocka_unit_test(debug_frame_is_read_where_eh_frame_has_nothing),
		cmocka_unit_test(functions_that_realign_their_stack_have_rules),
		cmocka_unit_test(plts_have_the_linkers_threshold),
		cmocka_unit_test(a_file_without_section_headers_has_the_same_rows),
	};

	return cmocka_run_group_tests(tests, built__setup, built__teardown);
}
