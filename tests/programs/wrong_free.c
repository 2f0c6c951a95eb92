/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wrong_free ROW [TIMES]: one wrong free in wrong_inner, or so many, each of a block of its own. Most C
 * libraries end the program then; before that, the line "row ROW" is out. Without ROW: the rows. The
 * rows "right" and "thread" do nothing wrong.
 */
#include <pthread.h>
#include "expect.h"

enum { SIZE = 100, BETWEEN = 8 };

static NOINLINE void *make_block(void)
{
	return escape(malloc(SIZE));
}

static NOINLINE void free_first(void *block)
{
	free(block);
}

static NOINLINE void wrong_inner(void *address)
{
	free(address);
}

static NOINLINE void wrong_realloc(void *address)
{
	escape(realloc(address, SIZE * 2));
}

static void right(void)
{
	free_first(make_block());
	free(NULL);
}

static void double_free(void)
{
	void *block = make_block();

	free_first(block);
	wrong_inner(block);
}

/* free(p); free(p); by one call instruction: nothing but the return between them tells them apart */
static void double_in_a_loop(void)
{
	void *block = make_block();

	for (int i = 0; i < 2; i++)
		wrong_inner(block);
}

static void double_after_others(void)
{
	void *block = make_block(), *others[BETWEEN];

	free_first(block);
	for (size_t i = 0; i < BETWEEN; i++)
		others[i] = escape(malloc(SIZE * 8 + 16 * i));
	for (size_t i = 0; i < BETWEEN; i++)
		free_first(others[i]);
	wrong_inner(block);
}

static void realloc_after_free(void)
{
	void *block = make_block();

	free_first(block);
	wrong_realloc(block);
}

static void free_after_realloc(void)
{
	void *block = make_block(), *other = make_block(), *moved = escape(realloc(block, SIZE * 100));

	free_first(other);
	require(moved != block, "realloc did not move the block");
	wrong_inner(block);
}

static void inside(void)
{
	wrong_inner((char *)make_block() + 16);
}

static void of_static_memory(void)
{
	static _Alignas(16) char memory[SIZE];

	wrong_inner(memory);
}

static void of_the_stack(void)
{
	_Alignas(16) char memory[SIZE];

	wrong_inner(escape(memory));
}

static void *worker(void *row)
{
	((void (*)(void))row)();
	return NULL;
}

static void in_a_thread(void (*row)(void))
{
	pthread_t thread;

	require(!pthread_create(&thread, NULL, worker, (void *)row), "no thread");
	pthread_join(thread, NULL);
}

/* At its end the C library frees what it has kept for the thread. */
static void keep_many(void)
{
	void *blocks[BETWEEN];

	for (size_t i = 0; i < BETWEEN; i++)
		blocks[i] = make_block();
	for (size_t i = 0; i < BETWEEN; i++)
		free_first(blocks[i]);
}

static void thread(void)
{
	in_a_thread(keep_many);
}

static void double_in_a_thread(void)
{
	in_a_thread(double_free);
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{"right", right},
	{"thread", thread},
	{"double", double_free},
	{"double-loop", double_in_a_loop},
	{"double-later", double_after_others},
	{"double-realloc", realloc_after_free},
	{"double-moved", free_after_realloc},
	{"double-thread", double_in_a_thread},
	{"inside", inside},
	{"static", of_static_memory},
	{"stack", of_the_stack},
};

int main(int argc, char **argv)
{
	unsigned long times = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (argc < 2)
			say(rows[i].name);
		else if (!strcmp(argv[1], rows[i].name))
			while (times--)
				rows[i].run();
	}
	return 0;
}
