/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The books are the same with records that wait as with records that do not, whatever comes in
 * whatever order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "collect/lookahead.h"

#define TGID 4711
#define ROUNDS 20000
#define ADDRESSES 40 /* so few that nearly all records are about a block that others are about */

union record {
	struct event event;
	struct alloc_event alloc;
	struct free_event free;
	struct checked_free_event checked_free;
	struct alloc_failed_event alloc_failed;
};

struct books {
	struct ingest ingest;
	struct lookahead ahead;
};

static void open_books(struct books *books)
{
	*books = (struct books){.ingest.heap = heap__new()};
	books->ingest.modules = modules__new();
	books->ingest.files = files__new();
	books->ahead.ingest = &books->ingest;
}

static void close_books(struct books *books)
{
	struct process *process;

	while ((process = heap__next(books->ingest.heap, NULL)))
		ingest__forget(&books->ingest, process);
	heap__free(books->ingest.heap);
	modules__free(books->ingest.modules);
	files__free(books->ingest.files);
}

/* A stream of all kinds that are about blocks, of threads' ends and of broken records. Gives the
 * record's size. */
static size_t make_record(union record *record, unsigned int *seed)
{
	static const unsigned char kinds[] = {EVENT_ALLOC, EVENT_ALLOC, EVENT_ALLOC, EVENT_FREE,
		EVENT_FREE, EVENT_FREE, EVENT_FREE, EVENT_ALLOC_FAILED, EVENT_THREAD_EXIT};
	static const size_t sizes[] = {[EVENT_ALLOC] = sizeof(struct alloc_event),
		[EVENT_FREE] = sizeof(struct free_event),
		[EVENT_ALLOC_FAILED] = sizeof(struct alloc_failed_event),
		[EVENT_THREAD_EXIT] = sizeof(struct event)};
	uint64_t addr = 4096 + 16 * (rand_r(seed) % ADDRESSES);

	*record = (union record){.event = {.kind = kinds[rand_r(seed) % sizeof(kinds)],
					 .tgid = TGID + rand_r(seed) % 2,
					 .tid = TGID + rand_r(seed) % 3,
					 .image = 7}};
	if (record->event.kind == EVENT_ALLOC) {
		record->alloc.addr = addr;
		record->alloc.size = rand_r(seed) % 1000;
		record->alloc.stack = 1 + rand_r(seed) % 5;
	}
	if (record->event.kind == EVENT_FREE) {
		record->free.addr = addr;
		record->event.flags = rand_r(seed) % 8 ? 0 : EVENT_F_REALLOC;
	}
	return rand_r(seed) % 50 ? sizes[record->event.kind] : (size_t)rand_r(seed) % 24;
}

static void assert_same_books(const struct books *one, const struct books *other)
{
	struct process *process = NULL;
	int cnt = 0;

	while ((process = heap__next(one->ingest.heap, process))) {
		const struct process_info *info = process__info(process);
		struct process *twin = heap__find(other->ingest.heap, info->tgid, info->image);

		assert_non_null(twin);
		assert_memory_equal(process__totals(process), process__totals(twin),
			sizeof(struct heap_totals));
		assert_memory_equal(process__anomalies(process), process__anomalies(twin),
			sizeof(struct heap_anomalies));
		cnt++;
	}
	assert_int_equal(cnt, 2);
	assert_int_equal(one->ingest.received, other->ingest.received);
	assert_int_equal(one->ingest.malformed, other->ingest.malformed);
	assert_true(one->ingest.malformed > 0);
}

static void the_order_stays(void **state)
{
	struct books now, later;
	union record record;
	unsigned int seed = 1;

	open_books(&now);
	open_books(&later);
	for (int i = 0; i < ROUNDS; i++) {
		size_t sz = make_record(&record, &seed);

		ingest__record(&now.ingest, &record, sz);
		lookahead__record(&later.ahead, &record, sz);
		assert_true(now.ingest.received - later.ingest.received <= LOOKAHEAD_RECORDS);
		memset(&record, 0xa5, sizeof(record)); /* the event ring is overwritten */
	}
	lookahead__flush(&later.ahead);
	assert_same_books(&now, &later);
	close_books(&now);
	close_books(&later);
}

static void what_is_rare_does_not_wait(void **state)
{
	const struct event exit = {
		.kind = EVENT_THREAD_EXIT, .tgid = TGID, .tid = TGID, .image = 7};
	const struct alloc_event alloc = {
		.event = {.kind = EVENT_ALLOC, .tgid = TGID, .tid = TGID, .image = 7},
		.addr = 4096,
		.size = 1,
		.stack = 1};
	struct books books;

	open_books(&books);
	lookahead__record(&books.ahead, &alloc, sizeof(alloc));
	assert_int_equal(books.ingest.received, 0);
	lookahead__record(&books.ahead, &exit, sizeof(exit));
	assert_int_equal(books.ingest.received, 2);
	close_books(&books);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_stays),
		cmocka_unit_test(what_is_rare_does_not_wait),
	};

	return cmocka_run_group_tests_name("lookahead", tests, NULL, NULL);
}
