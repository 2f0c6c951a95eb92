/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* C++'s new may throw, which a return probe would make fatal, so its rets are sites too; if not all
 * can be found it isn't probed (exits.h). */
#include <stdio.h>

#include "probe/exits.h"
#include "probe/fragments.h"
#include "probe/functions.h"
#include "probe/scan_parts.h"

struct call_map scan__call_map(const struct scan *scan, struct decoder *decoder)
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

static bool has_problem(const struct scan *scan, const struct definition *definition)
{
	(void)scan;
	return definition->problem != NULL;
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

int scan__replace_return_probes(struct scan *scan, struct probe_sites *ret_sites)
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
		scan__drop_definitions(scan, definition__inner_counts);
	scan__drop_definitions(scan, has_problem);
	return 0;
}
