/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* GLib's slices, one by one and in chains (lists are freed as such), with the tally kept here. */
#include <glib.h>
#include "expect.h"

struct element {
	char text[48];
	struct element *next;
};

static NOINLINE void *take(gsize sz)
{
	return tally_alloc(g_slice_alloc(sz), sz);
}

static NOINLINE void give(gsize sz, void *slice)
{
	g_slice_free1(sz, slice);
	tally_free(sz);
}

static NOINLINE void free_a_chain(int cnt)
{
	struct element *chain = NULL;

	for (int i = 0; i < cnt; i++) {
		struct element *element = take(sizeof(*element));

		element->next = chain;
		chain = element;
	}
	g_slice_free_chain(struct element, chain, next);
	for (int i = 0; i < cnt; i++)
		tally_free(sizeof(*chain));
}

static NOINLINE void free_a_list(int cnt)
{
	GList *list = NULL;

	for (int i = 0; i < cnt; i++) {
		list = g_list_prepend(list, NULL);
		tally_alloc(list, sizeof(*list));
	}
	g_list_free(list);
	for (int i = 0; i < cnt; i++)
		tally_free(sizeof(*list));
}

int main(void)
{
	void *slices[1000];

	for (int i = 0; i < 1000; i++)
		slices[i] =
			take(16 + i % 100 * 16); /* from slabs, and (the large ones) from malloc */
	for (int i = 0; i < 1000; i += 3)
		give(16 + i % 100 * 16, slices[i]);
	tally_alloc(g_slice_copy(200, slices[1]), 200);
	tally_alloc(g_slice_alloc0(24), 24);
	free_a_chain(5000);
	free_a_list(3000);
	expect_print("slices");
	_exit(0);
}
