/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between ring and books: the latest records wait until some more have come, while the memory that
 * they will look at is on its way. With a million blocks each record finds its place in the table
 * out of the caches, and waiting for that takes longer than all else.
 */
#ifndef HEAPTAP_COLLECT_LOOKAHEAD_H
#define HEAPTAP_COLLECT_LOOKAHEAD_H

#include "collect/ingest.h"

#define LOOKAHEAD_RECORDS 16 /* measured: fewer and more are slower with 10 million blocks */

struct waiting_record {
	size_t sz; /* 0: none */
	union {
		struct event event;
		struct alloc_event alloc;
		struct free_event free;
		struct checked_free_event checked_free;
	};
};

struct lookahead {	       /* zeroes, and whom it is for */
	struct ingest *ingest; /* borrowed */
	struct waiting_record records[LOOKAHEAD_RECORDS];
	unsigned int next; /* the place of the next one, where the oldest stands */
};

/* ingest__record, now or later; the order stays. */
void lookahead__record(struct lookahead *ahead, const void *data, size_t sz);
/* What waits goes in now. */
void lookahead__flush(struct lookahead *ahead);

#endif
