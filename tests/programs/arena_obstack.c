/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Obstacks: their chunks are malloc's, so the tally of them is kept where they are got and given
 * back.
 *
 *   ARENAS alive=N blocks=N bytes=N    obstacks that have chunks, and the chunks
 */
#include <obstack.h>
#include <stdio.h>
#include "expect.h"

static struct obstack kept, emptied, freed;

static NOINLINE void *get_chunk(size_t sz)
{
	return tally_alloc(malloc(sz), sz);
}

/* obstack.c keeps where a chunk ends at its beginning. */
static NOINLINE void give_chunk_back(void *chunk)
{
	tally_free((size_t)(((struct _obstack_chunk *)chunk)->limit - (char *)chunk));
	free(chunk);
}

#define obstack_chunk_alloc get_chunk
#define obstack_chunk_free give_chunk_back

static NOINLINE void fill(struct obstack *obstack, int cnt)
{
	obstack_init(obstack);
	for (int i = 0; i < cnt; i++)
		escape(obstack_alloc(obstack, 100 + i));
}

int main(void)
{
	unsigned long blocks, bytes;

	fill(&kept, 300);
	fill(&emptied, 500);
	obstack_free(&emptied, NULL);
	blocks = tally.blocks;
	bytes = tally.bytes;
	fill(&freed, 100);
	obstack_free(&freed, NULL);
	require(tally.blocks == blocks && tally.bytes == bytes, "obstack_free");
	require(escape(malloc(99)) != NULL, "malloc"); /* in none */
	expect_print("obstack");
	printf("ARENAS alive=1 blocks=%lu bytes=%lu\n", blocks, bytes);
	fflush(stdout);
	_exit(0);
}
