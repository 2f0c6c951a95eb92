/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One Dwfl per file, reported at the addresses that the file itself has (base 0, p_vaddr added), so
 * that no bias has to be carried along. Only a separate debug file of a prelinked file has one.
 *
 * An address's symbols are put together from three tables:
 *
 *   line table          file:line of the innermost function
 *   DWARF scopes        the inlined functions, each with the place of its call in the next one
 *   symbol table        the name and the start of the function that is really there; DWARF's
 *                       only if no symbol covers the address
 *
 * The symbol table's name is preferred because it is the one that nm, gdb and perf show (malloc,
 * where DWARF says __libc_malloc) and because it tells clones apart (f.cold).
 */
#include "symbol/debug_file.h"

#include <elfutils/libdwfl.h>
#include <dwarf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "symbol/symtab.h"
#include "symbol/separate.h"
#include "symbol/units.h"

#define EXIT_WITHOUT_MEMORY 12

struct debug_file {
	Dwfl *dwfl;
	Dwfl_Module *module;
	struct intervals code; /* executable sections, or segments of a file without sections */
	struct symtab symtab;
	struct units units;
	char *paths[SYMBOLS_MAX]; /* those of the last lookup that had to be put together */
	size_t path_cnt;
};

/* Targets' directories are left to separate.c. */
static char *const debug_path = "/usr/lib/debug";

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf, /* never asked: files are given open */
	.find_debuginfo = separate__find,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = (char **)&debug_path,
};

static int add_code_sections(struct intervals *code, Elf *elf)
{
	const GElf_Xword wanted = SHF_ALLOC | SHF_EXECINSTR;
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int err = 0;

	while (!err && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && (header.sh_flags & wanted) == wanted)
			err = intervals__add(
				code, header.sh_addr, header.sh_addr + header.sh_size, 0);
	return err;
}

static int add_code_segments(struct intervals *code, Elf *elf)
{
	GElf_Phdr header;
	int err = 0;

	for (int i = 0; !err && gelf_getphdr(elf, i, &header); i++)
		if (header.p_type == PT_LOAD && (header.p_flags & PF_X))
			err = intervals__add(
				code, header.p_vaddr, header.p_vaddr + header.p_memsz, 0);
	return err;
}

static int read_code(struct intervals *code, Elf *elf)
{
	int err = add_code_sections(code, elf);

	if (!err && !code->cnt)
		err = add_code_segments(code, elf);
	return err ? err : intervals__sort(code);
}

static Dwfl_Module *report(Dwfl *dwfl, int fd, const char *path)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	Dwfl_Module *module;

	if (own < 0)
		return NULL;
	dwfl_report_begin(dwfl);
	module = dwfl_report_elf(dwfl, path, path, own, 0, true);
	if (!module) /* with one, the fd is libdwfl's */
		close(own);
	dwfl_report_end(dwfl, NULL, NULL);
	return module;
}

/* libdw's own handler calls exit(3), which is not for a forked process to do. */
__attribute__((noreturn)) static void end_without_memory(void)
{
	_exit(EXIT_WITHOUT_MEMORY);
}

static int read_tables(struct debug_file *file, bool with_dwarf)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(file->module, &bias);
	Dwarf *dwarf;
	int err;

	if (!elf)
		return -ENOEXEC;
	err = read_code(&file->code, elf);
	if (!err)
		err = symtab__read(&file->symtab, file->module, &file->code);
	if (err || !with_dwarf || separate__is_shared(elf))
		return err;
	dwarf = dwfl_module_getdwarf(file->module, &bias);
	if (!dwarf)
		return 0;
	dwarf_new_oom_handler(dwarf, end_without_memory);
	return units__read(&file->units, dwarf, bias, &file->code);
}

struct debug_file *debug_file__new(int fd, const char *path, bool with_dwarf)
{
	struct debug_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->dwfl = dwfl_begin(&callbacks);
	if (!file->dwfl)
		goto err_out;
	file->module = report(file->dwfl, fd, path);
	if (!file->module || read_tables(file, with_dwarf) != 0)
		goto err_out;
	return file;
err_out:
	debug_file__free(file);
	return NULL;
}

static void forget_paths(struct debug_file *file)
{
	while (file->path_cnt > 0)
		free(file->paths[--file->path_cnt]);
}

void debug_file__free(struct debug_file *file)
{
	if (!file)
		return;
	forget_paths(file);
	units__free(&file->units);
	symtab__free(&file->symtab);
	intervals__free(&file->code);
	if (file->dwfl)
		dwfl_end(file->dwfl);
	free(file);
}

/* The line table's row of an address. */
static struct call_site source_line(Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Line *row = dwarf_getsrc_die(unit, address);
	int line = 0, column = 0;
	const char *path;

	if (!row)
		return (struct call_site){0};
	path = dwarf_linesrc(row, NULL, NULL);
	dwarf_lineno(row, &line);
	dwarf_linecol(row, &column);
	return (struct call_site){
		.file = path && strcmp(path, "???") ? path : NULL,
		.line = line,
		.column = column,
	};
}

/* Paths may stand relative to the directory that the compiler ran in. */
static const char *full_path(struct debug_file *file, Dwarf_Die *unit, const char *path)
{
	Dwarf_Attribute attribute;
	const char *dir = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	char *full;

	if (!path || path[0] == '/' || !dir || file->path_cnt == SYMBOLS_MAX ||
		asprintf(&full, "%s/%s", dir, path) < 0)
		return path;
	file->paths[file->path_cnt++] = full;
	return full;
}

static void set_place(
	struct debug_file *file, Dwarf_Die *unit, struct symbol *symbol, struct call_site site)
{
	symbol->file = full_path(file, unit, site.file);
	symbol->line = site.line;
	symbol->column = site.column;
}

/* The inlined functions, innermost first, and the place in the last symbol, which is still to be
 * named. Returns how many before that one. */
static int add_inlined(struct debug_file *file, struct symbol *symbols, Dwarf_Die *unit,
	Dwarf_Die *function, uint64_t pc)
{
	Dwarf_Die chain[INLINE_DEPTH_MAX];
	size_t depth = function->addr ? inline__chain(function, pc, chain) : 0;
	int cnt = 0;

	set_place(file, unit, &symbols[0], source_line(unit, pc));
	while (depth > 0) {
		Dwarf_Die *call = &chain[--depth];

		symbols[cnt].function = inline__name(call);
		symbols[cnt++].inlined = true;
		set_place(file, unit, &symbols[cnt], inline__call_site(unit, call));
	}
	return cnt;
}

/* Names what is really at the address: by its symbol, or by DWARF (start: of its function's range)
 * where there is none, or one without a size that starts before that range. */
static void name_function(struct debug_file *file, uint64_t at, Dwarf_Die *function, uint64_t start,
	struct symbol *symbol)
{
	struct symtab_function found;
	bool has_symbol = symtab__find(&file->symtab, at, &found);

	if (function->addr && (!has_symbol || (!found.has_size && found.start < start))) {
		symbol->function = inline__name(function);
		symbol->offset = at - start;
	}
	if (!symbol->function && has_symbol) {
		symbol->function = found.name;
		symbol->offset = at - found.start;
	}
}

int debug_file__lookup(struct debug_file *file, uint64_t address, bool is_return,
	struct symbol symbols[SYMBOLS_MAX])
{
	uint64_t back = is_return && address, at = address - back, start = 0;
	Dwarf_Die unit, function = {0};
	struct symbol *last = symbols;

	forget_paths(file);
	memset(symbols, 0, SYMBOLS_MAX * sizeof(*symbols));
	if (units__find(&file->units, at, &unit, &function, &start))
		last += add_inlined(file, symbols, &unit, &function, at - file->units.bias);
	name_function(file, at, &function, start, last);
	last->offset += last->function ? back : 0;
	return last - symbols + 1;
}
