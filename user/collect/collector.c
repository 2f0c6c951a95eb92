// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* libbpf reads the ring until it is empty, which producers at full speed never let it be: the
 * callback stops it now and then, so that signals and timers are served. */
#include <errno.h>
#include <stdlib.h>
#include <bpf/libbpf.h>
#include "collect/collector.h"

#define BATCH_RECORDS (256 * 1024) /* some 50 ms */

struct collector {
	struct ring_buffer *ring;
	struct ingest *ingest;
	size_t batch; /* records left of this batch */
};

static int on_record(void *arg, void *data, size_t sz)
{
	struct collector *collector = arg;

	ingest__record(collector->ingest, data, sz);
	return --collector->batch ? 0 : -EAGAIN;
}

struct collector *collector__new(int ring_fd, struct ingest *ingest)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->ingest = ingest;
	collector->ring = ring_buffer__new(ring_fd, on_record, collector, NULL);
	if (!collector->ring) {
		free(collector);
		return NULL;
	}
	return collector;
}

void collector__free(struct collector *collector)
{
	if (!collector)
		return;
	ring_buffer__free(collector->ring);
	free(collector);
}

int collector__fd(const struct collector *collector)
{
	return ring_buffer__epoll_fd(collector->ring);
}

bool collector__drain(struct collector *collector)
{
	collector->batch = BATCH_RECORDS;
	return ring_buffer__consume(collector->ring) != -EAGAIN;
}
