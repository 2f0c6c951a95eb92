/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools of the Apache Portable Runtime: made, emptied and destroyed in each way, with the tally of
 * what is in them kept here. A cleanup frees a block of malloc's, and destroys a pool that is
 * nobody's child.
 *
 *   ARENAS alive=N blocks=N bytes=N    the pools made here that are alive, and what is in them
 */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdio.h>
#include "expect.h"

struct counted_pool {
	apr_pool_t *pool;
	unsigned long blocks, bytes;
};

static unsigned long alive;

static NOINLINE void make_pool(struct counted_pool *made, struct counted_pool *parent)
{
	require(!apr_pool_create(&made->pool, parent ? parent->pool : NULL), "no pool");
	made->blocks = made->bytes = 0;
	alive++;
}

static NOINLINE void note(struct counted_pool *pool, void *block, size_t sz)
{
	require(tally_alloc(block, sz) != NULL, "no block");
	pool->blocks++;
	pool->bytes += sz;
}

static NOINLINE void fill_pool(struct counted_pool *pool, int cnt, size_t sz)
{
	for (int i = 0; i < cnt; i++)
		note(pool, apr_palloc(pool->pool, sz + i), sz + i);
	note(pool, apr_pcalloc(pool->pool, 40), 40);
	note(pool, apr_pstrdup(pool->pool, "a pool's text"), sizeof("a pool's text"));
	note(pool, apr_psprintf(pool->pool, "%04d", 7), 5);
}

static void forget(struct counted_pool *pool)
{
	tally.frees += pool->blocks;
	tally.blocks -= pool->blocks;
	tally.bytes -= pool->bytes;
	pool->blocks = pool->bytes = 0;
}

static void forget_pool(struct counted_pool *pool)
{
	forget(pool);
	alive--;
}

static struct counted_pool foreign;

static apr_status_t free_block(void *block)
{
	free(block);
	tally_free(1234);
	return APR_SUCCESS;
}

static apr_status_t destroy_foreign(void *arg)
{
	(void)arg;
	apr_pool_destroy(foreign.pool);
	forget_pool(&foreign);
	return APR_SUCCESS;
}

static NOINLINE void *block_of_malloc(void)
{
	return tally_alloc(malloc(1234), 1234);
}

static NOINLINE void destroy_with_cleanups(struct counted_pool *root)
{
	struct counted_pool pool;
	void *block;

	make_pool(&foreign, NULL);
	fill_pool(&foreign, 30, 10);
	make_pool(&pool, root);
	fill_pool(&pool, 20, 1000);
	block = block_of_malloc();
	apr_pool_cleanup_register(pool.pool, block, free_block, apr_pool_cleanup_null);
	apr_pool_cleanup_register(pool.pool, NULL, destroy_foreign, apr_pool_cleanup_null);
	apr_pool_destroy(pool.pool);
	forget_pool(&pool);
}

int main(void)
{
	struct counted_pool root, child, grandchild, emptied, kept;

	apr_initialize();
	make_pool(&root, NULL);
	make_pool(&child, &root);
	make_pool(&grandchild, &child);
	fill_pool(&root, 10, 100);
	fill_pool(&child, 100, 64);
	fill_pool(&grandchild, 1000, 16);
	apr_pool_destroy(child.pool); /* and the grandchild */
	forget_pool(&child);
	forget_pool(&grandchild);
	make_pool(&emptied, &root);
	make_pool(&child, &emptied);
	fill_pool(&emptied, 50, 5000); /* more than a node holds */
	fill_pool(&child, 5, 50);
	apr_pool_clear(emptied.pool); /* its children are destroyed */
	forget(&emptied);
	forget_pool(&child);
	fill_pool(&emptied, 3, 300);
	destroy_with_cleanups(&root);
	make_pool(&kept, NULL);
	fill_pool(&kept, 7, 70000);
	expect_print("apr");
	printf("ARENAS alive=%lu blocks=%lu bytes=%lu\n", alive,
		root.blocks + emptied.blocks + kept.blocks,
		root.bytes + emptied.bytes + kept.bytes);
	fflush(stdout);
	_exit(0);
}
