/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The books in a long random run of events, against the plainest books that there could be: one
 * array slot for each address, every total added up anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "heap/heap.h"
#include "heap_blocks.h"

#define ADDR_CNT 30000
#define STACK_CNT 500
#define THREAD_CNT 40
#define EVENT_CNT 1500000
#define CHECK_EVERY 100000

struct plain_block {
	bool outstanding;
	uint64_t size, stack, number, time_ns;
	pid_t tid;
};

struct plain_pending {
	bool pending, known;
	unsigned int addr;
	struct plain_block block;
};

struct plain_site {
	uint64_t allocs, frees, bytes_allocated, marked;
};

struct plain { /* the books: address 16 * i is blocks[i] */
	struct plain_block blocks[ADDR_CNT];
	struct plain_pending pending[THREAD_CNT];
	struct plain_site sites[STACK_CNT];
	uint64_t allocs, frees, unmatched, nested, replaced, peak, bytes, time_ns;
	bool incomplete;
	struct process *process;
};

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static uint32_t random_below(uint32_t limit) /* xorshift64 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % limit;
}

static void plain_in(struct plain *plain, unsigned int addr, const struct plain_block *block)
{
	plain->blocks[addr] = *block;
	plain->bytes += block->size;
	plain->peak = plain->bytes > plain->peak ? plain->bytes : plain->peak;
}

static void plain_out(struct plain *plain, unsigned int addr)
{
	plain->bytes -= plain->blocks[addr].size;
	plain->blocks[addr].outstanding = false;
}

static void both_alloc(struct plain *plain, unsigned int addr, pid_t tid)
{
	struct plain_block block = {.outstanding = true,
		.size = random_below(5000),
		.stack = random_below(STACK_CNT),
		.number = ++plain->allocs,
		.time_ns = plain->time_ns += random_below(1 << 24),
		.tid = tid};

	assert_int_equal(process__alloc(plain->process, addr * 16ULL, block.size, block.stack,
				 block.time_ns, tid),
		0);
	if (plain->blocks[addr].outstanding) {
		plain_out(plain, addr);
		plain->replaced++;
		plain->incomplete = true;
	}
	plain->sites[block.stack].allocs++;
	plain->sites[block.stack].bytes_allocated += block.size;
	plain_in(plain, addr, &block);
}

static void both_release(struct plain *plain, unsigned int addr, bool nested_hint)
{
	process__release(plain->process, addr * 16ULL, nested_hint, 1);
	if (plain->blocks[addr].outstanding) {
		plain_out(plain, addr);
		plain->sites[plain->blocks[addr].stack].frees++;
		plain->frees++;
	} else if (nested_hint) {
		plain->nested++;
	} else {
		plain->unmatched++;
	}
}

static void both_realloc_begin(struct plain *plain, unsigned int addr, unsigned int thread)
{
	struct plain_pending *pending = &plain->pending[thread];

	process__realloc_begin(plain->process, addr * 16ULL, thread);
	plain->incomplete |= pending->pending;
	*pending = (struct plain_pending){.pending = true,
		.known = plain->blocks[addr].outstanding,
		.addr = addr,
		.block = plain->blocks[addr]};
	if (!pending->known) {
		plain->unmatched++;
		return;
	}
	plain_out(plain, addr);
	plain->sites[pending->block.stack].frees++;
	plain->frees++;
}

static void both_realloc_failed(struct plain *plain, unsigned int thread)
{
	struct plain_pending *pending = &plain->pending[thread];

	process__realloc_failed(plain->process, thread);
	if (pending->pending && !pending->known) {
		plain->unmatched--;
	} else if (pending->pending && plain->blocks[pending->addr].outstanding) {
		plain->incomplete = true;
	} else if (pending->pending) {
		plain_in(plain, pending->addr, &pending->block);
		plain->sites[pending->block.stack].frees--;
		plain->frees--;
	}
	pending->pending = false;
}

static void both_realloc_end(struct plain *plain, unsigned int addr, unsigned int thread)
{
	if (random_below(3) == 0) {
		both_realloc_failed(plain, thread);
		return;
	}
	process__realloc_done(plain->process, thread);
	plain->pending[thread].pending = false;
	both_alloc(plain, addr, thread);
}

static unsigned int free_addr(const struct plain *plain)
{
	for (int tries = 0; tries < 20; tries++) {
		unsigned int addr = 1 + random_below(ADDR_CNT - 1);

		if (!plain->blocks[addr].outstanding)
			return addr;
	}
	return 1;
}

static void both_do_something(struct plain *plain, unsigned int alloc_percent)
{
	unsigned int addr = 1 + random_below(ADDR_CNT - 1), thread = random_below(THREAD_CNT);

	if (random_below(2000) == 0)
		both_alloc(plain, addr, thread); /* some of them over another block */
	else if (random_below(100) < alloc_percent)
		both_alloc(plain, free_addr(plain), thread);
	else if (random_below(4))
		both_release(plain, addr, random_below(5) == 0);
	else if (!plain->pending[thread].pending || random_below(1000) == 0)
		both_realloc_begin(plain, addr, thread);
	else
		both_realloc_end(plain, free_addr(plain), thread);
}

struct seen {
	const struct plain *plain;
	uint64_t base_ns, blocks;
};

static int check_block(const struct heap_block *block, void *arg)
{
	struct seen *seen = arg;
	const struct plain_block *expected = &seen->plain->blocks[block->addr / 16];

	assert_true(expected->outstanding);
	assert_int_equal(block->size, expected->size);
	assert_int_equal(block->number, expected->number);
	assert_int_equal(block->tid, expected->tid);
	assert_int_equal(block->time_ns,
		expected->time_ns - (expected->time_ns - seen->base_ns) % TIME_UNIT);
	seen->blocks++;
	return 0;
}

static void check_site(
	const struct plain *plain, const struct snapshot_site *site, bool check_frees)
{
	const struct plain_site *expected = &plain->sites[site->stack->hash];
	uint64_t bytes = 0, blocks = 0;

	for (unsigned int i = 0; i < ADDR_CNT; i++) {
		const struct plain_block *block = &plain->blocks[i];

		if (block->outstanding && block->stack == site->stack->hash) {
			bytes += block->size;
			blocks++;
		}
	}
	assert_int_equal(site->outstanding_bytes, bytes);
	assert_int_equal(site->outstanding_blocks, blocks);
	if (!check_frees)
		return;
	assert_int_equal(site->allocs, expected->allocs);
	assert_int_equal(site->frees, expected->frees);
	assert_int_equal(site->bytes_allocated, expected->bytes_allocated);
}

static uint64_t check_blocks_and_sites(
	const struct plain *plain, struct process *process, uint64_t base_ns, bool check_frees)
{
	struct seen seen = {.plain = plain, .base_ns = base_ns};
	struct snapshot snapshot;

	assert_int_equal(process__each_block(process, check_block, &seen), 0);
	assert_int_equal(process__snapshot(process, plain->time_ns, 0, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++)
		check_site(plain, &snapshot.sites[i], check_frees);
	snapshot__destroy(&snapshot);
	assert_outstanding(process, seen.blocks, plain->bytes);
	return seen.blocks;
}

static void check_books(const struct plain *plain, uint64_t base_ns)
{
	const struct heap_totals *totals = process__totals(plain->process);
	const struct heap_anomalies *anomalies = process__anomalies(plain->process);
	uint64_t blocks = 0;

	for (unsigned int i = 0; i < ADDR_CNT; i++)
		blocks += plain->blocks[i].outstanding;
	assert_int_equal(check_blocks_and_sites(plain, plain->process, base_ns, true), blocks);
	assert_int_equal(totals->allocs, plain->allocs);
	assert_int_equal(totals->frees, plain->frees);
	assert_int_equal(totals->peak_outstanding_bytes, plain->peak);
	assert_int_equal(anomalies->unmatched_frees, plain->unmatched);
	assert_int_equal(anomalies->nested_frees, plain->nested);
	assert_int_equal(anomalies->replaced_blocks, plain->replaced);
	assert_int_equal(anomalies->unknown_stacks, plain->allocs);
	assert_int_equal(process__info(plain->process)->incomplete, plain->incomplete);
}

/* Then it is not said which of the two a fork puts back. */
static bool two_claim_one_address(const struct plain *plain)
{
	for (unsigned int i = 0; i < THREAD_CNT; i++) {
		for (unsigned int j = 0; j < i; j++) {
			if (plain->pending[i].pending && plain->pending[j].pending &&
				plain->pending[i].addr == plain->pending[j].addr)
				return true;
		}
	}
	return false;
}

/* With what the reallocs hold put back, if they can be. */
static void check_fork(struct fixture *f, const struct plain *plain, uint64_t base_ns)
{
	struct plain *copy = malloc(sizeof(*copy));
	struct process *child = fork_of(f, 200);

	*copy = *plain;
	copy->process = NULL;
	for (unsigned int i = 0; i < THREAD_CNT; i++) {
		struct plain_pending *pending = &copy->pending[i];

		if (pending->pending && pending->known && !copy->blocks[pending->addr].outstanding)
			plain_in(copy, pending->addr, &pending->block);
	}
	check_blocks_and_sites(copy, child, base_ns, false);
	assert_int_equal(process__totals(child)->bytes_allocated, copy->bytes);
	heap__forget(f->heap, child);
	free(copy);
}

static void random_events_agree_with_the_plainest_books(void **state)
{
	static const unsigned int alloc_percents[] = {80, 50, 20, 5, 95};
	struct fixture *f = *state;
	struct plain *plain = calloc(1, sizeof(*plain));
	uint64_t base_ns;

	assert_non_null(plain);
	plain->process = f->process;
	plain->time_ns = SEC;
	both_alloc(plain, 1, 1);
	base_ns = plain->time_ns;
	for (unsigned int i = 0; i < EVENT_CNT; i++) {
		unsigned int phase = i / (CHECK_EVERY / 2) % 5;

		both_do_something(plain, alloc_percents[phase]);
		if (i % CHECK_EVERY)
			continue;
		check_books(plain, base_ns);
		if (!two_claim_one_address(plain))
			check_fork(f, plain, base_ns);
	}
	free(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(random_events_agree_with_the_plainest_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
