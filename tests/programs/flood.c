/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flood MODE THREADS ROUNDS|SECONDSs: threads that do nothing but allocate and free, as fast as
 * they can, each with blocks of its own. A round is
 *
 *   pairs   malloc, free
 *   grow    16 blocks more, until 4096 are there; then all are freed
 *   mixed   two pairs, one block that stays out of every 64, one allocation that fails
 *
 * "5s" instead of a number of rounds: for so long. The threads do not end before the process does:
 * at a thread's end, the C library frees what it has kept for it. The EXPECT line is of all
 * threads.
 */
#include <pthread.h>
#include <time.h>
#include "expect.h"

enum {
	THREAD_MAX = 64,
	SIZE_MIN = 24,
	SIZE_SPAN = 1000,
	SET_CNT = 4096,
	GROWTH = 16,
	KEPT_OF = 64
};

struct player {
	pthread_t thread;
	struct tally tally; /* no cache line of it is shared */
	void (*play_round)(struct player *player);
	unsigned long rounds;
	double until_s;
	size_t set_cnt;
	void *set[SET_CNT];
	size_t sizes[SET_CNT];
} __attribute__((aligned(128)));

static struct player players[THREAD_MAX];
static pthread_barrier_t all_done;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static size_t size_of(const struct player *player)
{
	return SIZE_MIN + player->tally.allocs * 7919 % SIZE_SPAN;
}

static NOINLINE void *take(struct player *player, size_t n)
{
	void *block = escape(malloc(n));

	player->tally.allocs++;
	player->tally.allocated += n;
	player->tally.blocks++;
	player->tally.bytes += n;
	return block;
}

static NOINLINE void give_back(struct player *player, void *block, size_t n)
{
	player->tally.frees++;
	player->tally.blocks--;
	player->tally.bytes -= n;
	free(block);
}

static void play_pair(struct player *player)
{
	size_t n = size_of(player);

	give_back(player, take(player, n), n);
}

static void play_growth(struct player *player)
{
	for (size_t i = 0; i < GROWTH; i++) {
		size_t n = size_of(player);

		player->sizes[player->set_cnt] = n;
		player->set[player->set_cnt++] = take(player, n);
	}
	if (player->set_cnt < SET_CNT)
		return;
	while (player->set_cnt--)
		give_back(player, player->set[player->set_cnt], player->sizes[player->set_cnt]);
	player->set_cnt = 0;
}

static void play_mixed(struct player *player)
{
	play_pair(player);
	play_pair(player);
	if (player->tally.failed++ % KEPT_OF == 0)
		take(player, size_of(player));
	require(!escape(malloc(PTRDIFF_MAX - 4096)), "malloc did not fail");
}

static NOINLINE void *flood(void *arg)
{
	struct player *player = arg;

	while (player->until_s ? now_s() < player->until_s : player->rounds--)
		for (int i = 0; i < (player->until_s ? 1000 : 1); i++)
			player->play_round(player);
	pthread_barrier_wait(&all_done);
	pause(); /* until the process ends */
	return NULL;
}

static const struct {
	const char *name;
	void (*play_round)(struct player *player);
} modes[] = {{"pairs", play_pair}, {"grow", play_growth}, {"mixed", play_mixed}};

static void start(struct player *player, const char *mode, const char *length)
{
	char *suffix;
	unsigned long number = strtoul(length, &suffix, 10);

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(modes[i].name, mode))
			player->play_round = modes[i].play_round;
	require(player->play_round != NULL, "no such mode");
	player->rounds = number;
	player->until_s = *suffix ? now_s() + number : 0;
	require(!pthread_create(&player->thread, NULL, flood, player), "no thread");
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

int main(int argc, char **argv)
{
	unsigned long cnt = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;

	require(cnt > 0 && cnt <= THREAD_MAX, "usage: flood MODE THREADS ROUNDS|SECONDSs");
	pthread_barrier_init(&all_done, NULL, cnt + 1);
	for (unsigned long i = 0; i < cnt; i++)
		start(&players[i], argv[1], argv[3]);
	pthread_barrier_wait(&all_done);
	for (unsigned long i = 0; i < cnt; i++)
		add_up(&players[i].tally);
	expect_print("flood");
	return 0;
}
