/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Why a file is not probed, or not as somebody declared it. */
#include <stdio.h>
#include <string.h>

#include "probe/functions.h"
#include "probe/scan_parts.h"
#include "util/suggest.h"

static const char *machine__name(const struct elf_image *image)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} machines[] = {
		{EM_X86_64, "x32"},
		{EM_386, "32-bit x86"},
		{EM_AARCH64, "aarch64"},
		{EM_ARM, "32-bit ARM"},
		{EM_RISCV, "RISC-V"},
		{EM_PPC64, "PowerPC"},
		{EM_PPC, "PowerPC"},
		{EM_S390, "s390"},
		{EM_MIPS, "MIPS"},
		{EM_LOONGARCH, "LoongArch"},
		{EM_BPF, "BPF"},
	};

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (machines[i].machine == image->header.e_machine)
			return machines[i].name;
	return NULL;
}

void scan__tell_machine(const struct scan *scan, struct probe_sites *ret_sites)
{
	const char *name = machine__name(&scan->image);

	if (name)
		snprintf(ret_sites->reason, sizeof(ret_sites->reason), "%s program: not traced",
			name);
	else
		snprintf(ret_sites->reason, sizeof(ret_sites->reason),
			"program of ELF machine %u: not traced", scan->image.header.e_machine);
}

/* The name of a function in the file that somebody may have meant. */
static const char *scan__suggest(const struct scan *scan, const char *wanted)
{
	struct suggestion suggestion = suggestion__of(wanted);
	struct symbol_cursor cursor = {0};

	while (scan__next_symbol(scan, &cursor))
		if (GELF_ST_TYPE(cursor.symbol.st_info) == STT_FUNC &&
			cursor.symbol.st_shndx != SHN_UNDEF &&
			memchr(cursor.name, '\0', cursor.name_cap))
			suggestion__try(&suggestion, cursor.name);
	return suggestion.best;
}

void scan__tell_missing(const struct scan *scan, struct probe_sites *ret_sites)
{
	const struct allocator_function *row = NULL;
	const char *meant;

	for (size_t i = 0; i < scan->declared_cnt && !row; i++)
		if (!allocator_functions[scan->declared[i]].optional &&
			!scan->found[scan->declared[i]])
			row = &allocator_functions[scan->declared[i]];
	if (!row)
		return;
	meant = row->by_offset ? NULL : scan__suggest(scan, row->name);
	snprintf(ret_sites->missing, sizeof(ret_sites->missing),
		"%s: no function '%.64s' in it%s%.64s%s", row->declared_at, row->name,
		meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static const char *scan__reason(const struct scan *scan)
{
	if (scan->defines_ifunc)
		return "its allocator functions are chosen at start-up (IFUNC): not traced";
	if (scan->defines_operators)
		return "it defines C++ operators but no malloc: the allocator that they call is "
		       "traced instead";
	if (!scan->tables[0].symbols && !scan->tables[1].symbols)
		return "it has no symbols (stripped): an allocator inside it cannot be found";
	if (!scan->tables[1].symbols)
		return "it exports no allocator function, and is stripped of other symbols";
	return "it defines no allocator function";
}

void scan__tell_empty(const struct scan *scan, struct probe_sites *ret_sites)
{
	snprintf(ret_sites->reason, sizeof(ret_sites->reason), "%s", scan__reason(scan));
}
