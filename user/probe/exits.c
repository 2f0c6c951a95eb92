/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See exits.h. Each instruction is visited once, in any order. */
#include <stdlib.h>

#include "probe/exits.h"

#define INSTRUCTIONS_MAX 8192 /* tcmalloc's paths through its page heap have 2000 */
#define SEEN_SZ (2 * INSTRUCTIONS_MAX)
#define FRAGMENTS_MAX 64

struct search {
	const struct call_map *map;
	const struct fragments *fragments;
	const char *problem;
	uint64_t seen[SEEN_SZ]; /* hashed; address 0 has no code of interest */
	uint64_t pending[INSTRUCTIONS_MAX];
	size_t seen_cnt, pending_cnt;
	struct fragment passed[FRAGMENTS_MAX];
	size_t passed_cnt;
	struct exits exits;
};

static bool search__fail(struct search *search, const char *problem)
{
	search->problem = problem;
	return false;
}

/* Notes an address to be visited, unless it was noted before. */
static bool search__add(struct search *search, uint64_t address)
{
	size_t i = address * 0x9e3779b97f4a7c15 >> 40;

	if (address == 0)
		return search__fail(search, "a jump to nowhere");
	for (;; i++) {
		if (search->seen[i % SEEN_SZ] == address)
			return true;
		if (search->seen[i % SEEN_SZ] == 0)
			break;
	}
	if (search->seen_cnt == INSTRUCTIONS_MAX)
		return search__fail(search, "too much code");
	search->seen[i % SEEN_SZ] = address;
	search->seen_cnt++;
	search->pending[search->pending_cnt++] = address;
	return true;
}

static bool add_landing_pad(void *context, uint64_t address)
{
	return search__add(context, address);
}

/* The fragment that an address lies in, or NULL; its landing pads are noted when it is come to for
 * the first time. */
static const struct fragment *search__fragment(struct search *search, uint64_t address)
{
	struct fragment *fragment = search->passed;

	for (; fragment < search->passed + search->passed_cnt; fragment++)
		if (address >= fragment->start && address < fragment->end)
			return fragment;
	if (!fragments__find(search->fragments, address, fragment))
		return NULL;
	if (++search->passed_cnt == FRAGMENTS_MAX)
		search__fail(search, "too many functions");
	else if (!fragments__landing_pads(search->fragments, fragment, add_landing_pad, search) &&
		 !search->problem)
		search__fail(search, "landing pads that cannot be read");
	return fragment;
}

/* One that tells of the block, as an allocator's does. */
static bool returns_to_a_probe(uint16_t function)
{
	return !allocator_function__is_free(function) && !allocator_function__maps(function) &&
	       !allocator_function__may_throw(function);
}

/* Whether a function with a return probe of its own begins there. */
static bool is_return_probed(const struct call_map *map, uint64_t address)
{
	for (size_t i = 0; i < map->definition_cnt; i++)
		if (map->definitions[i].address == address)
			return returns_to_a_probe(map->definitions[i].function) &&
			       !map->definitions[i].may_throw;
	return false;
}

static bool search__jump(struct search *search, uint64_t target)
{
	return is_return_probed(search->map, target) || search__add(search, target);
}

static bool search__jump_through(struct search *search, uint64_t slot_address)
{
	const struct slot *slot = call_map__slot(search->map, slot_address);

	/* Whichever file's the dynamic linker takes. */
	if (slot && slot->function != NO_FUNCTION && returns_to_a_probe(slot->function))
		return true;
	if (!slot || slot->target == 0)
		return search__fail(search, "a jump to another file");
	return search__jump(search, slot->target);
}

static bool search__follow_jump(struct search *search, const cs_insn *instruction)
{
	uint64_t target;

	if (instruction__target(instruction, &target))
		return search__jump(search, target);
	if (instruction__target_slot(instruction, &target))
		return search__jump_through(search, target);
	return search__fail(search, "an indirect jump");
}

static bool search__add_exit(struct search *search, const cs_insn *instruction)
{
	struct exits *exits = &search->exits;

	if (instruction->id != X86_INS_RET)
		return search__fail(search, "a far return");
	if (exits->cnt == EXITS_MAX)
		return search__fail(search, "too many returns");
	exits->addresses[exits->cnt++] = instruction->address;
	return true;
}

static bool search__visit(struct search *search, uint64_t address)
{
	const struct fragment *fragment = search__fragment(search, address);
	const cs_insn *instruction = call_map__decode(search->map, address);
	uint64_t behind;

	if (search->problem)
		return false;
	if (!instruction)
		return search__fail(search, "bytes that are no instruction");
	behind = instruction->address + instruction->size;
	switch (instruction__transfer(instruction)) {
	case TRANSFER_TRAP:
		return true;
	case TRANSFER_RETURN:
		return search__add_exit(search, instruction);
	case TRANSFER_JUMP:
		return search__follow_jump(search, instruction);
	case TRANSFER_BRANCH:
		return search__add(search, behind) && search__follow_jump(search, instruction);
	case TRANSFER_CALL:
		/* what is called there does not return: abort, __cxa_throw */
		if (fragment && behind == fragment->end)
			return true;
		break;
	case TRANSFER_NONE:
		break;
	}
	return search__add(search, behind);
}

const char *exits__find(const struct call_map *map, const struct fragments *fragments,
	uint64_t entry, struct exits *ret_exits)
{
	struct search *search = calloc(1, sizeof(*search));
	const char *problem = "no memory to look for them";

	if (!search)
		return problem;
	search->map = map;
	search->fragments = fragments;
	if (fragments->unreadable)
		search__fail(search, "call frame information that cannot be read");
	else
		search__add(search, entry);
	while (!search->problem && search->pending_cnt > 0)
		search__visit(search, search->pending[--search->pending_cnt]);
	problem = search->problem;
	if (!problem)
		*ret_exits = search->exits;
	free(search);
	return problem;
}
