/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stress THREADS SECONDS: threads at full speed that allocate by every function of malloc's family,
 * resize (some of them in vain) and free each other's blocks, which they exchange through a board
 * of slots. What is on the board at the end is the leak. Each thread counts for itself; the sums
 * are printed when all have ended, so counting does not slow them down. A block's size is in its
 * first word.
 */
#include <pthread.h>
#include <time.h>
#include "expect.h"

enum { SLOT_CNT = 512, THREAD_MAX = 64, SIZE_MIN = 16, SIZE_SPAN = 3000, ALIGNMENT = 64 };

struct block {
	size_t sz;
};

struct player {
	pthread_t thread;
	uint64_t random;
	struct tally tally;
} __attribute__((aligned(128)));

static struct block *board[SLOT_CNT];
static int over;

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint64_t next_random(struct player *player)
{
	player->random ^= player->random << 13;
	player->random ^= player->random >> 7;
	player->random ^= player->random << 17;
	return player->random;
}

static void count_alloc(struct player *player, struct block *block, size_t n)
{
	require(block != NULL, "no memory");
	block->sz = n;
	player->tally.allocs++;
	player->tally.allocated += n;
	player->tally.blocks++;
	player->tally.bytes += n;
}

/* Of another thread's block, perhaps: only the sums are right. */
static void count_free(struct player *player, size_t n)
{
	player->tally.frees++;
	player->tally.blocks--;
	player->tally.bytes -= n;
}

static NOINLINE struct block *leak_inner(struct player *player, size_t n)
{
	void *p = NULL;

	switch (next_random(player) % 8) {
	case 0:
		n -= n % 4;
		p = calloc(4, n / 4);
		break;
	case 1:
		p = posix_memalign(&p, ALIGNMENT, n) ? NULL : p;
		break;
	case 2:
		p = realloc(NULL, n);
		break;
	default:
		p = malloc(n);
	}
	p = escape(p);
	count_alloc(player, p, n);
	return p;
}

static NOINLINE struct block *resize(struct player *player, struct block *block, size_t n)
{
	size_t old_sz = block->sz;

	block = escape(realloc(block, n));
	count_free(player, old_sz);
	count_alloc(player, block, n);
	return block;
}

static NOINLINE void fail(struct player *player, struct block *block)
{
	require(!escape(realloc(block, PTRDIFF_MAX - 4096)), "realloc did not fail");
	require(!escape(malloc(PTRDIFF_MAX - 4096)), "malloc did not fail");
	player->tally.failed += 2;
}

static NOINLINE void give_back(struct player *player, struct block *block)
{
	if (!block)
		return;
	count_free(player, block->sz);
	free(block);
}

static struct block *exchange(struct player *player, struct block *block)
{
	size_t slot = next_random(player) % SLOT_CNT;

	return __atomic_exchange_n(&board[slot], block, __ATOMIC_ACQ_REL);
}

static NOINLINE void play_round(struct player *player)
{
	size_t n = SIZE_MIN + next_random(player) % SIZE_SPAN;
	struct block *block = exchange(player, NULL);

	if (!block)
		block = leak_inner(player, n);
	else if (n % 16 == 0)
		fail(player, block);
	else if (n % 2)
		block = resize(player, block, n);
	give_back(player, exchange(player, block));
	if (n % 3 == 0)
		give_back(player, exchange(player, leak_inner(player, n)));
}

static NOINLINE void *leak_outer(void *arg)
{
	struct player *player = arg;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		play_round(player);
	return NULL;
}

static void add_up(const struct tally *own)
{
	tally.blocks += own->blocks;
	tally.bytes += own->bytes;
	tally.allocs += own->allocs;
	tally.frees += own->frees;
	tally.allocated += own->allocated;
	tally.failed += own->failed;
}

static void let_play(double seconds)
{
	struct timespec time = {.tv_sec = seconds, .tv_nsec = (seconds - (time_t)seconds) * 1e9};

	nanosleep(&time, NULL);
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
}

int main(int argc, char **argv)
{
	static struct player players[THREAD_MAX];
	unsigned long cnt = argc > 1 ? strtoul(argv[1], NULL, 10) : 4;

	require(cnt <= THREAD_MAX, "too many threads");
	for (unsigned long i = 0; i < cnt; i++) {
		players[i].random = 88172645463325252ull + i * 7919;
		require(!pthread_create(&players[i].thread, NULL, leak_outer, &players[i]),
			"no thread");
	}
	let_play(argc > 2 ? strtod(argv[2], NULL) : 1);
	for (unsigned long i = 0; i < cnt; i++) {
		pthread_join(players[i].thread, NULL);
		add_up(&players[i].tally);
	}
	expect_print("stress");
	return 0;
}
