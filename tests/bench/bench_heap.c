/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the books cost: time for an event at working sets from a thousand to ten million blocks,
 * memory for a block, and the longest single event while the table grows.
 *
 * The events are recorded before the clock starts. In the steady part each free is of a random
 * block and each allocation takes an address that was freed before, so no cache helps: real
 * programs are kinder. 1,000 stacks; a stack is chosen at random too.
 *
 * usage: bench_heap [LARGEST_WORKING_SET]; prints "name<TAB>value<TAB>unit"
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap.h"

#define STACK_CNT 1000
#define STEADY_EVENTS 4000000
#define PREFETCH_DISTANCE 8

struct event {
	uint64_t addr;
	uint64_t size;
	uint64_t stack; /* 0: a free */
};

struct stream {
	struct event *events;
	size_t event_cnt;
	size_t fill_cnt; /* the first ones, which build the working set */
};

static uint64_t random_state = 0x853c49e6748fea9bULL;

static uint64_t random_u64(void) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static size_t rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	if (!file || fscanf(file, "%*u %zu", &pages) != 1)
		exit(1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static void *must_alloc(size_t sz)
{
	void *memory = malloc(sz);

	if (!memory)
		exit(1);
	return memory;
}

static struct event alloc_of(uint64_t addr)
{
	uint64_t random = random_u64();

	return (struct event){
		.addr = addr, .size = random % 512, .stack = 1 + (random >> 32) % STACK_CNT};
}

/* live[0..block_cnt) are in use, and one address more is free. */
static void stream__record(struct stream *stream, size_t block_cnt, size_t steady_cnt)
{
	uint64_t *live = must_alloc((block_cnt + 1) * sizeof(*live));
	size_t n = 0;

	stream->events = must_alloc((block_cnt + steady_cnt) * sizeof(*stream->events));
	for (size_t i = 0; i <= block_cnt; i++)
		live[i] = 0x555555559010 + i * 16 + (random_u64() % 8 ? 0 : (i << 12));
	for (size_t i = 0; i < block_cnt; i++)
		stream->events[n++] = alloc_of(live[i]);
	for (size_t i = 0; i < steady_cnt / 2; i++) {
		size_t victim = random_u64() % block_cnt;
		uint64_t freed = live[victim];

		stream->events[n++] = (struct event){.addr = freed};
		live[victim] = live[block_cnt];
		live[block_cnt] = freed;
		stream->events[n++] = alloc_of(live[victim]);
	}
	stream->fill_cnt = block_cnt;
	stream->event_cnt = n;
	free(live);
}

static void play_one(struct process *process, const struct event *event, uint64_t n)
{
	if (!event->stack)
		process__release(process, event->addr, false, 1);
	else if (process__alloc(process, event->addr, event->size,
			 event->stack * 0x9e3779b97f4a7c15ULL, n * 300, 1))
		exit(1);
}

static uint64_t play(struct process *process, const struct stream *stream, size_t first,
	size_t last, size_t prefetch_distance)
{
	uint64_t start = now_ns();

	for (size_t i = first; i < last; i++) {
		if (prefetch_distance && i + prefetch_distance < last)
			process__prefetch(process, stream->events[i + prefetch_distance].addr);
		play_one(process, &stream->events[i], i);
	}
	return now_ns() - start;
}

static double mega_per_second(size_t cnt, uint64_t ns)
{
	return cnt * 1e3 / ns;
}

static void tell(size_t block_cnt, const char *what, double value, const char *unit)
{
	printf("books, %zu blocks, %s\t%.3f\t%s\n", block_cnt, what, value, unit);
}

static void bench_speed(size_t block_cnt)
{
	struct heap *heap = heap__new();
	struct process *process = heap__begin(heap, 1, 1);
	struct stream stream;
	size_t third;
	uint64_t fill_ns, plain_ns, prefetch_ns, rss;

	stream__record(&stream, block_cnt, 2 * STEADY_EVENTS);
	third = stream.fill_cnt + STEADY_EVENTS;
	rss = rss_bytes();
	fill_ns = play(process, &stream, 0, stream.fill_cnt, 0);
	rss = rss_bytes() - rss;
	plain_ns = play(process, &stream, stream.fill_cnt, third, 0);
	prefetch_ns = play(process, &stream, third, stream.event_cnt, PREFETCH_DISTANCE);
	tell(block_cnt, "growing", mega_per_second(stream.fill_cnt, fill_ns), "M events/s");
	tell(block_cnt, "steady", mega_per_second(STEADY_EVENTS, plain_ns), "M events/s");
	tell(block_cnt, "steady, prefetched", mega_per_second(STEADY_EVENTS, prefetch_ns),
		"M events/s");
	tell(block_cnt, "memory", (double)process__memory(process) / block_cnt, "B/block");
	tell(block_cnt, "resident", (double)rss / block_cnt, "B/block");
	free(stream.events);
	heap__free(heap);
}

/* The clock is read for each event, so this is another run. */
static void bench_growth(size_t block_cnt)
{
	struct heap *heap = heap__new();
	struct process *process = heap__begin(heap, 1, 1);
	double worst_bytes = 0;
	uint64_t worst = 0, before = now_ns();
	size_t rss = rss_bytes();

	for (size_t i = 0; i < block_cnt; i++) {
		struct event event = alloc_of(0x7f0000000010 + i * 48);
		uint64_t after;

		before = now_ns();
		play_one(process, &event, i);
		after = now_ns();
		worst = after - before > worst ? after - before : worst;
		if (i > block_cnt / 2 && i % 16384 == 0) {
			double bytes = (double)(rss_bytes() - rss) / i;

			worst_bytes = bytes > worst_bytes ? bytes : worst_bytes;
		}
	}
	tell(block_cnt, "growing, longest event", worst / 1e6, "ms");
	tell(block_cnt, "growing, most resident from half of them on", worst_bytes, "B/block");
	heap__free(heap);
}

static void bench_processes(size_t process_cnt)
{
	struct heap *heap = heap__new();
	size_t rss = rss_bytes();
	uint64_t start = now_ns(), begin_ns, find_ns, found = 0;

	for (size_t i = 0; i < process_cnt; i++)
		heap__begin(heap, i + 1, i * 7);
	begin_ns = now_ns() - start;
	rss = rss_bytes() - rss;
	start = now_ns();
	for (size_t i = 0; i < STEADY_EVENTS; i++) {
		size_t n = random_u64() % process_cnt;

		found += heap__find(heap, n + 1, n * 7) != NULL;
	}
	find_ns = now_ns() - start;
	if (found != STEADY_EVENTS)
		exit(1);
	printf("books, %zu processes, to begin one\t%.0f\tns\n", process_cnt,
		(double)begin_ns / process_cnt);
	printf("books, %zu processes, to find one\t%.0f\tns\n", process_cnt,
		(double)find_ns / STEADY_EVENTS);
	printf("books, %zu processes, resident\t%.0f\tB/process\n", process_cnt,
		(double)rss / process_cnt);
	heap__free(heap);
}

int main(int argc, char **argv)
{
	size_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;

	for (size_t block_cnt = 1000; block_cnt <= largest; block_cnt *= 10) {
		if (block_cnt != 10000)
			bench_speed(block_cnt);
	}
	bench_growth(largest);
	bench_processes(50000);
	return 0;
}
