// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How fast the collector takes a stream of records, from bytes to books: lookahead, decode,
 * process, blocks, totals by stack. The stream is made beforehand, as the ring would give it: half
 * allocations, half frees of random outstanding blocks, 1,000 stacks. The time is the processor's,
 * as others may run. Prints "name<TAB>value<TAB>unit".
 *
 * bench_ingest [LARGEST_WORKING_SET]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "collect/lookahead.h"

#define STREAM_RECORDS (4 * 1000 * 1000)
#define STACKS 1000
#define TGID 4711
#define IMAGE 7

union record {
	struct alloc_event alloc;
	struct free_event free;
};

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void) /* xorshift64, Marsaglia 2003 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static uint64_t new_address(void)
{
	static uint64_t cnt;

	return 0x7f0000000000 + ((++cnt * 0x9e3779b97f4a7c15ull) >> 24 << 4);
}

static void make_alloc(union record *record, uint64_t addr)
{
	record->alloc = (struct alloc_event){
		.event = {.kind = EVENT_ALLOC, .tgid = TGID, .tid = TGID, .image = IMAGE},
		.time_ns = 1000000000,
		.addr = addr,
		.size = 16 + next_random() % 512,
		.stack = 1 + next_random() % STACKS,
	};
}

static void make_free(union record *record, uint64_t addr)
{
	record->free = (struct free_event){
		.event = {.kind = EVENT_FREE, .tgid = TGID, .tid = TGID, .image = IMAGE},
		.addr = addr,
	};
}

/* Frees a random one of the working set, and allocates another in its place. */
static void make_stream(union record *records, uint64_t *set, size_t set_cnt)
{
	for (size_t i = 0; i + 1 < STREAM_RECORDS; i += 2) {
		size_t at = next_random() % set_cnt;

		make_free(&records[i], set[at]);
		set[at] = new_address();
		make_alloc(&records[i + 1], set[at]);
	}
}

static void fill(struct ingest *ingest, uint64_t *set, size_t set_cnt)
{
	union record record;

	for (size_t i = 0; i < set_cnt; i++) {
		set[i] = new_address();
		make_alloc(&record, set[i]);
		ingest__record(ingest, &record, sizeof(record.alloc));
	}
}

static size_t record_sz(const union record *record)
{
	return record->alloc.event.kind == EVENT_ALLOC ? sizeof(record->alloc)
						       : sizeof(record->free);
}

static void measure(size_t set_cnt)
{
	struct ingest ingest = {
		.heap = heap__new(), .modules = modules__new(), .files = files__new()};
	struct lookahead ahead = {.ingest = &ingest};
	union record *records = calloc(STREAM_RECORDS, sizeof(*records));
	uint64_t *set = calloc(set_cnt, sizeof(*set));
	struct process *process;
	double began;

	fill(&ingest, set, set_cnt);
	make_stream(records, set, set_cnt);
	began = now_s();
	for (size_t i = 0; i < STREAM_RECORDS; i++)
		lookahead__record(&ahead, &records[i], record_sz(&records[i]));
	lookahead__flush(&ahead);
	printf("collector, recorded stream, %zu outstanding blocks\t%.3f\tM events/s\n", set_cnt,
		STREAM_RECORDS / (now_s() - began) / 1e6);
	process = heap__next(ingest.heap, NULL);
	if (process__totals(process)->outstanding_blocks != set_cnt ||
		process__anomalies(process)->unmatched_frees)
		exit(1);
	ingest__forget(&ingest, process);
	heap__free(ingest.heap);
	modules__free(ingest.modules);
	files__free(ingest.files);
	free(records);
	free(set);
}

int main(int argc, char **argv)
{
	size_t largest = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

	for (size_t set_cnt = 1000; set_cnt <= largest; set_cnt *= 10)
		measure(set_cnt);
	return 0;
}
