/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * threads THREADS ROUNDS: threads that allocate, realloc (some fail) and free each other's blocks,
 * through a board of slots that they exchange by atomic operations. What is on the board at the end
 * is the leak. Each block has its size in its first word.
 */
#include <pthread.h>
#include "expect.h"

enum { SLOT_CNT = 256, THREAD_MAX = 1024, SIZE_MIN = 16, SIZE_SPAN = 3000 };

struct block {
	size_t sz;
};

struct player {
	pthread_t thread;
	uint64_t random;
	unsigned long rounds;
};

static struct block *board[SLOT_CNT];

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint64_t next_random(struct player *player)
{
	player->random ^= player->random << 13;
	player->random ^= player->random >> 7;
	player->random ^= player->random << 17;
	return player->random;
}

static struct block *exchange(struct player *player, struct block *block)
{
	size_t slot = next_random(player) % SLOT_CNT;

	return __atomic_exchange_n(&board[slot], block, __ATOMIC_ACQ_REL);
}

static void give_back(struct block *block)
{
	if (!block)
		return;
	tally_free(block->sz);
	free(block);
}

static NOINLINE struct block *leak_inner(size_t n)
{
	struct block *block = tally_alloc(malloc(n), n);

	block->sz = n;
	return block;
}

static NOINLINE struct block *resize(struct block *block, size_t n)
{
	size_t old_sz = block->sz;

	block = escape(realloc(block, n));
	tally_free(old_sz);
	tally_alloc(block, n);
	block->sz = n;
	return block;
}

static NOINLINE struct block *fail_to_resize(struct block *block)
{
	require(!escape(realloc(block, PTRDIFF_MAX - 4096)), "realloc did not fail");
	count_up(&tally.failed, 1);
	return block;
}

static NOINLINE void play_round(struct player *player)
{
	size_t n = SIZE_MIN + next_random(player) % SIZE_SPAN;
	struct block *block = exchange(player, NULL);

	if (!block)
		block = leak_inner(n);
	else if (n % 16 == 0)
		block = fail_to_resize(block);
	else if (n % 2)
		block = resize(block, n);
	give_back(exchange(player, block));
	if (n % 3 == 0)
		give_back(exchange(player, leak_inner(n)));
}

static NOINLINE void *leak_outer(void *arg)
{
	struct player *player = arg;

	for (unsigned long i = 0; i < player->rounds; i++)
		play_round(player);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct player players[THREAD_MAX];
	unsigned long cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 4;

	require(cnt <= THREAD_MAX, "too many threads");
	for (unsigned long i = 0; i < cnt; i++) {
		players[i].random = 88172645463325252ull + i * 7919;
		players[i].rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
		require(!pthread_create(&players[i].thread, NULL, leak_outer, &players[i]),
			"no thread");
	}
	for (unsigned long i = 0; i < cnt; i++)
		pthread_join(players[i].thread, NULL);
	expect_print("threads");
	return 0;
}
