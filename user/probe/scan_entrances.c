/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What enters the definitions' prologues but from their beginning: other symbols, relocated
 * pointers, and branches. And which slots of the file point to which function (wrappers.h). */
#include <errno.h>
#include <stdlib.h>

#include "probe/functions.h"
#include "probe/scan_parts.h"
#include "util/array.h"

static bool scan__add_slot(struct scan *scan, struct slot slot)
{
	struct slot *slots =
		array__with_room(scan->slots, scan->slot_cnt, 1, &scan->slot_cap, sizeof(*slots));

	scan->out_of_memory |= !slots;
	if (!slots)
		return false;
	scan->slots = slots;
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
	struct symbol_cursor cursor = {0};

	while (scan__next_symbol(scan, &cursor))
		if (GELF_ST_TYPE(cursor.symbol.st_info) == STT_FUNC)
			prologues__add_entrance(&scan->prologues, cursor.symbol.st_value);
}

int scan__find_entrances(struct scan *scan)
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
