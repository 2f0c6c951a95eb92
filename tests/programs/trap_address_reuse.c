/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * While one thread is still inside free or realloc, another thread is given the same address. Books
 * that take a block out when free or realloc *returns* erase the other thread's new block.
 *
 *   thread A: free(p) … the address is free, not yet returned …………………… returns
 *   thread B:                         malloc() = p
 *
 * alloc_ours.c stops thread A at that moment, so this happens each time.
 */
#include <pthread.h>
#include "alloc_ours.h"
#include "expect.h"

enum { BLOCK_SZ = 1501, GROWN_SZ = 4001 };

struct meeting {
	pthread_barrier_t freed, reused;
	void *address; /* what thread A gave back */
};

/* In thread A, inside free or realloc. */
static void let_other_allocate(void *arg)
{
	struct meeting *meeting = arg;

	pthread_barrier_wait(&meeting->freed);
	pthread_barrier_wait(&meeting->reused);
}

static NOINLINE void leak_in_other_thread(struct meeting *meeting)
{
	void *p = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);

	require(p == meeting->address, "the address was not reused");
}

static void *other_thread(void *arg)
{
	struct meeting *meeting = arg;

	for (unsigned int i = 0; i < 2; i++) {
		pthread_barrier_wait(&meeting->freed);
		leak_in_other_thread(meeting);
		pthread_barrier_wait(&meeting->reused);
	}
	return NULL;
}

static NOINLINE void free_while_reused(struct meeting *meeting)
{
	meeting->address = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);
	alloc_ours_next(ALLOC_OURS_FREED, let_other_allocate, meeting);
	tally_free(BLOCK_SZ);
	free(meeting->address);
}

static NOINLINE void realloc_while_reused(struct meeting *meeting)
{
	void *p = tally_alloc(malloc(BLOCK_SZ), BLOCK_SZ);

	meeting->address = p;
	alloc_ours_next(ALLOC_OURS_REALLOC_MOVED, let_other_allocate, meeting);
	tally_free(BLOCK_SZ);
	tally_alloc(realloc(p, GROWN_SZ), GROWN_SZ);
}

int main(void)
{
	struct meeting meeting;
	pthread_t thread;

	pthread_barrier_init(&meeting.freed, NULL, 2);
	pthread_barrier_init(&meeting.reused, NULL, 2);
	require(pthread_create(&thread, NULL, other_thread, &meeting) == 0, "no thread");
	free_while_reused(&meeting);
	realloc_while_reused(&meeting);
	pthread_join(thread, NULL);
	expect_print("trap_address_reuse");
	return 0;
}
