/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an ELF file to its probe sites: find the definitions of allocator functions, drop those
 * whose inner call is counted anyway (wrappers.h), learn which bytes of their prologues are entered
 * from elsewhere (prologues.h), choose the sites (sites.h). C++'s new may throw, which a return
 * probe would make fatal, so its rets are sites too; if not all can be found it isn't probed
 * (exits.h).
 *
 * A definition of a built-in function is a global or weak function symbol of .dynsym or .symtab with an
 * exact name (versions are not part of a symbol's name there) whose code is in the file. Local
 * symbols count only together: a static function may be called "free" and be anything, but a file
 * in which one allocates, one resizes and one frees is linked with an allocator that it keeps to
 * itself (ld's --exclude-libs, or a version script). Of a declared function the file was named, so
 * there any symbol will do, and an offset will, too. A symbol at the address of another one is
 * the same function: the first row of the table names it. Functions with several implementations
 * (IFUNC) have no code of their own at their symbol, and are left out.
 *
 * C++ operators are probed only in a file that also defines malloc: elsewhere (libstdc++, a program
 * with operators of its own) they get their memory from an allocator that is probed itself.
 * Functions that map memory are probed in files that define mmap: elsewhere a function called brk
 * can be anything.
 *
 * A spy is to see the calls themselves: wrappers and C++ operators are probed for it wherever they
 * are, and frees have a return.
 *
 * Where frees are checked it matters whether a block came from malloc or from new, so operators stay,
 * wherever they are and whatever they call; but where one of those cannot be probed, all of the file
 * are left out, or its blocks would seem to be malloc's, and handed back by delete.
 */
#include <errno.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <heaptap/event.h>

#include "probe/elf_image.h"
#include "probe/exits.h"
#include "probe/fragments.h"
#include "probe/functions.h"
#include "probe/prologues.h"
#include "probe/scan.h"
#include "probe/sites.h"
#include "probe/wrappers.h"
#include "util/suggest.h"

#define DEFINITIONS_MAX 512 /* rows, and some in several symbol versions */

#define EXIT_SITES_MAX 512

struct exit_site {
	uint64_t address;
	uint16_t function; /* the first that was found to return there; there may be more */
};

struct scan {
	struct elf_image image;
	struct decoder decoder;
	struct elf_symbols tables[2];
	struct definition definitions[DEFINITIONS_MAX];
	size_t definition_cnt;
	struct prologue prologue_array[DEFINITIONS_MAX];
	struct prologues prologues;
	bool branches_unknown; /* no site but the entry is known to be sound */
	struct slot *slots;
	size_t slot_cnt, slot_cap;
	struct exit_site exits[EXIT_SITES_MAX];
	size_t exit_cnt;
	uint16_t *declared; /* the functions declared for this file */
	size_t declared_cnt;
	bool *found; /* by function: the file has it */
	bool out_of_memory;
	bool with_mapping;
	const struct spied_functions *spied; /* NULL: for the books */
	bool defines_malloc, defines_operators, defines_ifunc, defines_mmap;
	unsigned local_roles; /* of local symbols: bits 1 << enum alloc_role */
	bool takes_locals;
};

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

static void describe_machine(const struct elf_image *image, char *buf, size_t buf_sz)
{
	const char *name = machine__name(image);

	if (name)
		snprintf(buf, buf_sz, "%s program: not traced", name);
	else
		snprintf(buf, buf_sz, "program of ELF machine %u: not traced",
			image->header.e_machine);
}

static bool scan__wants(const struct scan *scan, uint16_t function)
{
	return !scan->spied || scan->spied->is_wanted(function, scan->spied->arg);
}

/* Of several names the first that is wanted, or else the first. */
static void definition__name(struct definition *definition, uint16_t function, bool is_wanted)
{
	bool is_better =
		is_wanted == definition->is_wanted ? function < definition->function : is_wanted;

	if (is_better)
		definition->function = function;
	definition->is_wanted |= is_wanted;
}

static void scan__add_definition(
	struct scan *scan, uint16_t function, uint64_t address, uint64_t size)
{
	struct definition *definition = scan->definitions;
	struct definition *end = definition + scan->definition_cnt;

	scan->found[function] = true;
	while (definition < end && definition->address != address)
		definition++;
	if (definition == end) {
		if (scan->definition_cnt == DEFINITIONS_MAX)
			return;
		scan->definition_cnt++;
		*definition = (struct definition){
			.function = function,
			.address = address,
			.size = size,
		};
	}
	definition->may_throw |= allocator_function__may_throw(function);
	definition->families |= allocator_function__family(function);
	definition__name(definition, function, scan__wants(scan, function));
}

static bool scan__find_builtin(const struct scan *scan, bool is_local, const char *name,
	size_t name_cap, uint16_t *ret_function)
{
	return allocator_function__find(name, name_cap, ret_function) &&
	       !(allocator_function__maps(*ret_function) && (!scan->with_mapping || is_local));
}

static bool scan__find_declared(
	const struct scan *scan, const char *name, size_t name_cap, uint16_t *ret_function)
{
	for (size_t i = 0; i < scan->declared_cnt; i++) {
		uint16_t function = scan->declared[i];

		if (allocator_functions[function].by_offset ||
			!allocator_function__is_named(function, name, name_cap))
			continue;
		*ret_function = function;
		return true;
	}
	return false;
}

/* The row of a function's symbol: a built-in one, unless somebody has named the file for a local one. */
static bool scan__find_function(const struct scan *scan, const GElf_Sym *symbol, const char *name,
	size_t name_cap, uint16_t *ret_function)
{
	bool is_local = GELF_ST_BIND(symbol->st_info) == STB_LOCAL;

	if (is_local && scan__find_declared(scan, name, name_cap, ret_function))
		return true;
	return scan__find_builtin(scan, is_local, name, name_cap, ret_function) ||
	       scan__find_declared(scan, name, name_cap, ret_function);
}

static void scan__visit_symbol(
	struct scan *scan, const GElf_Sym *symbol, const char *name, size_t name_cap)
{
	int type = GELF_ST_TYPE(symbol->st_info);
	const struct elf_segment *segment;
	uint16_t function;

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol->st_shndx == SHN_UNDEF ||
		!scan__find_function(scan, symbol, name, name_cap, &function))
		return;
	segment = elf_image__segment(&scan->image, symbol->st_value);
	if (!segment || !segment->executable)
		return;
	if (GELF_ST_BIND(symbol->st_info) == STB_LOCAL && !scan->takes_locals &&
		!allocator_function__is_declared(function)) {
		scan->local_roles |= 1u << allocator_functions[function].role;
		return;
	}
	scan->defines_ifunc |= type == STT_GNU_IFUNC;
	if (type == STT_GNU_IFUNC)
		return;
	scan->defines_malloc |= allocator_function__is_malloc(function);
	scan->defines_mmap |= allocator_function__is_mmap(function);
	scan->defines_operators |= allocator_function__is_operator(function);
	scan__add_definition(scan, function, symbol->st_value, symbol->st_size);
}

static void scan__visit_offset(struct scan *scan, uint16_t function)
{
	uint64_t offset = allocator_functions[function].file_offset;

	for (size_t i = 0; i < scan->image.segment_cnt; i++) {
		const struct elf_segment *segment = &scan->image.segments[i];

		if (segment->executable && offset >= segment->file_offset &&
			offset - segment->file_offset < segment->file_sz)
			scan__add_definition(scan, function,
				segment->address + (offset - segment->file_offset), 0);
	}
}

static void scan__visit_symbols(struct scan *scan)
{
	size_t name_cap;
	const char *name;
	GElf_Sym symbol;

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; elf_symbols__get(&scan->tables[t], i, &symbol, &name, &name_cap);
			i++)
			scan__visit_symbol(scan, &symbol, name, name_cap);
}

static void scan__find_definitions(struct scan *scan)
{
	const unsigned whole = 1u << ROLE_ALLOC | 1u << ROLE_REALLOC | 1u << ROLE_FREE;

	elf_image__symbols(&scan->image, SHT_DYNSYM, &scan->tables[0]);
	elf_image__symbols(&scan->image, SHT_SYMTAB, &scan->tables[1]);
	scan__visit_symbols(scan);
	for (size_t i = 0; i < scan->declared_cnt; i++)
		if (allocator_functions[scan->declared[i]].by_offset)
			scan__visit_offset(scan, scan->declared[i]);
	if ((scan->local_roles & whole) != whole)
		return;
	scan->takes_locals = true;
	scan__visit_symbols(scan);
}

typedef bool definition_test(const struct scan *scan, const struct definition *definition);

static void scan__drop_definitions(struct scan *scan, definition_test *is_dropped)
{
	bool dropped[DEFINITIONS_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < scan->definition_cnt; i++)
		dropped[i] = is_dropped(scan, &scan->definitions[i]);
	for (size_t i = 0; i < scan->definition_cnt; i++)
		if (!dropped[i])
			scan->definitions[kept++] = scan->definitions[i];
	scan->definition_cnt = kept;
}

/* It is probed only in a file that defines another function, too, and this one doesn't. */
static bool is_foreign(const struct scan *scan, const struct definition *definition)
{
	if (allocator_function__is_operator(definition->function))
		return !scan->defines_malloc && !scan->spied;
	return allocator_function__maps(definition->function) && !scan->defines_mmap;
}

/* What may be left out, because what it calls is probed. */
static bool inner_counts(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return definition->inner_counts;
}

/* C++'s operators matter by themselves where frees are checked. */
static bool is_superfluous(const struct scan *scan, const struct definition *definition)
{
	bool is_kept = allocator_functions__are_checked() &&
		       allocator_function__is_operator(definition->function);

	return inner_counts(scan, definition) && !is_kept;
}

static struct call_map scan__call_map(const struct scan *scan, struct decoder *decoder)
{
	return (struct call_map){
		.image = &scan->image,
		.decoder = decoder,
		.definitions = scan->definitions,
		.definition_cnt = scan->definition_cnt,
		.slots = scan->slots,
		.slot_cnt = scan->slot_cnt,
	};
}

/* A spy looks into all that was found, whoever calls it. */
static bool is_unwanted(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return !definition->is_wanted;
}

static bool is_wrapper(const struct scan *scan, const struct definition *definition)
{
	struct decoder decoder = scan->decoder;
	struct call_map map = scan__call_map(scan, &decoder);

	return call_map__is_wrapper(&map, definition);
}

static void scan__mark(struct scan *scan, definition_test *counts_inside)
{
	for (size_t i = 0; i < scan->definition_cnt; i++)
		scan->definitions[i].inner_counts |= counts_inside(scan, &scan->definitions[i]);
}

static bool scan__add_slot(struct scan *scan, struct slot slot)
{
	if (scan->slot_cnt == scan->slot_cap) {
		size_t cap = scan->slot_cap ? 2 * scan->slot_cap : 64;
		struct slot *slots = reallocarray(scan->slots, cap, sizeof(*slots));

		if (!slots) {
			scan->out_of_memory = true;
			return false;
		}
		scan->slots = slots;
		scan->slot_cap = cap;
	}
	scan->slots[scan->slot_cnt++] = slot;
	return true;
}

/* A relocation that puts a plain address into memory. */
static bool scan__visit_pointer(struct scan *scan, const GElf_Rela *relocation)
{
	uint64_t address = relocation->r_addend;

	prologues__add_entrance(&scan->prologues, address);
	if (!prologues__find(&scan->prologues, address))
		return true;
	return scan__add_slot(scan, (struct slot){relocation->r_offset, address, NO_FUNCTION});
}

/* A relocation that puts the address of a symbol into memory. */
static bool scan__visit_symbol_pointer(struct scan *scan, const GElf_Rela *relocation)
{
	struct slot slot = {.address = relocation->r_offset, .function = NO_FUNCTION};
	size_t name_cap;
	const char *name;
	GElf_Sym symbol;

	if (!elf_symbols__get(
		    &scan->tables[0], GELF_R_SYM(relocation->r_info), &symbol, &name, &name_cap))
		return true;
	if (symbol.st_shndx != SHN_UNDEF && GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
		slot.target = symbol.st_value;
	if (!allocator_function__find(name, name_cap, &slot.function) && slot.target == 0)
		return true;
	return scan__add_slot(scan, slot);
}

static bool scan__visit_relocation(void *context, const GElf_Rela *relocation)
{
	switch (GELF_R_TYPE(relocation->r_info)) {
	case R_X86_64_RELATIVE:
		return scan__visit_pointer(context, relocation);
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_GLOB_DAT:
		return scan__visit_symbol_pointer(context, relocation);
	}
	return true;
}

/* A function that begins within another's prologue is an entrance to it. */
static void scan__add_symbols_as_entrances(struct scan *scan)
{
	size_t name_cap;
	const char *name;
	GElf_Sym symbol;

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; elf_symbols__get(&scan->tables[t], i, &symbol, &name, &name_cap);
			i++)
			if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
				prologues__add_entrance(&scan->prologues, symbol.st_value);
}

static int scan__find_entrances(struct scan *scan)
{
	int err;

	for (size_t i = 0; i < scan->definition_cnt; i++)
		scan->prologue_array[i].address = scan->definitions[i].address;
	scan->prologues = (struct prologues){scan->prologue_array, scan->definition_cnt};
	prologues__sort(&scan->prologues);
	scan__add_symbols_as_entrances(scan);
	elf_image__relocations(&scan->image, scan__visit_relocation, scan);
	if (scan->out_of_memory)
		return -ENOMEM;
	slots__sort(scan->slots, scan->slot_cnt);
	err = prologues__add_branches_of(&scan->prologues, &scan->decoder, &scan->image);
	scan->branches_unknown = err == -EIO;
	return err == -EIO ? 0 : err;
}

static bool scan__add_exit_site(struct scan *scan, uint16_t function, uint64_t address)
{
	for (size_t i = 0; i < scan->exit_cnt; i++)
		if (scan->exits[i].address == address)
			return true;
	if (scan->exit_cnt == EXIT_SITES_MAX)
		return false;
	scan->exits[scan->exit_cnt++] = (struct exit_site){address, function};
	return true;
}

/* NULL, or why the function cannot be probed. */
static const char *scan__find_exits(
	struct scan *scan, const struct fragments *fragments, const struct definition *definition)
{
	struct call_map map = scan__call_map(scan, &scan->decoder);
	struct exits exits;
	const char *problem = exits__find(&map, fragments, definition->address, &exits);

	for (size_t i = 0; !problem && i < exits.cnt; i++)
		if (!scan__add_exit_site(scan, definition->function, exits.addresses[i]))
			problem = "too many returns";
	return problem;
}

static int scan__find_all_exits(struct scan *scan)
{
	struct fragments fragments;
	int err = fragments__read(&scan->image, &fragments);

	if (err)
		return err;
	for (size_t i = 0; i < scan->definition_cnt; i++) {
		struct definition *definition = &scan->definitions[i];

		if (definition->may_throw)
			definition->problem = scan__find_exits(scan, &fragments, definition);
	}
	fragments__destroy(&fragments);
	return 0;
}

static bool may_throw(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return definition->may_throw;
}

static bool is_no_operator(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return !allocator_function__is_operator(definition->function);
}

static bool has_problem(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return definition->problem != NULL;
}

/* The first of those that pass the test, and how many there are. */
static const struct definition *scan__first(
	const struct scan *scan, definition_test *test, size_t *ret_cnt)
{
	const struct definition *first = NULL;

	*ret_cnt = 0;
	for (size_t i = 0; i < scan->definition_cnt; i++) {
		if (!test(scan, &scan->definitions[i]))
			continue;
		if (++*ret_cnt == 1)
			first = &scan->definitions[i];
	}
	return first;
}

static void scan__tell_unseen(const struct scan *scan, struct probe_sites *ret_sites)
{
	char others[32] = "";
	size_t cnt;
	const struct definition *first = scan__first(scan, has_problem, &cnt);

	if (!first)
		return;
	if (cnt > 1)
		snprintf(others, sizeof(others), " and %zu more", cnt - 1);
	snprintf(ret_sites->unseen, sizeof(ret_sites->unseen),
		"%s%s: not probed (may throw, and not all returns can be found: %s)",
		allocator_functions[first->function].name, others, first->problem);
}

/* The name of a function in the file that somebody may have meant. */
static const char *scan__suggest(const struct scan *scan, const char *wanted)
{
	struct suggestion suggestion = suggestion__of(wanted);
	size_t name_cap;
	const char *name;
	GElf_Sym symbol;

	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; elf_symbols__get(&scan->tables[t], i, &symbol, &name, &name_cap);
			i++)
			if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC &&
				symbol.st_shndx != SHN_UNDEF && memchr(name, '\0', name_cap))
				suggestion__try(&suggestion, name);
	return suggestion.best;
}

/* The first that was declared for the file, is not in it, and should be. */
static void scan__tell_missing(const struct scan *scan, struct probe_sites *ret_sites)
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

/* Functions that may throw: finds their exits, or drops them. */
static int scan__replace_return_probes(struct scan *scan, struct probe_sites *ret_sites)
{
	size_t cnt;
	int err;

	if (!scan__first(scan, may_throw, &cnt))
		return 0;
	err = scan__find_all_exits(scan);
	if (err)
		return err;
	scan__tell_unseen(scan, ret_sites);
	if (scan__first(scan, has_problem, &cnt))
		scan__drop_definitions(scan, inner_counts);
	scan__drop_definitions(scan, has_problem);
	return 0;
}

/* A site of a function at an address of its code, where some bytes were read. */
static struct probe_site scan__make_site(
	struct scan *scan, uint16_t function, uint64_t address, const uint8_t *code, size_t code_sz)
{
	const struct elf_segment *segment = elf_image__segment(&scan->image, address);
	struct probe_site site = {
		.function = function,
		.name = allocator_functions[function].name,
		.cookie = allocator_function__cookie(function),
		.file_offset = segment->file_offset + (address - segment->address),
	};

	decoder__text(
		&scan->decoder, code, code_sz, address, site.instruction, sizeof(site.instruction));
	return site;
}

static enum site_kind entry_kind(const struct scan *scan, const struct definition *definition)
{
	if (scan->spied)
		return definition->may_throw ? SITE_ENTRY : SITE_CALL;
	if (allocator_function__is_query(definition->function))
		return SITE_QUERY;
	if (allocator_function__is_free(definition->function) &&
		!allocator_function__is_declared(definition->function))
		return allocator_functions__are_checked() ? SITE_FOLLOWED_FREE : SITE_FREE;
	return definition->may_throw ? SITE_ENTRY : SITE_CALL;
}

/* What only matters where frees are checked. */
static uint64_t check_cookie(const struct definition *definition)
{
	uint64_t cookie = COOKIE_FAMILIES(definition->families);

	if (!allocator_functions__are_checked())
		return 0;
	if (allocator_function__is_free(definition->function))
		return cookie | COOKIE_F_FOLLOWED_FREE;
	return cookie;
}

static struct probe_site scan__choose_site(struct scan *scan, const struct definition *definition)
{
	const struct prologue *prologue = prologues__find(&scan->prologues, definition->address);
	uint8_t code[PROLOGUE_SZ + INSTRUCTION_SZ_MAX];
	size_t code_sz = elf_image__read(&scan->image, definition->address, code, sizeof(code));
	struct probe_site ret;
	struct site site;

	if (definition->size > 0 && definition->size < code_sz)
		code_sz = definition->size;
	site = site__choose(&scan->decoder, code, code_sz,
		allocator_function__args(definition->function),
		scan->branches_unknown ? UINT64_MAX : prologue->entrances);
	ret = scan__make_site(scan, definition->function, definition->address + site.delta,
		code + site.delta, code_sz - site.delta);
	ret.kind = entry_kind(scan, definition);
	if (ret.kind == SITE_ENTRY)
		ret.cookie |= COOKIE_F_RETURN_SITES;
	ret.cookie |= check_cookie(definition);
	ret.entry_delta = site.delta;
	ret.cost = site.cost;
	return ret;
}

static struct probe_site scan__exit_site(struct scan *scan, const struct exit_site *exit)
{
	uint8_t code[INSTRUCTION_SZ_MAX];
	size_t code_sz = elf_image__read(&scan->image, exit->address, code, sizeof(code));
	struct probe_site site =
		scan__make_site(scan, exit->function, exit->address, code, code_sz);

	site.kind = SITE_RETURN;
	site.cost = SITE_SINGLE_STEPPED;
	return site;
}

/* By function, entries before returns. */
static int compare_sites(const void *a, const void *b)
{
	const struct probe_site *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->file_offset < y->file_offset ? -1 : x->file_offset > y->file_offset;
}

static int scan__choose_sites(struct scan *scan, struct probe_sites *ret_sites)
{
	size_t cnt = scan->definition_cnt + scan->exit_cnt;
	struct probe_site *sites = calloc(cnt, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < scan->definition_cnt; i++)
		sites[i] = scan__choose_site(scan, &scan->definitions[i]);
	for (size_t i = 0; i < scan->exit_cnt; i++)
		sites[scan->definition_cnt + i] = scan__exit_site(scan, &scan->exits[i]);
	qsort(sites, cnt, sizeof(*sites), compare_sites);
	ret_sites->sites = sites;
	ret_sites->cnt = cnt;
	return 0;
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

/* Nothing is left to be probed: says why. */
static bool scan__is_empty(const struct scan *scan, struct probe_sites *ret_sites)
{
	if (scan->definition_cnt > 0)
		return false;
	snprintf(ret_sites->reason, sizeof(ret_sites->reason), "%s", scan__reason(scan));
	return true;
}

static int scan__find_sites(struct scan *scan, struct probe_sites *ret_sites)
{
	size_t cnt;
	int err;

	scan__find_definitions(scan);
	scan__tell_missing(scan, ret_sites);
	scan__mark(scan, is_foreign);
	scan__drop_definitions(scan, is_superfluous);
	if (scan__is_empty(scan, ret_sites))
		return 0;
	err = decoder__init(&scan->decoder);
	if (err)
		return err;
	err = scan__find_entrances(scan);
	if (err)
		return err;
	if (!scan->spied)
		scan__mark(scan, is_wrapper);
	scan__drop_definitions(scan, scan->spied ? is_unwanted : is_superfluous);
	err = scan__replace_return_probes(scan, ret_sites);
	if (err || scan__is_empty(scan, ret_sites))
		return err;
	ret_sites->operators_only = !scan__first(scan, is_no_operator, &cnt);
	return scan__choose_sites(scan, ret_sites);
}

/* Which functions are declared for the file. */
static int scan__choose_declared(struct scan *scan, const char *path)
{
	scan->declared = calloc(allocator_function_cnt, sizeof(*scan->declared));
	scan->found = calloc(allocator_function_cnt, sizeof(*scan->found));
	if (!scan->declared || !scan->found)
		return -ENOMEM;
	for (size_t i = 0; i < allocator_function_cnt; i++)
		if (allocator_function__is_for(i, path))
			scan->declared[scan->declared_cnt++] = i;
	return 0;
}

static int scan_file(int fd, const char *path, bool with_mapping,
	const struct spied_functions *spied, struct probe_sites *ret_sites)
{
	struct probe_sites sites = {0};
	struct scan *scan;
	int err;

	scan = calloc(1, sizeof(*scan));
	if (!scan)
		return -ENOMEM;
	scan->with_mapping = with_mapping;
	scan->spied = spied;
	err = scan__choose_declared(scan, path);
	if (!err)
		err = elf_image__open(fd, &scan->image);
	if (err)
		goto out;
	if (elf_image__is_x86_64(&scan->image)) {
		err = scan__find_sites(scan, &sites);
	} else {
		describe_machine(&scan->image, sites.reason, sizeof(sites.reason));
		err = -ENOTSUP;
	}
	/* The one error that comes with a result: its reason. */
	if (!err || err == -ENOTSUP)
		*ret_sites = sites;
	elf_image__close(&scan->image);
out:
	decoder__destroy(&scan->decoder);
	free(scan->found);
	free(scan->declared);
	free(scan->slots);
	free(scan);
	return err;
}

int probe_sites__scan(
	int fd, const char *path, bool with_mapping, struct probe_sites *ret_sites)
{
	return scan_file(fd, path, with_mapping, NULL, ret_sites);
}

int probe_sites__scan_spied(int fd, const char *path, bool with_mapping,
	const struct spied_functions *functions, struct probe_sites *ret_sites)
{
	return scan_file(fd, path, with_mapping, functions, ret_sites);
}

void probe_sites__destroy(struct probe_sites *sites)
{
	if (!sites)
		return;
	free(sites->sites);
	*sites = (struct probe_sites){0};
}
