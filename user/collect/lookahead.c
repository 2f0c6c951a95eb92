// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A ring of copies, as the event ring's memory is given back with each record. Only the two kinds
 * that come by the million wait; any other lets all that came before it go first.
 */
#include "collect/lookahead.h"

static void let_go(struct lookahead *ahead, struct waiting_record *record)
{
	if (record->sz)
		ingest__record(ahead->ingest, &record->event, record->sz);
	record->sz = 0;
}

void lookahead__flush(struct lookahead *ahead)
{
	for (unsigned int i = 0; i < LOOKAHEAD_RECORDS; i++)
		let_go(ahead, &ahead->records[(ahead->next + i) % LOOKAHEAD_RECORDS]);
}

/* Which kind it is, its size alone does not tell; sizes that the compiler knows are copied without
 * a call. */
static bool copy(struct waiting_record *record, const void *data, size_t sz)
{
	uint8_t kind = sz ? ((const struct event *)data)->kind : 0;

	if (kind == EVENT_ALLOC && sz == sizeof(record->alloc))
		record->alloc = *(const struct alloc_event *)data;
	else if (kind == EVENT_FREE && sz == sizeof(record->free))
		record->free = *(const struct free_event *)data;
	else if (kind == EVENT_FREE && sz == sizeof(record->checked_free))
		record->checked_free = *(const struct checked_free_event *)data;
	else
		return false;
	record->sz = sz;
	return true;
}

static uint64_t addr_of(const struct waiting_record *record)
{
	return record->event.kind == EVENT_ALLOC ? record->alloc.addr : record->free.addr;
}

void lookahead__record(struct lookahead *ahead, const void *data, size_t sz)
{
	struct waiting_record *record = &ahead->records[ahead->next];

	let_go(ahead, record);
	if (!copy(record, data, sz)) {
		lookahead__flush(ahead);
		ingest__record(ahead->ingest, data, sz);
		return;
	}
	ahead->next = (ahead->next + 1) % LOOKAHEAD_RECORDS;
	ingest__prefetch(ahead->ingest, &record->event, addr_of(record));
}
