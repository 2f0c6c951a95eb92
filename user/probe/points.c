// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See points.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "probe/elf_image.h"
#include "probe/exits.h"
#include "probe/points.h"
#include "symbol/demangle.h"
#include "util/suggest.h"

#define SITES_MAX 1024 /* of a file */

int points__add(struct points *points, enum point point, const char *text)
{
	const char *at = strchr(text, '@');
	size_t sz = at ? (size_t)(at - text) : strlen(text);
	struct point_place *place = &points->places[points->cnt];

	if (points->cnt == PLACES_MAX)
		return -E2BIG;
	if (!sz || sz > PLACE_NAME_MAX || (at && !at[1]))
		return -EINVAL;
	*place = (struct point_place){.point = point};
	memcpy(place->function, text, sz);
	place->distance = suggestion__of(place->function).distance;
	if (at) {
		place->file = strchr(at, '/') ? realpath(at + 1, NULL) : strdup(at + 1);
		if (!place->file)
			return -errno;
	}
	points->cnt++;
	return 0;
}

bool points__has_sections(const struct points *points)
{
	for (size_t i = 0; i < points->cnt; i++)
		if (points->places[i].point == POINT_SECTION_ENTER)
			return true;
	return false;
}

void points__destroy(struct points *points)
{
	while (points->cnt)
		free(points->places[--points->cnt].file);
}

/* People say libz.so, programs libz.so.1, and what is mapped is libz.so.1.2.13. */
static bool is_version_of(const char *name, const char *wanted)
{
	size_t sz = strlen(wanted);

	return !strncmp(name, wanted, sz) && (!name[sz] || name[sz] == '.');
}

static bool is_for(const struct point_place *place, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!place->file)
		return true;
	if (strchr(place->file, '/') || !slash)
		return !strcmp(place->file, path);
	return is_version_of(slash + 1, place->file);
}

/* ---- one file ---- */

struct points_scan {
	struct elf_image image;
	struct probe_sites sites;
	bool is_full;
	bool can_follow; /* with these, which only sections need */
	struct decoder decoder;
	struct fragments fragments;
};

/* "void scope::function<int>(char)" is scope::function, and function. */
static bool is_called(const char *demangled, const char *wanted)
{
	const char *at = demangled;
	size_t sz = strlen(wanted);

	for (; (at = strstr(at, wanted)); at++)
		if ((at == demangled || strchr(": ", at[-1])) && strchr("(<", at[sz]))
			return true;
	return false;
}

/* Demangling is dear: only what has the last part of the name in it. A function's cold part has a
 * symbol of its own, but is no function. */
static bool is_mangled(const char *symbol, const char *wanted)
{
	const char *last = strrchr(wanted, ':');
	char *demangled;
	bool is;

	if (symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R' && symbol[1] != 'D') ||
		strstr(symbol, ".cold") || !strstr(symbol, last ? last + 1 : wanted))
		return false;
	demangled = demangle(symbol);
	is = demangled && is_called(demangled, wanted);
	free(demangled);
	return is;
}

static bool is_named(const struct point_place *place, const char *symbol)
{
	return !strcmp(symbol, place->function) || is_mangled(symbol, place->function);
}

static bool has_site(const struct points_scan *scan, uint64_t file_offset, uint64_t cookie)
{
	for (size_t i = 0; i < scan->sites.cnt; i++)
		if (scan->sites.sites[i].file_offset == file_offset &&
			scan->sites.sites[i].cookie == cookie)
			return true;
	return false;
}

static void add_site(struct points_scan *scan, uint64_t address, uint64_t cookie)
{
	const struct elf_segment *segment = elf_image__segment(&scan->image, address);
	uint64_t file_offset = segment->file_offset + (address - segment->address);

	if (has_site(scan, file_offset, cookie))
		return;
	scan->is_full |= scan->sites.cnt == SITES_MAX;
	if (!scan->is_full)
		scan->sites.sites[scan->sites.cnt++] = (struct probe_site){
			.kind = SITE_POINT,
			.file_offset = file_offset,
			.cookie = cookie,
			.cost = SITE_SINGLE_STEPPED,
		};
}

static bool can_follow(struct points_scan *scan)
{
	if (scan->can_follow || decoder__init(&scan->decoder))
		return scan->can_follow;
	scan->can_follow = !fragments__read(&scan->image, &scan->fragments);
	if (!scan->can_follow)
		decoder__destroy(&scan->decoder);
	return scan->can_follow;
}

/* NULL, or why it cannot be done. */
static const char *add_exits(struct points_scan *scan, uint64_t entry, size_t number)
{
	struct call_map map = {.image = &scan->image, .decoder = &scan->decoder};
	const char *problem = "no memory to look for them";
	struct exits exits;

	if (can_follow(scan))
		problem = exits__find(&map, &scan->fragments, entry, &exits);
	for (size_t i = 0; !problem && i < exits.cnt; i++)
		add_site(scan, exits.addresses[i], POINT_COOKIE(number, POINT_SECTION_RETURN));
	return problem;
}

static void note_near(struct point_place *place, const char *symbol)
{
	struct suggestion suggestion = {.wanted = place->function, .distance = place->distance};

	suggestion__try(&suggestion, symbol);
	place->distance = suggestion.distance;
	if (suggestion.best)
		snprintf(place->meant, sizeof(place->meant), "%s", symbol);
}

static void visit_symbol(struct points_scan *scan, struct point_place *place, size_t number,
	const GElf_Sym *symbol, const char *name)
{
	const struct elf_segment *segment = elf_image__segment(&scan->image, symbol->st_value);
	const char *problem = NULL;

	if (!segment || !segment->executable)
		return;
	if (!is_named(place, name)) {
		note_near(place, name);
		return;
	}
	place->is_found = true;
	if (place->point == POINT_SECTION_ENTER)
		problem = add_exits(scan, symbol->st_value, number);
	if (problem)
		place->problem = problem;
	else
		add_site(scan, symbol->st_value, POINT_COOKIE(number, place->point));
}

static void visit_table(struct points_scan *scan, const struct elf_symbols *table,
	struct point_place *place, size_t number)
{
	size_t name_cap;
	const char *name;
	GElf_Sym symbol;

	for (size_t i = 0; elf_symbols__get(table, i, &symbol, &name, &name_cap); i++)
		if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
			memchr(name, '\0', name_cap))
			visit_symbol(scan, place, number, &symbol, name);
}

static void visit_places(struct points_scan *scan, struct points *points, const char *path)
{
	struct elf_symbols tables[2];

	elf_image__symbols(&scan->image, SHT_DYNSYM, &tables[0]);
	elf_image__symbols(&scan->image, SHT_SYMTAB, &tables[1]);
	for (size_t i = 0; i < points->cnt; i++) {
		if (!is_for(&points->places[i], path))
			continue;
		points->places[i].was_met = true;
		for (size_t t = 0; t < 2; t++)
			visit_table(scan, &tables[t], &points->places[i], i);
	}
}

int points__scan(struct points *points, int fd, const char *path, struct probe_sites *ret_sites)
{
	struct points_scan scan = {0};
	int err = elf_image__open(fd, &scan.image);

	if (err)
		return err;
	scan.sites.sites = calloc(SITES_MAX, sizeof(*scan.sites.sites));
	if (!scan.sites.sites)
		err = -ENOMEM;
	else if (elf_image__is_x86_64(&scan.image))
		visit_places(&scan, points, path);
	if (scan.is_full)
		err = -E2BIG;
	if (scan.can_follow)
		fragments__destroy(&scan.fragments);
	decoder__destroy(&scan.decoder);
	elf_image__close(&scan.image);
	if (err)
		probe_sites__destroy(&scan.sites);
	else
		*ret_sites = scan.sites;
	return err;
}
