/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From an ELF file to its probe sites: find the definitions of allocator functions, drop those
 * whose inner call is counted anyway (wrappers.h), learn which bytes of their prologues are entered
 * from elsewhere (prologues.h), choose the sites (sites.h). C++'s new may throw, which a return
 * probe would make fatal, so its rets are sites too; if not all can be found it isn't probed
 * (exits.h).
 *
 * C++ operators are probed only in a file that also defines malloc: elsewhere (libstdc++, a program
 * with operators of its own) they get their memory from an allocator that is probed itself.
 * Functions that map memory are probed in files that define mmap: elsewhere a function called brk
 * can be anything.
 *
 * A spy is to see the calls themselves: wrappers and C++ operators are probed for it wherever they
 * are, and frees have a return.
 *
 * Where frees are checked it matters whether a block came from malloc or from new, so operators
 * stay, wherever they are and whatever they call; but where one of those cannot be probed, all of
 * the file are left out, or its blocks would seem to be malloc's, and handed back by delete.
 */
#include <errno.h>
#include <stdlib.h>

#include "probe/functions.h"
#include "probe/scan_parts.h"

/* It is probed only in a file that defines another function, too, and this one doesn't. */
static bool is_foreign(const struct scan *scan, const struct definition *definition)
{
	if (allocator_function__is_operator(definition->function))
		return !scan->defines_malloc && !scan->spied;
	return allocator_function__maps(definition->function) && !scan->defines_mmap;
}

/* C++'s operators matter by themselves where frees are checked. */
static bool is_superfluous(const struct scan *scan, const struct definition *definition)
{
	bool is_kept = allocator_functions__are_checked() &&
		       allocator_function__is_operator(definition->function);

	return definition__inner_counts(scan, definition) && !is_kept;
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

static bool is_no_operator(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return !allocator_function__is_operator(definition->function);
}

/* Nothing is left to be probed: says why. */
static bool scan__is_empty(const struct scan *scan, struct probe_sites *ret_sites)
{
	if (scan->definition_cnt > 0)
		return false;
	scan__tell_empty(scan, ret_sites);
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
		scan__tell_machine(scan, &sites);
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

int probe_sites__scan(int fd, const char *path, bool with_mapping, struct probe_sites *ret_sites)
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
