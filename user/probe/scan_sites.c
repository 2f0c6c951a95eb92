/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From definitions and exits to probe sites. */
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>

#include <heaptap/event.h>

#include "probe/functions.h"
#include "probe/scan_parts.h"

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

int scan__choose_sites(struct scan *scan, struct probe_sites *ret_sites)
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
