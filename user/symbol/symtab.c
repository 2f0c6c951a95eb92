/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libdwfl finds and merges the tables; its own search by address is linear (dwfl_module_addrinfo),
 * so the symbols are copied into a sorted table here.
 *
 * A symbol covers [value, value + size). One without a size, as assembly has them, covers what is
 * up to the next symbol or the end of its section, unless it lies inside a sized symbol: there it
 * is a label. An address that no symbol covers has no name; the nearest one would be a guess.
 *
 * Of several names for an address the one is taken that people know: a function before a label,
 * global or weak before local, fewer leading underscores (malloc, not __libc_malloc), the shorter.
 */
#include "symbol/symtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t start, end; /* end 0: no size */
	const char *name;
	unsigned char info; /* st_info */
};

struct entries {
	struct entry *list;
	size_t cnt;
};

static bool is_function(const GElf_Sym *sym, const char *name)
{
	unsigned char type = GELF_ST_TYPE(sym->st_info);

	if (!name || !name[0] || sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS)
		return false;
	if (type == STT_NOTYPE && name[0] == '$') /* mapping symbols: Arm aaelf64, 5.5.5 */
		return false;
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

static void add_entry(
	struct entries *entries, Dwfl_Module *module, int i, const struct intervals *code)
{
	GElf_Sym sym;
	GElf_Addr start;
	const char *name = dwfl_module_getsym_info(module, i, &sym, &start, NULL, NULL, NULL);
	uint64_t end = start + sym.st_size;

	if (!is_function(&sym, name) || !intervals__find(code, start))
		return;
	entries->list[entries->cnt++] = (struct entry){
		.start = start,
		.end = !sym.st_size  ? 0
		       : end < start ? UINT64_MAX
				     : end,
		.name = name,
		.info = sym.st_info,
	};
}

/* Higher is better known. */
static int rank(const struct entry *entry)
{
	int underscores = strspn(entry->name, "_");

	return (GELF_ST_TYPE(entry->info) != STT_NOTYPE) * 2000 +
	       (GELF_ST_BIND(entry->info) != STB_LOCAL) * 1000 -
	       (underscores < 500 ? underscores : 500);
}

/* By start; of equal starts the best known name last. */
static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t x_len, y_len;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (rank(x) != rank(y))
		return rank(x) < rank(y) ? -1 : 1;
	x_len = strlen(x->name);
	y_len = strlen(y->name);
	if (x_len != y_len)
		return x_len > y_len ? -1 : 1;
	return strcmp(y->name, x->name);
}

/* Where a symbol without a size ends; its own start if it is a label inside of something. */
static uint64_t sizeless_end(
	const struct entries *entries, size_t i, uint64_t reach, const struct intervals *code)
{
	uint64_t start = entries->list[i].start;
	const struct interval *section = intervals__find(code, start);

	if (reach > start || !section)
		return start;
	while (i < entries->cnt && entries->list[i].start == start) {
		if (entries->list[i].end) /* a sized symbol begins right here */
			return start;
		i++;
	}
	if (i < entries->cnt && entries->list[i].start < section->end)
		return entries->list[i].start;
	return section->end;
}

static int index_entries(
	struct symtab *symtab, const struct entries *entries, const struct intervals *code)
{
	uint64_t reach = 0;
	int err = 0;

	for (size_t i = 0; i < entries->cnt && !err; i++) {
		const struct entry *entry = &entries->list[i];
		uint64_t end = entry->end ? entry->end : sizeless_end(entries, i, reach, code);

		symtab->functions[i] = (struct symtab_function){
			.name = entry->name, .start = entry->start, .has_size = entry->end};
		err = intervals__add(&symtab->intervals, entry->start, end, i);
		if (entry->end > reach)
			reach = entry->end;
	}
	return err ? err : intervals__sort(&symtab->intervals);
}

int symtab__read(struct symtab *symtab, Dwfl_Module *module, const struct intervals *code)
{
	int cnt = dwfl_module_getsymtab(module), err = -ENOMEM;
	struct entries entries = {0};

	if (cnt <= 0)
		return 0;
	entries.list = calloc(cnt, sizeof(*entries.list));
	symtab->functions = calloc(cnt, sizeof(*symtab->functions));
	if (!entries.list || !symtab->functions)
		goto out;
	for (int i = 1; i < cnt; i++)
		add_entry(&entries, module, i, code);
	qsort(entries.list, entries.cnt, sizeof(*entries.list), compare);
	err = index_entries(symtab, &entries, code);
out:
	free(entries.list);
	return err;
}

bool symtab__find(const struct symtab *symtab, uint64_t address, struct symtab_function *ret_found)
{
	const struct interval *found = intervals__find(&symtab->intervals, address);

	if (found)
		*ret_found = symtab->functions[found->value];
	return found;
}

void symtab__free(struct symtab *symtab)
{
	intervals__free(&symtab->intervals);
	free(symtab->functions);
	*symtab = (struct symtab){0};
}
