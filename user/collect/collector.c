// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One consumer at a time reads the ring: the caller's thread, or (between pause and resume) the
 * keeper's. Kept records stand in chunks, in their order, each behind its size.
 *
 * libbpf reads the ring until it is empty, which producers at full speed never let it be: the
 * callback stops it now and then, so that signals and timers are served.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>
#include "collect/collector.h"

#define BATCH_RECORDS (256 * 1024) /* some 50 ms */
#define CHUNK_SZ (1u << 20)
#define CHUNKS_MAX 256
#define KEEPER_POLL_MS 20

struct chunk {
	struct chunk *next;
	size_t used;
	_Alignas(8) unsigned char bytes[CHUNK_SZ];
};

struct collector {
	struct ring_buffer *ring;
	struct ingest *ingest;
	size_t batch; /* records left of this batch */
	pthread_t keeper;
	bool paused;
	atomic_bool resuming;
	struct chunk *first, *last; /* kept records */
	size_t chunk_cnt;
};

/* ---- keeping aside ---- */

static bool add_chunk(struct collector *collector)
{
	struct chunk *chunk = collector->chunk_cnt < CHUNKS_MAX ? malloc(sizeof(*chunk)) : NULL;

	if (!chunk)
		return false;
	chunk->next = NULL;
	chunk->used = 0;
	if (collector->last)
		collector->last->next = chunk;
	else
		collector->first = chunk;
	collector->last = chunk;
	collector->chunk_cnt++;
	return true;
}

/* The record's size as stored, with what aligns the next. */
static size_t kept_sz(size_t sz)
{
	return sizeof(uint64_t) + ((sz + 7) & ~(size_t)7);
}

static bool keep(struct collector *collector, const void *data, size_t sz)
{
	struct chunk *chunk = collector->last;

	if (kept_sz(sz) > CHUNK_SZ)
		return true; /* no record of ours is that large */
	if (!chunk || CHUNK_SZ - chunk->used < kept_sz(sz)) {
		if (!add_chunk(collector))
			return false;
		chunk = collector->last;
	}
	memcpy(chunk->bytes + chunk->used, &(uint64_t){sz}, sizeof(uint64_t));
	memcpy(chunk->bytes + chunk->used + sizeof(uint64_t), data, sz);
	chunk->used += kept_sz(sz);
	return true;
}

static void ingest_chunk(struct ingest *ingest, const struct chunk *chunk)
{
	for (size_t at = 0; at < chunk->used;) {
		uint64_t sz;

		memcpy(&sz, chunk->bytes + at, sizeof(sz));
		ingest__record(ingest, chunk->bytes + at + sizeof(sz), sz);
		at += kept_sz(sz);
	}
}

static void free_chunks(struct collector *collector, bool with_ingest)
{
	while (collector->first) {
		struct chunk *chunk = collector->first;

		if (with_ingest)
			ingest_chunk(collector->ingest, chunk);
		collector->first = chunk->next;
		free(chunk);
	}
	collector->last = NULL;
	collector->chunk_cnt = 0;
}

/* ---- the ring ---- */

static bool has_room(const struct collector *collector)
{
	return collector->chunk_cnt < CHUNKS_MAX;
}

/* The keeper stops when the last chunk is begun: a record that was taken finds room in it. */
static int on_record(void *arg, void *data, size_t sz)
{
	struct collector *collector = arg;

	if (!collector->paused) {
		ingest__record(collector->ingest, data, sz);
		return --collector->batch ? 0 : -EAGAIN;
	}
	if (!keep(collector, data, sz))
		collector->ingest->no_memory++;
	return atomic_load(&collector->resuming) || !has_room(collector) ? -EAGAIN : 0;
}

static void *keep_aside(void *arg)
{
	struct collector *collector = arg;

	while (!atomic_load(&collector->resuming) && has_room(collector)) {
		ring_buffer__consume(collector->ring);
		ring_buffer__poll(collector->ring, KEEPER_POLL_MS);
	}
	return NULL;
}

void collector__pause(struct collector *collector)
{
	atomic_store(&collector->resuming, false);
	collector->paused = true;
	if (pthread_create(&collector->keeper, NULL, keep_aside, collector))
		collector->paused = false; /* the ring has to hold them */
}

void collector__resume(struct collector *collector)
{
	if (!collector->paused)
		return;
	atomic_store(&collector->resuming, true);
	pthread_join(collector->keeper, NULL);
	collector->paused = false;
	free_chunks(collector, true);
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
	free_chunks(collector, false);
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
