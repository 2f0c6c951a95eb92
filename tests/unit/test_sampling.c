/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sampling: the kernel side's arithmetic against libm, the weights, and both together against
 * totals that are known. Which blocks are sampled follows from a fixed seed, and is the same each
 * time; only how the books round weights is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#include "heap/heap.h"
#include "heap/sampling.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define STANDARD_ERRORS 4 /* of a normal distribution, once in 16,000 */

static __u64 random_state;

/* xorshift64*, Vigna 2016: another generator than the books' own */
static __u64 random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

#include "../../bpf/poisson.h"

static int seed(void **state)
{
	random_state = 88172645463325252ULL;
	return 0;
}

static void assert_near(double found, double expected, double standard_error)
{
	if (fabs(found - expected) > STANDARD_ERRORS * standard_error)
		fail_msg("%g, expected %g, standard error %g", found, expected, standard_error);
}

/* ---- distances ---- */

static void a_distance_is_scaled_exactly(void **state)
{
	const uint32_t means[] = {1, 2, 3, 1000, 524288, 1 << 30, UINT32_MAX};

	for (size_t i = 0; i < LENGTH(means) * 1000; i++) {
		uint32_t mean = means[i % LENGTH(means)];
		uint64_t fraction = i < LENGTH(means) ? UINT64_MAX : random_u64();
		uint64_t below = ((unsigned __int128)mean * fraction) >> 64;

		assert_int_equal(poisson_scale(mean, 0, fraction), below + 1);
		assert_int_equal(poisson_scale(mean, 40, fraction), 40ULL * mean + below + 1);
	}
}

/* How many of the draws are at most n, about these quantiles, against libm's 1 - e^(-n/mean). */
static void distances_are_exponentially_distributed(void **state)
{
	const uint32_t means[] = {1, 7, 4096, 512 << 10, 1 << 30};
	const double quantiles[] = {1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999};
	enum { DRAWS = 400000 };

	for (size_t i = 0; i < LENGTH(means); i++) {
		uint64_t limits[LENGTH(quantiles)], counts[LENGTH(quantiles)] = {0};

		for (size_t q = 0; q < LENGTH(quantiles); q++)
			limits[q] = ceil(-log1p(-quantiles[q]) * means[i]);
		for (int draw = 0; draw < DRAWS; draw++) {
			uint64_t distance = poisson_distance(means[i]);

			assert_true(distance > 0);
			for (size_t q = 0; q < LENGTH(quantiles); q++)
				counts[q] += distance <= limits[q];
		}
		for (size_t q = 0; q < LENGTH(quantiles); q++) {
			double p = -expm1(-(double)limits[q] / means[i]);

			assert_near(counts[q], DRAWS * p, sqrt(DRAWS * p * (1 - p)));
		}
	}
}

/* Blocks of one size, one after the other on one line: the fraction that is hit. */
static void a_block_is_hit_by_its_size(void **state)
{
	const struct {
		uint32_t mean;
		uint64_t size;
	} cases[] = {{4096, 1}, {4096, 0}, {4096, 16}, {4096, 4096}, {4096, 10000}, {1, 1}, {1, 3},
		{524288, 100}, {524288, 1 << 20}};
	enum { BLOCKS = 1000000 };

	for (size_t i = 0; i < LENGTH(cases); i++) {
		double p = sampling__probability(cases[i].mean, cases[i].size);
		__u64 distance = poisson_distance(cases[i].mean), hits = 0;

		for (int block = 0; block < BLOCKS; block++) {
			if (poisson_passes(&distance, cases[i].size))
				continue;
			distance = poisson_distance(cases[i].mean);
			hits++;
		}
		assert_near(hits, BLOCKS * p, sqrt(BLOCKS * p * (1 - p)));
	}
}

static void the_largest_sizes_are_always_hit(void **state)
{
	for (int i = 0; i < 1000; i++) {
		__u64 distance = poisson_distance(1 << 30);

		assert_false(poisson_passes(&distance, UINT64_MAX));
	}
}

/* ---- weights ---- */

static void without_sampling_a_block_is_one(void **state)
{
	assert_int_equal(sampling__weight(0, 0, 0), 1);
	assert_int_equal(sampling__weight(0, 12345, UINT64_MAX), 1);
}

static void a_weight_is_the_inverse_probability_on_the_average(void **state)
{
	const uint64_t sizes[] = {0, 1, 16, 100, 4096, 40960, 1 << 20, 3 << 20};
	enum { CHANCES = 100000 };

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		double inverse = 1 / sampling__probability(512 << 10, sizes[i]);
		double fraction = inverse - floor(inverse), sum = 0;

		for (int n = 0; n < CHANCES; n++) {
			uint64_t weight = sampling__weight(512 << 10, sizes[i], random_u64());

			assert_true(weight == floor(inverse) || weight == floor(inverse) + 1);
			sum += weight;
		}
		assert_near(sum / CHANCES, inverse, sqrt(fraction * (1 - fraction) / CHANCES));
	}
}

static void a_block_far_larger_than_the_mean_is_one(void **state)
{
	assert_int_equal(sampling__weight(4096, 1 << 30, 0), 1);
	assert_int_equal(sampling__weight(4096, UINT64_MAX, 0), 1);
	assert_int_equal(sampling__weight(1, UINT64_MAX, UINT64_MAX), 1);
}

static void the_smallest_block_of_the_largest_mean_is_a_billion(void **state)
{
	assert_in_range(sampling__weight(1 << 30, 1, 0), 1 << 30, (1 << 30) + 1);
	assert_int_equal(sampling__weight(1 << 30, 0, 5), sampling__weight(1 << 30, 1, 5));
}

/* ---- the books ---- */

#define TID 100
#define MEAN 4096

static struct process *begin(struct heap **ret_heap, uint64_t mean)
{
	struct heap *heap = heap__new();

	assert_non_null(heap);
	heap__set_sampling(heap, mean);
	*ret_heap = heap;
	return heap__begin(heap, TID, 1);
}

/* What a thread would do: a size mixture, of which the sampled ones reach the books. */
struct load {
	__u64 distance;
	uint64_t addr;
	uint64_t blocks, bytes; /* the truth */
};

static void load_alloc(struct load *load, struct process *process, uint64_t size)
{
	load->addr += 64;
	load->blocks++;
	load->bytes += size;
	if (poisson_passes(&load->distance, size))
		return;
	load->distance = poisson_distance(MEAN);
	assert_int_equal(process__alloc(process, load->addr, size, size, 1, TID), 0);
}

enum { FEW = 900, MANY = 30000 };

static void load_run(struct load *load, struct process *process, int block_cnt)
{
	const uint64_t sizes[] = {24, 100, 100, 1000, 3000, 6000, 24, 24, 50000};

	load->distance = poisson_distance(MEAN);
	for (int i = 0; i < block_cnt; i++)
		load_alloc(load, process, sizes[i % LENGTH(sizes)]);
}

static void free_all(struct load *load, struct process *process)
{
	for (uint64_t addr = load->addr; addr; addr -= 64)
		process__release(process, addr, false, TID);
}

struct sums {
	double blocks, blocks_variance, bytes, bytes_variance;
	int blocks_covered, bytes_covered;
};

static void sums__add(struct sums *sums, const struct load *load, struct process *process)
{
	const struct heap_totals *totals = process__totals(process);
	struct snapshot snapshot;
	double blocks = (double)totals->outstanding_blocks - load->blocks;
	double bytes = (double)totals->outstanding_bytes - load->bytes;

	assert_int_equal(process__snapshot(process, 1, 0, &snapshot), 0);
	sums->blocks += blocks;
	sums->bytes += bytes;
	sums->blocks_variance += snapshot.sampled.blocks_variance;
	sums->bytes_variance += snapshot.sampled.bytes_variance;
	sums->blocks_covered += fabs(blocks) <= 1.96 * sqrt(snapshot.sampled.blocks_variance);
	sums->bytes_covered += fabs(bytes) <= 1.96 * sqrt(snapshot.sampled.bytes_variance);
	snapshot__destroy(&snapshot);
}

/* The mean error is 0, by the standard error that the variances promise; and the intervals cover
 * the truth as often as they say, if some tens of blocks of each size are sampled. */
static void estimates_are_unbiased_and_their_errors_true(void **state)
{
	enum { RUNS = 400 };
	struct sums sums = {0};

	for (int run = 0; run < RUNS; run++) {
		struct load load = {0};
		struct heap *heap;
		struct process *process = begin(&heap, MEAN);

		load_run(&load, process, MANY);
		sums__add(&sums, &load, process);
		heap__free(heap);
	}
	assert_near(sums.blocks / RUNS, 0, sqrt(sums.blocks_variance / RUNS / RUNS));
	assert_near(sums.bytes / RUNS, 0, sqrt(sums.bytes_variance / RUNS / RUNS));
	assert_near(sums.bytes_covered, 0.95 * RUNS, sqrt(RUNS * 0.95 * 0.05));
	assert_near(sums.blocks_covered, 0.95 * RUNS, sqrt(RUNS * 0.95 * 0.05));
}

static void assert_empty(struct process *process)
{
	const struct heap_totals *totals = process__totals(process);
	struct snapshot snapshot;

	assert_int_equal(totals->outstanding_blocks, 0);
	assert_int_equal(totals->outstanding_bytes, 0);
	assert_int_equal(totals->allocs, totals->frees);
	assert_int_equal(process__snapshot(process, 1, 0, &snapshot), 0);
	assert_int_equal(snapshot.sampled.blocks, 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		assert_int_equal(snapshot.sites[i].outstanding_blocks, 0);
		assert_int_equal(snapshot.sites[i].outstanding_bytes, 0);
		assert_int_equal(snapshot.sites[i].allocs, snapshot.sites[i].frees);
	}
	snapshot__destroy(&snapshot);
}

static void what_is_freed_leaves_exactly_nothing(void **state)
{
	for (int run = 0; run < 50; run++) {
		struct load load = {0};
		struct heap *heap;
		struct process *process = begin(&heap, MEAN);

		load_run(&load, process, FEW);
		assert_true(process__totals(process)->outstanding_blocks);
		free_all(&load, process);
		assert_empty(process);
		assert_true(fabs(process__sampled(process)->frees_variance -
				    process__sampled(process)->allocs_variance) < 1);
		heap__free(heap);
	}
}

static void the_sums_of_sites_are_the_totals(void **state)
{
	struct load load = {0};
	struct heap *heap;
	struct process *process = begin(&heap, MEAN);
	const struct heap_totals *totals = process__totals(process);
	uint64_t allocs = 0, blocks = 0, bytes = 0;
	struct snapshot snapshot;

	load_run(&load, process, FEW);
	assert_int_equal(process__snapshot(process, 1, 0, &snapshot), 0);
	for (size_t i = 0; i < snapshot.site_cnt; i++) {
		allocs += snapshot.sites[i].allocs;
		blocks += snapshot.sites[i].outstanding_blocks;
		bytes += snapshot.sites[i].outstanding_bytes;
	}
	assert_int_equal(allocs, totals->allocs);
	assert_int_equal(blocks, totals->outstanding_blocks);
	assert_int_equal(bytes, totals->outstanding_bytes);
	assert_int_equal(bytes, totals->peak_outstanding_bytes);
	snapshot__destroy(&snapshot);
	heap__free(heap);
}

static void a_forked_child_frees_what_it_inherited(void **state)
{
	struct load load = {0};
	struct heap *heap;
	struct process *parent = begin(&heap, MEAN), *child;
	struct heap_totals before;

	load_run(&load, parent, FEW);
	before = *process__totals(parent);
	child = heap__fork(heap, parent, TID + 1, 2);
	assert_non_null(child);
	assert_int_equal(process__totals(child)->allocs, before.outstanding_blocks);
	assert_true(fabs(process__sampled(child)->allocs_variance /
				    process__sampled(parent)->allocs_variance -
			    1) < 1e-9);
	free_all(&load, child);
	assert_empty(child);
	assert_memory_equal(process__totals(parent), &before, sizeof(before));
	heap__free(heap);
}

static void frees_of_blocks_that_were_not_sampled_are_no_anomaly(void **state)
{
	const struct heap_anomalies none = {0};
	struct heap *heap;
	struct process *process = begin(&heap, MEAN);

	process__release(process, 0x1000, false, TID);
	process__release(process, 0x1000, true, TID);
	process__realloc_begin(process, 0x1000, TID);
	process__realloc_failed(process, TID);
	process__realloc_begin(process, 0x1000, TID + 1);
	process__realloc_done(process, TID + 1);
	process__thread_exit(process, TID);
	process__exit(process, 0, 1);
	assert_memory_equal(process__anomalies(process), &none, sizeof(none));
	assert_false(process__info(process)->incomplete);
	heap__free(heap);
}

static void a_realloc_that_fails_changes_nothing(void **state)
{
	struct heap *heap;
	struct process *process = begin(&heap, MEAN);
	struct heap_totals before;
	struct heap_sampled sampled;

	assert_int_equal(process__alloc(process, 0x1000, 100, 1, 1, TID), 0);
	before = *process__totals(process);
	sampled = *process__sampled(process);
	process__realloc_begin(process, 0x1000, TID);
	assert_int_equal(process__totals(process)->outstanding_blocks, 0);
	process__realloc_failed(process, TID);
	assert_memory_equal(process__totals(process), &before, sizeof(before));
	assert_memory_equal(process__sampled(process), &sampled, sizeof(sampled));
	heap__free(heap);
}

static void lost_stacks_are_counted_as_their_blocks_are(void **state)
{
	const struct heap_frame frame = {.address = 1, .file = 1};
	struct heap *heap;
	struct process *process = begin(&heap, MEAN);

	assert_int_equal(process__alloc(process, 0x1000, 100, 1, 1, TID), 0);
	assert_int_equal(
		process__anomalies(process)->unknown_stacks, process__totals(process)->allocs);
	assert_true(process__totals(process)->allocs >= 41); /* 4096 / 100 */
	assert_int_equal(heap__add_stack(heap, process, 1, &frame, 1, 0), 0);
	assert_int_equal(process__anomalies(process)->unknown_stacks, 0);
	heap__free(heap);
}

static void only_old_blocks_count_with_a_least_age(void **state)
{
	struct heap *heap;
	struct process *process = begin(&heap, MEAN);
	struct snapshot snapshot;

	assert_int_equal(process__alloc(process, 0x1000, 100, 1, 1, TID), 0);
	assert_int_equal(process__alloc(process, 0x2000, 100, 1, 9000000000, TID), 0);
	assert_int_equal(process__snapshot(process, 10000000000, 5000000000, &snapshot), 0);
	assert_int_equal(snapshot.site_cnt, 1);
	assert_int_equal(snapshot.sites[0].sampled.blocks, 1);
	assert_in_range(snapshot.sites[0].outstanding_blocks, 41, 42);
	assert_int_equal(snapshot.sampled.blocks, 2);
	assert_true(snapshot.sampled.bytes_variance > snapshot.sites[0].sampled.bytes_variance);
	snapshot__destroy(&snapshot);
	heap__free(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_distance_is_scaled_exactly, seed),
		cmocka_unit_test_setup(distances_are_exponentially_distributed, seed),
		cmocka_unit_test_setup(a_block_is_hit_by_its_size, seed),
		cmocka_unit_test_setup(the_largest_sizes_are_always_hit, seed),
		cmocka_unit_test_setup(without_sampling_a_block_is_one, seed),
		cmocka_unit_test_setup(a_weight_is_the_inverse_probability_on_the_average, seed),
		cmocka_unit_test_setup(a_block_far_larger_than_the_mean_is_one, seed),
		cmocka_unit_test_setup(the_smallest_block_of_the_largest_mean_is_a_billion, seed),
		cmocka_unit_test_setup(estimates_are_unbiased_and_their_errors_true, seed),
		cmocka_unit_test_setup(what_is_freed_leaves_exactly_nothing, seed),
		cmocka_unit_test_setup(the_sums_of_sites_are_the_totals, seed),
		cmocka_unit_test_setup(a_forked_child_frees_what_it_inherited, seed),
		cmocka_unit_test_setup(frees_of_blocks_that_were_not_sampled_are_no_anomaly, seed),
		cmocka_unit_test_setup(a_realloc_that_fails_changes_nothing, seed),
		cmocka_unit_test_setup(lost_stacks_are_counted_as_their_blocks_are, seed),
		cmocka_unit_test_setup(only_old_blocks_count_with_a_least_age, seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
