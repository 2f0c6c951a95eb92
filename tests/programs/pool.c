/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator of a program's own, to be declared: pools in memory that malloc gives, at times when
 * no function of it is in flight as well as inside them. Functions that nobody can see from outside
 * (they are static) can be declared by their offset.
 *
 * Expected of a tracer that knows of them: what the program asked of them, once, and nothing of how
 * they get their memory. Printed as EXPECT lines; the argument says which case.
 */
#include <setjmp.h>
#include "expect.h"

enum { CHUNK_SZ = 8192 };

struct pool {
	struct pool *parent, *child, *next;
	char *chunk; /* the address of the chunk before stands at its beginning */
	size_t used;
	void (*on_destroy)(void);
};

static NOINLINE void *grow_pool(struct pool *pool)
{
	char *chunk = malloc(CHUNK_SZ);

	*(char **)chunk = pool->chunk;
	pool->chunk = chunk;
	pool->used = 16;
	return chunk;
}

/* Returns the pool by its last argument, and an error. */
NOINLINE int pool_create(struct pool *parent, struct pool **out)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -1;
	pool->parent = parent;
	if (parent) {
		pool->next = parent->child;
		parent->child = pool;
	}
	*out = pool;
	return 0;
}

static NOINLINE void *hidden_alloc(struct pool *pool, int tag, size_t sz)
{
	void *block;

	(void)tag;
	if (!pool->chunk || pool->used + sz > CHUNK_SZ)
		grow_pool(pool);
	block = pool->chunk + pool->used;
	pool->used += (sz + 15) & ~(size_t)15;
	return block;
}

NOINLINE void *pool_alloc(struct pool *pool, size_t sz)
{
	return escape(hidden_alloc(pool, 0, sz));
}

NOINLINE void pool_reset(struct pool *pool);

NOINLINE void pool_destroy(struct pool *pool)
{
	if (pool->on_destroy)
		pool->on_destroy();
	pool_reset(pool);
	free(pool);
}

NOINLINE void pool_reset(struct pool *pool)
{
	while (pool->child) {
		struct pool *child = pool->child;

		pool->child = child->next;
		pool_destroy(child);
	}
	while (pool->chunk) {
		char *before = *(char **)pool->chunk;

		free(pool->chunk);
		pool->chunk = before;
	}
}

NOINLINE void pool_move(struct pool *pool, struct pool *parent)
{
	struct pool **link = &pool->parent->child;

	while (*link != pool)
		link = &(*link)->next;
	*link = pool->next;
	pool->parent = parent;
	pool->next = parent->child;
	parent->child = pool;
}

/* ---- cases ---- */

static struct pool *made(struct pool *parent)
{
	struct pool *pool = NULL;

	require(!pool_create(parent, &pool), "no pool");
	return pool;
}

static void fill(struct pool *pool, int cnt, size_t sz)
{
	for (int i = 0; i < cnt; i++)
		tally_alloc(pool_alloc(pool, sz), sz);
}

static void forget(int cnt, size_t sz)
{
	for (int i = 0; i < cnt; i++)
		tally_free(sz);
}

static void case_kept(void)
{
	struct pool *root = made(NULL), *child = made(root);

	fill(root, 10, 100);
	fill(child, 500, 40);
}

static void case_destroyed(void)
{
	struct pool *root = made(NULL), *child = made(root), *moved = made(child);

	fill(root, 10, 100);
	fill(child, 500, 40);
	fill(made(child), 300, 60);
	fill(moved, 7, 70);
	pool_move(moved, root);
	pool_destroy(child);
	forget(500, 40);
	forget(300, 60);
}

static void case_reset(void)
{
	struct pool *root = made(NULL);

	fill(root, 1000, 100);
	fill(made(root), 5, 50);
	pool_reset(root);
	forget(1000, 100);
	forget(5, 50);
	fill(root, 3, 30);
}

static void *somebodys_block;

static void free_somebodys_block(void)
{
	free(somebodys_block);
	tally_free(333);
}

static void case_frees_inside(void)
{
	struct pool *root = made(NULL);

	somebodys_block = tally_alloc(malloc(333), 333);
	root->on_destroy = free_somebodys_block;
	fill(root, 5, 50);
	pool_destroy(root);
	forget(5, 50);
}

static jmp_buf back;

static void jump_out(void)
{
	longjmp(back, 1);
}

static NOINLINE void destroy_and_jump(struct pool *pool)
{
	if (!setjmp(back))
		pool_destroy(pool);
}

/* What is allocated after a declared call was left must not be taken for its own. */
static void case_left_by_longjmp(void)
{
	struct pool *root = made(NULL);

	root->on_destroy = jump_out;
	fill(root, 5, 50);
	destroy_and_jump(root);
	forget(5, 50);
	for (int i = 0; i < 10; i++)
		tally_alloc(malloc(20), 20);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{"kept", case_kept},
		{"destroyed", case_destroyed},
		{"reset", case_reset},
		{"frees-inside", case_frees_inside},
		{"left-by-longjmp", case_left_by_longjmp},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (argc != 2 || strcmp(argv[1], cases[i].name))
			continue;
		cases[i].run();
		expect_print(argv[1]);
		_exit(0);
	}
	return 2;
}
