/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows beside elfutils' libdw, which is asked address by address. */
#ifndef HEAPTAP_TESTS_ROWS_LIBDW_H
#define HEAPTAP_TESTS_ROWS_LIBDW_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "rows_image.h"
#include "unwind/rows.h"

enum { REG_BP = 6, REG_SP = 7, REG_RETURN_ADDRESS = 16 };

/* ---- what libdw says, as rules ---- */

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

/* ---- libdw against rows ---- */

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

#endif
