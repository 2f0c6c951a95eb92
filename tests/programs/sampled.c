/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sampled MODE [COUNT]: many blocks of few sizes, most of them small, for estimates to be held
 * against.
 *
 *   mixed    malloc, calloc, realloc (some fail), posix_memalign, free
 *   threads  the same in threads, each of which frees what another has allocated
 *   fork     the same; then a child that frees half of what it inherited, and goes on for itself
 *   freed    all of that, and nothing is left: of the parent's blocks, nor of the child's copies
 *   vfork    a child in its parent's memory frees the parent's blocks, and leaves it some
 *   outlive  a child in its parent's memory goes on when the parent has ended, and frees it all
 *   many     COUNT blocks of 64 bytes
 *
 * Which sizes is the same each time; which blocks are sampled is not.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include "expect.h"

enum { BLOCK_CNT = 6000, THREAD_CNT = 4, ROUNDS = 9000 };

static const size_t sizes[] = {24, 40, 40, 64, 100, 100, 300, 700, 2000, 12000};

struct work {
	pthread_t thread;
	uint64_t random;
	void *blocks[BLOCK_CNT];
	size_t sizes[BLOCK_CNT];
};

static struct work works[THREAD_CNT];

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
static uint64_t next_random(struct work *work)
{
	work->random ^= work->random << 13;
	work->random ^= work->random >> 7;
	work->random ^= work->random << 17;
	return work->random >> 16;
}

static size_t next_size(struct work *work)
{
	return sizes[next_random(work) % (sizeof(sizes) / sizeof(*sizes))];
}

static NOINLINE void *allocate(uint64_t how, size_t n)
{
	void *block = NULL;

	if (how % 8 == 0)
		return calloc(4, n / 4);
	if (how % 8 == 1)
		return posix_memalign(&block, 64, n) ? NULL : block;
	return malloc(n);
}

static void put(struct work *work, size_t at)
{
	work->sizes[at] = next_size(work);
	work->blocks[at] =
		tally_alloc(allocate(next_random(work), work->sizes[at]), work->sizes[at]);
}

static NOINLINE void take(struct work *work, size_t at)
{
	if (!work->blocks[at])
		return;
	free(work->blocks[at]);
	tally_free(work->sizes[at]);
	work->blocks[at] = NULL;
}

static NOINLINE void resize(struct work *work, size_t at)
{
	size_t n = next_size(work);

	require(!escape(realloc(work->blocks[at], PTRDIFF_MAX - 4096)), "realloc did not fail");
	count_up(&tally.failed, 1);
	work->blocks[at] = escape(realloc(work->blocks[at], n));
	tally_free(work->sizes[at]);
	tally_alloc(work->blocks[at], n);
	work->sizes[at] = n;
}

static NOINLINE void *churn(void *arg)
{
	struct work *work = arg;

	for (int i = 0; i < ROUNDS; i++) {
		size_t at = next_random(work) % BLOCK_CNT;

		if (!work->blocks[at])
			put(work, at);
		else if (i % 4)
			resize(work, at);
		else
			take(work, at);
	}
	return NULL;
}

static void *take_half(void *arg)
{
	for (size_t at = 0; at < BLOCK_CNT; at += 2)
		take(arg, at);
	return NULL;
}

static void *take_all(void *arg)
{
	for (size_t at = 0; at < BLOCK_CNT; at++)
		take(arg, at);
	return NULL;
}

/* Each thread works on the blocks of the one `by` further. */
static void in_threads(void *(*function)(void *), unsigned int by)
{
	for (unsigned int i = 0; i < THREAD_CNT; i++)
		require(!pthread_create(
				&works[i].thread, NULL, function, &works[(i + by) % THREAD_CNT]),
			"no thread");
	for (unsigned int i = 0; i < THREAD_CNT; i++)
		pthread_join(works[i].thread, NULL);
}

static void in_turn(void *(*function)(void *))
{
	for (unsigned int i = 0; i < THREAD_CNT; i++)
		function(&works[i]);
}

static void in_a_child(void *(*function)(void *), void *(*then)(void *))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		in_turn(function);
		in_turn(then);
		_exit(0);
	}
	require(pid > 0 && waitpid(pid, &status, 0) == pid && !status, "the child failed");
}

static void free_everything(void)
{
	in_threads(churn, 0);
	in_threads(take_half, 1);
	churn(&works[0]);
	in_a_child(churn, take_all);
	in_threads(take_all, 2);
}

/* vfork is what is tested here: what the child does is defined by Linux, if not by POSIX. */
static void share_with_a_child(void)
{
	pid_t pid;

	churn(&works[0]);
	pid = vfork(); /* NOLINT */
	if (pid == 0) {
		take_half(&works[0]);
		churn(&works[1]);
		_exit(0);
	}
	require(pid > 0 && waitpid(pid, NULL, 0) == pid, "no child");
	in_turn(take_all);
}

static int ended[2]; /* a pipe, which the parent's end closes */

static int go_on(void *arg)
{
	char byte;

	(void)arg;
	close(ended[1]);
	require(read(ended[0], &byte, 1) == 0, "the parent has written");
	in_turn(churn);
	in_turn(take_all);
	_exit(0);
}

static void leave_it_to_a_child(void)
{
	static char stack[64 << 10] __attribute__((aligned(16)));

	churn(&works[0]);
	require(!pipe(ended), "no pipe");
	require(clone(go_on, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL) > 0, "no child");
	_exit(0);
}

static void leak_many(unsigned long cnt)
{
	for (unsigned long i = 0; i < cnt; i++)
		tally_alloc(malloc(64), 64);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	for (unsigned int i = 0; i < THREAD_CNT; i++)
		works[i].random = 88172645463325252ull + i * 7919;
	if (!strcmp(mode, "threads"))
		in_threads(churn, 0), in_threads(take_half, 1);
	else if (!strcmp(mode, "freed"))
		free_everything();
	else if (!strcmp(mode, "vfork"))
		share_with_a_child();
	else if (!strcmp(mode, "outlive"))
		leave_it_to_a_child();
	else if (!strcmp(mode, "many"))
		leak_many(argc > 2 ? strtoul(argv[2], NULL, 10) : 1000);
	else
		churn(&works[0]);
	if (!strcmp(mode, "fork"))
		in_a_child(take_half, churn);
	expect_print(mode);
	return 0;
}
