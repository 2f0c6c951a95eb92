/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process that does what it is told, a line of stdin at a time, and answers "done": for tests
 * that attach to something that is running. It ends at the end of its input.
 *
 *   alloc CNT SIZE     keeps the blocks, in order
 *   free CNT           the latest ones
 *   free_first CNT     the earliest ones
 *   free_again CNT     those that "free" has freed latest, a second time
 *   churn CNT SIZE     allocates and frees, CNT times
 *   map CNT SIZE       maps memory itself, and keeps it
 *   unmap CNT          the latest ones
 *   thread CNT SIZE    as alloc, by a thread that ends then
 *   spawn FILE         executes FILE in a child of posix_spawn
 *   load FILE NAME SIZE  dlopens FILE, says where NAME is, and keeps what NAME(SIZE) gives
 *   glance FILE NAME   dlopens FILE, says where NAME is, and closes FILE at once
 *   address            of the latest block
 *   expect             prints the EXPECT line
 *   exit CODE | exec   (exec: the same program anew)
 */
#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "expect.h"

enum { WORDS = 4, BLOCK_MAX = 1 << 20, MAP_MAX = 1000 };

struct block {
	void *p;
	size_t sz;
};

static struct {
	struct block blocks[BLOCK_MAX];
	size_t first, end;
} kept;

static struct block mapped[MAP_MAX];
static size_t mapped_cnt;

static NOINLINE void leak_inner(size_t n)
{
	require(kept.end < BLOCK_MAX, "too many blocks");
	kept.blocks[kept.end++] = (struct block){tally_alloc(malloc(n), n), n};
}

static NOINLINE void leak_outer(size_t cnt, size_t n)
{
	for (size_t i = 0; i < cnt; i++)
		leak_inner(n);
}

static void release(struct block *block)
{
	free(block->p);
	tally_free(block->sz);
}

static size_t number(const char *word)
{
	return strtoul(word, NULL, 10);
}

static void do_alloc(char **words)
{
	leak_outer(number(words[1]), number(words[2]));
}

static void do_free(char **words)
{
	for (size_t cnt = number(words[1]); cnt; cnt--)
		release(&kept.blocks[--kept.end]);
}

static void do_free_first(char **words)
{
	for (size_t cnt = number(words[1]); cnt; cnt--)
		release(&kept.blocks[kept.first++]);
}

static NOINLINE void wrong_inner(void *block)
{
	free(block);
}

static void do_free_again(char **words)
{
	for (size_t i = 0; i < number(words[1]); i++)
		wrong_inner(kept.blocks[kept.end + i].p);
}

static void do_churn(char **words)
{
	char *one[] = {"free", "1"};

	for (size_t cnt = number(words[1]); cnt; cnt--) {
		leak_outer(1, number(words[2]));
		do_free(one);
	}
}

static NOINLINE void map_outer(size_t cnt, size_t n)
{
	for (; cnt; cnt--) {
		void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		require(p != MAP_FAILED && mapped_cnt < MAP_MAX, "cannot map");
		mapped[mapped_cnt++] = (struct block){p, n};
	}
}

static void do_map(char **words)
{
	map_outer(number(words[1]), number(words[2]));
}

static void do_unmap(char **words)
{
	for (size_t cnt = number(words[1]); cnt; cnt--) {
		struct block *block = &mapped[--mapped_cnt];

		require(!munmap(block->p, block->sz), "cannot unmap");
	}
}

static void *allocate_in_thread(void *arg)
{
	do_alloc(arg);
	return NULL;
}

static void do_thread(char **words)
{
	pthread_t thread;

	require(pthread_create(&thread, NULL, allocate_in_thread, words) == 0, "no thread");
	pthread_join(thread, NULL);
}

static void do_spawn(char **words)
{
	char *argv[] = {words[1], NULL};
	pid_t child;

	require(posix_spawn(&child, words[1], NULL, NULL, argv, environ) == 0, "spawn failed");
	require(waitpid(child, NULL, 0) == child, "waitpid failed");
}

static void *open_library(char **words, void **ret_function)
{
	void *library = dlopen(words[1], RTLD_NOW);

	require(library != NULL, "dlopen failed");
	*ret_function = dlsym(library, words[2]);
	require(*ret_function != NULL, "dlsym failed");
	say_address("LOADED", *ret_function);
	return library;
}

static void do_glance(char **words)
{
	void *function;

	dlclose(open_library(words, &function));
}

static void do_load(char **words)
{
	void *(*leak)(size_t n);
	size_t n = number(words[3]);

	open_library(words, (void **)&leak);
	kept.blocks[kept.end++] = (struct block){tally_alloc(leak(n), n), n};
}

static void do_address(char **words)
{
	(void)words;
	say_address("ADDRESS", kept.end ? kept.blocks[kept.end - 1].p : NULL);
}

static void do_expect(char **words)
{
	(void)words;
	expect_print("puppet");
}

static void do_exit(char **words)
{
	exit(number(words[1]));
}

static void do_exec(char **words)
{
	(void)words;
	say("done");
	execl("/proc/self/exe", "puppet", NULL);
	require(0, "exec failed");
}

static void obey(char **words)
{
	const struct {
		const char *name;
		void (*act)(char **words);
	} commands[] = {
		{"alloc", do_alloc},
		{"free", do_free},
		{"free_first", do_free_first},
		{"free_again", do_free_again},
		{"churn", do_churn},
		{"map", do_map},
		{"unmap", do_unmap},
		{"thread", do_thread},
		{"spawn", do_spawn},
		{"load", do_load},
		{"glance", do_glance},
		{"address", do_address},
		{"expect", do_expect},
		{"exit", do_exit},
		{"exec", do_exec},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(words[0], commands[i].name) == 0) {
			commands[i].act(words);
			say("done");
			return;
		}
	}
	require(0, "unknown command");
}

/* Byte by byte: nothing may be read ahead, so that an exec'ed image finds its own commands. */
static int read_line(char *line, size_t cap)
{
	size_t sz = 0;

	while (sz + 1 < cap && read(STDIN_FILENO, &line[sz], 1) == 1) {
		if (line[sz] == '\n') {
			line[sz] = '\0';
			return 1;
		}
		sz++;
	}
	return 0;
}

int main(void)
{
	char line[1024];

	while (read_line(line, sizeof(line))) {
		char *words[WORDS] = {"", "", "", ""}, *rest = line;

		for (size_t i = 0; i < WORDS; i++) {
			char *word = strsep(&rest, " ");

			if (word)
				words[i] = word;
		}
		obey(words);
	}
	return 0;
}
