/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that counts what it has at each call of a function of its own: before checkpoint_here()
 * it says what its main thread has outstanding ("HERE blocks=N bytes=N"), and allocates on at once.
 * Other threads allocate and free all the time.
 *
 *   sections ROUNDS THREADS
 */
#include <pthread.h>
#include "expect.h"

enum { KEPT_MAX = 10000 };

static struct {
	void *blocks[KEPT_MAX];
	size_t sizes[KEPT_MAX];
	size_t cnt;
} kept;

static int is_over;

static NOINLINE void keep(size_t n)
{
	require(kept.cnt < KEPT_MAX, "too many blocks");
	kept.blocks[kept.cnt] = tally_alloc(malloc(n), n);
	kept.sizes[kept.cnt++] = n;
}

static NOINLINE void drop(void)
{
	free(kept.blocks[--kept.cnt]);
	tally_free(kept.sizes[kept.cnt]);
}

static void say_outstanding(void)
{
	struct line line = {.sz = 0};

	line_add(&line, "HERE blocks=");
	line_add_number(&line, tally.blocks, 10);
	line_add(&line, " bytes=");
	line_add_number(&line, tally.bytes, 10);
	line_print(&line);
}

NOINLINE void checkpoint_here(void)
{
	__asm__ volatile("");
}

static NOINLINE void *disturb(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		free(escape(malloc(100)));
	return unused;
}

static void work(size_t round)
{
	for (size_t i = 0; i < 20 + round % 7; i++)
		keep(10 + i);
	for (size_t i = 0; i < 13; i++)
		drop();
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	size_t thread_cnt = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	pthread_t threads[8];

	require(thread_cnt <= 8, "too many threads");
	for (size_t i = 0; i < thread_cnt; i++)
		require(!pthread_create(&threads[i], NULL, disturb, NULL), "no thread");
	for (size_t round = 0; round < rounds; round++) {
		work(round);
		say_outstanding();
		checkpoint_here();
	}
	__atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < thread_cnt; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
