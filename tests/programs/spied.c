/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * spied LOG THREADS CALLS SEED [wait|slowly]: threads that call every function of malloc's family,
 * some in vain, and keep a record of each call: function, arguments, result. It is written to LOG
 * (-: nowhere) when all have ended; a line is
 *
 *   TID FUNCTION ARGUMENT ARGUMENT ARGUMENT RESULT STORED
 *
 * in hex. Each thread's first and last call are malloc(MARK). With THREADS 0 the main thread does
 * it, and the process makes no other calls of its own. wait: until there is a byte, or the end, on
 * stdin; slowly: some 30 calls a millisecond. CALLS counts without the marks. SIGTERM ends it
 * early, with all that was done in the record.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MARK = 77777777, SLOT_CNT = 32, THREAD_MAX = 64 };
static volatile size_t huge_sz = PTRDIFF_MAX - 4096; /* the compiler is not to know */

struct entry {
	const char *function;
	uint64_t arguments[3], result, stored;
};

struct player {
	pthread_t thread;
	pid_t tid;
	uint64_t random;
	struct entry *entries;
	size_t entry_cnt;
	void *slots[SLOT_CNT];
};

static size_t call_cnt;
static bool is_slow;
static volatile sig_atomic_t is_ending;

static void on_term(int number)
{
	(void)number;
	is_ending = 1;
}

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint64_t next_random(struct player *player)
{
	player->random ^= player->random << 13;
	player->random ^= player->random >> 7;
	player->random ^= player->random << 17;
	return player->random;
}

static struct entry *note(struct player *player, const char *function, uint64_t a, uint64_t b,
	uint64_t c, uint64_t result)
{
	struct entry *entry = &player->entries[player->entry_cnt++];

	*entry = (struct entry){function, {a, b, c}, result, 0};
	return entry;
}

#define U(pointer) ((uint64_t)(uintptr_t)(pointer))

static void *call_realloc(struct player *player, void *block, size_t n)
{
	void *volatile kept = block;
	void *moved = realloc(block, n);

	note(player, "realloc", U(kept), n, 0, U(moved));
	return moved || !n ? moved : kept;
}

static void *call_reallocarray(struct player *player, void *block, size_t cnt, size_t n)
{
	void *volatile kept = block;
	void *moved = reallocarray(block, cnt, n);

	note(player, "reallocarray", U(kept), cnt, n, U(moved));
	return moved ? moved : kept;
}

static void *call_posix_memalign(struct player *player, size_t alignment, size_t n)
{
	void *block = NULL;
	int err = posix_memalign(&block, alignment, n);

	note(player, "posix_memalign", U(&block), alignment, n, err)->stored = err ? 0 : U(block);
	return err ? NULL : block;
}

#define CALL(function, a, b, ...)                                                                  \
	({                                                                                         \
		void *result_ = function(__VA_ARGS__);                                             \
		note(player, #function, a, b, 0, U(result_));                                      \
		result_;                                                                           \
	})

static void call_free(struct player *player, void *block)
{
	note(player, "free", U(block), 0, 0, 0);
	free(block);
}

/* In an empty place. */
static void *allocate(struct player *player, size_t n)
{
	switch (next_random(player) % 9) {
	case 0:
		return CALL(calloc, 3, n, 3, n);
	case 1:
		return CALL(aligned_alloc, 64, n, 64, n);
	case 2:
		return CALL(memalign, 128, n, 128, n);
	case 3:
		return CALL(valloc, n, 0, n);
	case 4:
		return call_posix_memalign(player, 256, n);
	case 5:
		return call_realloc(player, NULL, n);
	case 6:
		return call_reallocarray(player, NULL, 5, n);
	default:
		return CALL(malloc, n, 0, n);
	}
}

static void fail(struct player *player, void *block)
{
	switch (next_random(player) % 5) {
	case 0:
		CALL(malloc, huge_sz, 0, huge_sz);
		break;
	case 1:
		CALL(calloc, huge_sz, 16, huge_sz, 16);
		break;
	case 2:
		call_posix_memalign(player, 3, 100);
		break;
	case 3:
		call_reallocarray(player, block, SIZE_MAX / 2, 4);
		break;
	default:
		call_realloc(player, block, huge_sz);
	}
}

static void *change(struct player *player, void *block, size_t n)
{
	switch (next_random(player) % 6) {
	case 0:
		return call_realloc(player, block, n);
	case 1:
		return call_reallocarray(player, block, 2, n);
	case 2:
		fail(player, block);
		return block;
	case 3:
		return call_realloc(player, block, 0);
	default:
		call_free(player, block);
		return NULL;
	}
}

static bool goes_on(const struct player *player)
{
	if (is_slow && player->entry_cnt % 32 == 0)
		usleep(1000);
	return player->entry_cnt <= call_cnt && !is_ending;
}

static void play(struct player *player)
{
	player->tid = gettid();
	CALL(malloc, MARK, 0, MARK);
	while (goes_on(player)) {
		size_t n = 1 + next_random(player) % 3000;
		void **slot = &player->slots[next_random(player) % SLOT_CNT];

		if (*slot)
			*slot = change(player, *slot, n);
		else if (n % 8)
			*slot = allocate(player, n);
		else
			call_free(player, NULL);
	}
	CALL(malloc, MARK, 0, MARK);
}

static void *play_thread(void *player)
{
	play(player);
	return NULL;
}

/* Without a call of an allocator. */
static void write_entry(int fd, pid_t tid, const struct entry *entry)
{
	const uint64_t *arguments = entry->arguments;
	char line[256];
	int sz = snprintf(line, sizeof(line), "%d %s %lx %lx %lx %lx %lx\n", tid, entry->function,
		arguments[0], arguments[1], arguments[2], entry->result, entry->stored);

	if (write(fd, line, sz) != sz)
		_exit(1);
}

static void write_log(const char *path, const struct player *players, size_t cnt)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	for (size_t i = 0; i < cnt; i++)
		for (size_t k = 0; k < players[i].entry_cnt; k++)
			write_entry(fd, players[i].tid, &players[i].entries[k]);
	close(fd);
}

static struct player players[THREAD_MAX];

static void begin(struct player *player, uint64_t seed)
{
	size_t sz = (call_cnt + 2) * sizeof(struct entry);

	player->random = seed * 0x9e3779b97f4a7c15ull | 1;
	player->entries = mmap(NULL, sz, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

int main(int argc, char **argv)
{
	size_t thread_cnt = argc > 4 ? strtoul(argv[2], NULL, 0) : 0;
	char byte;

	if (argc < 5 || thread_cnt > THREAD_MAX)
		return 2;
	call_cnt = strtoul(argv[3], NULL, 0);
	signal(SIGTERM, on_term);
	for (size_t i = 0; i < (thread_cnt ? thread_cnt : 1); i++)
		begin(&players[i], strtoul(argv[4], NULL, 0) + i);
	is_slow = argc > 5 && !strcmp(argv[5], "slowly");
	if (argc > 5 && !is_slow && read(0, &byte, 1) < 0)
		return 1;
	if (!thread_cnt)
		play(&players[0]);
	for (size_t i = 0; i < thread_cnt; i++)
		pthread_create(&players[i].thread, NULL, play_thread, &players[i]);
	for (size_t i = 0; i < thread_cnt; i++)
		pthread_join(players[i].thread, NULL);
	if (strcmp(argv[1], "-"))
		write_log(argv[1], players, thread_cnt ? thread_cnt : 1);
	_exit(0);
}
