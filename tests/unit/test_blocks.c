/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of outstanding blocks, against an array: address number i of a fixed pool has its block
 * in model[i], or none. Phases of growing and shrinking take the table through all its sizes.
 *
 * mremap is replaced by one that can be told to fail, as a machine without memory would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap/blocks.h"

static bool mremap_fails;

void *mremap(void *old, size_t old_sz, size_t new_sz, int flags, ...)
{
	if (mremap_fails) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return (void *)syscall(SYS_mremap, old, old_sz, new_sz, flags, NULL);
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_u64(void) /* xorshift64 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* ---- the model ---- */

#define POOL_CNT 200000

struct model {
	struct block blocks[POOL_CNT]; /* addr 0: none */
	size_t cnt;
};

/* Addresses in no hash's favour: small and large strides, the ends of the address space. */
static uint64_t pool_addr(size_t i)
{
	switch (i % 4) {
	case 0:
		return 0x5555555592a0 + i * 16;
	case 1:
		return 0x7f0000000000 + i * 4096;
	case 2:
		return UINT64_MAX - i;
	default:
		return i;
	}
}

static size_t pool_number(uint64_t addr)
{
	if (addr > UINT64_MAX - POOL_CNT)
		return UINT64_MAX - addr;
	if (addr >= 0x7f0000000000)
		return (addr - 0x7f0000000000) / 4096;
	if (addr >= 0x5555555592a0)
		return (addr - 0x5555555592a0) / 16;
	return addr;
}

static struct block random_block(size_t i)
{
	return (struct block){.addr = pool_addr(i),
		.size = random_u64(),
		.number = random_u64() & ((1ULL << 42) - 1),
		.tid = random_u64() & ((1U << 22) - 1),
		.site = random_u64(),
		.time = random_u64()};
}

static void both_put(struct blocks *blocks, struct model *model, size_t i)
{
	struct block block = random_block(i), old;
	int replaced = blocks__put(blocks, &block, &old);

	assert_int_equal(replaced, model->blocks[i].addr != 0);
	if (replaced)
		assert_memory_equal(&old, &model->blocks[i], sizeof(old));
	model->cnt += !replaced;
	model->blocks[i] = block;
}

static void both_take(struct blocks *blocks, struct model *model, size_t i)
{
	struct block *expected = &model->blocks[i], block;
	bool taken = blocks__take(blocks, pool_addr(i), &block);

	assert_int_equal(taken, expected->addr != 0);
	if (taken)
		assert_memory_equal(&block, expected, sizeof(block));
	model->cnt -= taken;
	*expected = (struct block){};
}

static void both_find(const struct blocks *blocks, const struct model *model, size_t i)
{
	const struct block *block = blocks__find(blocks, pool_addr(i));

	assert_int_equal(block != NULL, model->blocks[i].addr != 0);
	if (block)
		assert_memory_equal(block, &model->blocks[i], sizeof(*block));
}

static void assert_same(const struct blocks *blocks, const struct model *model)
{
	const struct block *block;
	size_t cursor = 0, cnt = 0;

	while ((block = blocks__next(blocks, &cursor))) {
		size_t i = pool_number(block->addr);

		assert_true(i < POOL_CNT);
		assert_memory_equal(block, &model->blocks[i], sizeof(*block));
		cnt++;
	}
	assert_int_equal(cnt, model->cnt);
	assert_int_equal(blocks->cnt, model->cnt);
	for (size_t i = 1; i < POOL_CNT; i++)
		both_find(blocks, model, i);
}

/* Operations that move the table towards `percent` of the pool being in it. */
static void mix(struct blocks *blocks, struct model *model, size_t op_cnt, unsigned int percent)
{
	for (size_t n = 0; n < op_cnt; n++) {
		size_t i = 1 + random_u64() % (POOL_CNT - 1);

		if (random_u64() % 100 < percent)
			both_put(blocks, model, i);
		else
			both_take(blocks, model, i);
		both_find(blocks, model, 1 + random_u64() % (POOL_CNT - 1));
	}
}

static void take_all(struct blocks *blocks, struct model *model)
{
	for (size_t i = 1; i < POOL_CNT; i++)
		both_take(blocks, model, i);
}

static struct model *new_model(void)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	return model;
}

/* ---- scenarios ---- */

static void random_operations_agree_with_an_array(void **state)
{
	static const unsigned int percents[] = {50, 2, 90, 100, 60, 10, 0, 30, 99, 1};
	struct model *model = new_model();
	struct blocks blocks;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		blocks__init(&blocks, seed * 0x2545f4914f6cdd1dULL);
		for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
			mix(&blocks, model, 50000, percents[i]);
			assert_same(&blocks, model);
		}
		take_all(&blocks, model);
		assert_same(&blocks, model);
		blocks__destroy(&blocks);
	}
	free(model);
}

/* Checked after each operation, so at every step of every resize. */
static void small_tables_agree_at_every_step(void **state)
{
	struct model *model = new_model();
	struct blocks blocks;

	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		size_t max = 1 + random_u64() % 40;

		blocks__init(&blocks, random_u64());
		for (size_t i = 1; i < max; i++)
			both_put(&blocks, model, i);
		for (size_t i = 1; i < max; i++)
			both_find(&blocks, model, i);
		for (size_t i = max - 1; i >= 1; i--) {
			both_take(&blocks, model, i);
			for (size_t j = 1; j < max; j++)
				both_find(&blocks, model, j);
		}
		blocks__destroy(&blocks);
	}
	free(model);
}

/* A multiplier of 1 leaves the order of addresses: hashes crowd, runs and tails are long. */
static void a_bad_seed_is_slow_but_right(void **state)
{
	struct model *model = new_model();
	struct blocks blocks;

	(void)state;
	blocks__init(&blocks, 1);
	for (size_t i = 3; i < 40000; i += 4)
		both_put(&blocks, model, i);
	assert_same(&blocks, model);
	for (size_t i = 3; i < 40000; i += 8)
		both_take(&blocks, model, i);
	assert_same(&blocks, model);
	take_all(&blocks, model);
	blocks__destroy(&blocks);
	free(model);
}

static uint64_t inverse(uint64_t odd) /* modulo 2^64, by Newton */
{
	uint64_t x = odd;

	for (int i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

/* The address that has this hash: hash.h backwards. */
static uint64_t addr_of_hash(uint64_t hash, uint64_t multiplier)
{
	uint64_t x = ~hash * inverse(0x9e3779b97f4a7c15ULL);

	x ^= x >> 32;
	return x * inverse(multiplier);
}

/* Somebody who knows the seed puts all blocks into the last slot, or the first. */
static void hashes_at_both_ends_fit(void **state)
{
	const uint64_t seed = 0xdeadbeefcafef00dULL;
	struct blocks blocks;
	struct block block, old;

	(void)state;
	for (int end = 0; end < 2; end++) {
		blocks__init(&blocks, seed);
		for (uint64_t i = 0; i < 5000; i++) {
			block = (struct block){.size = i,
				.addr = addr_of_hash(end ? UINT64_MAX - 1 - i : i, seed)};
			assert_int_equal(blocks__put(&blocks, &block, &old), 0);
		}
		assert_int_equal(blocks.cnt, 5000);
		assert_true(blocks.high_cap > 5000);
		for (uint64_t i = 0; i < 5000; i++) {
			uint64_t addr = addr_of_hash(end ? UINT64_MAX - 1 - i : i, seed);

			assert_true(blocks__take(&blocks, addr, &block));
			assert_int_equal(block.size, i);
		}
		assert_int_equal(blocks.cnt, 0);
		assert_true(blocks.high_cap < 1000);
		blocks__destroy(&blocks);
	}
}

static void a_copy_in_the_middle_of_a_resize_is_whole(void **state)
{
	struct model *model = new_model();
	struct blocks blocks, copy;
	bool resized = false;

	(void)state;
	blocks__init(&blocks, random_u64());
	for (size_t i = 1; i < POOL_CNT / 2; i++) {
		both_put(&blocks, model, i);
		if (blocks.low_cap == blocks.high_cap || blocks.low_cap < 50000 || resized)
			continue;
		resized = true;
		assert_int_equal(blocks__copy(&blocks, &copy), 0);
		assert_same(&copy, model);
		blocks__destroy(&copy);
	}
	assert_true(resized);
	take_all(&blocks, model);
	blocks__destroy(&blocks);
	free(model);
}

static void nothing_is_found_in_an_empty_table(void **state)
{
	struct blocks blocks, copy;
	struct block block;
	size_t cursor = 0;

	(void)state;
	blocks__init(&blocks, random_u64());
	assert_false(blocks__take(&blocks, 16, &block));
	assert_null(blocks__find(&blocks, 16));
	assert_null(blocks__next(&blocks, &cursor));
	blocks__prefetch(&blocks, 16);
	assert_int_equal(blocks__memory(&blocks), 0);
	assert_int_equal(blocks__copy(&blocks, &copy), 0);
	assert_int_equal(blocks__memory(&copy), 0);
	blocks__destroy(&copy);
	blocks__destroy(&blocks);
}

static void no_block_is_at_address_0(void **state)
{
	struct block block = {.addr = 16}, old;
	struct blocks blocks;

	(void)state;
	blocks__init(&blocks, random_u64());
	assert_int_equal(blocks__put(&blocks, &block, &old), 0);
	assert_null(blocks__find(&blocks, 0));
	assert_false(blocks__take(&blocks, 0, &old));
	blocks__destroy(&blocks);
}

/* The bound that a report promises: 40 bytes for a block, whatever their number. */
static void large_tables_take_40_bytes_a_block(void **state)
{
	struct blocks blocks;
	struct block old;

	(void)state;
	blocks__init(&blocks, random_u64());
	for (uint64_t i = 1; i <= 600000; i++) {
		struct block block = {.addr = i * 48};

		assert_int_equal(blocks__put(&blocks, &block, &old), 0);
		/* while it grows, the new slots' pages are not all there yet */
		if (i > 100000 && blocks.low_cap == blocks.high_cap)
			assert_true(blocks__memory(&blocks) <= i * 40);
	}
	blocks__destroy(&blocks);
}

static void freed_blocks_give_their_memory_back(void **state)
{
	struct model *model = new_model();
	struct blocks blocks;

	(void)state;
	blocks__init(&blocks, random_u64());
	for (size_t i = 1; i < POOL_CNT; i++)
		both_put(&blocks, model, i);
	assert_true(blocks__memory(&blocks) > POOL_CNT * sizeof(struct block));
	for (size_t i = 1; i < POOL_CNT - 100; i++)
		both_take(&blocks, model, i);
	assert_same(&blocks, model);
	assert_true(blocks__memory(&blocks) < 64 << 10);
	take_all(&blocks, model);
	blocks__destroy(&blocks);
	free(model);
}

static void a_table_without_memory_refuses_and_stays_whole(void **state)
{
	struct model *model = new_model();
	struct block block, old;
	struct blocks blocks;
	size_t i = 1;

	(void)state;
	blocks__init(&blocks, random_u64());
	for (; i < POOL_CNT / 4; i++)
		both_put(&blocks, model, i);
	mremap_fails = true;
	for (; i < POOL_CNT; i++) {
		block = random_block(i);
		if (blocks__put(&blocks, &block, &old))
			break;
		model->blocks[i] = block;
		model->cnt++;
	}
	assert_true(i < POOL_CNT);
	assert_int_equal(blocks__put(&blocks, &block, &old), -ENOMEM);
	assert_same(&blocks, model);
	mremap_fails = false;
	both_put(&blocks, model, i);
	take_all(&blocks, model);
	assert_same(&blocks, model);
	blocks__destroy(&blocks);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_in_an_empty_table),
		cmocka_unit_test(no_block_is_at_address_0),
		cmocka_unit_test(random_operations_agree_with_an_array),
		cmocka_unit_test(small_tables_agree_at_every_step),
		cmocka_unit_test(a_bad_seed_is_slow_but_right),
		cmocka_unit_test(hashes_at_both_ends_fit),
		cmocka_unit_test(a_copy_in_the_middle_of_a_resize_is_whole),
		cmocka_unit_test(large_tables_take_40_bytes_a_block),
		cmocka_unit_test(freed_blocks_give_their_memory_back),
		cmocka_unit_test(a_table_without_memory_refuses_and_stays_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
