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
#include <time.h>
#include <bpf/libbpf.h>
#include "collect/collector.h"
#include "collect/lookahead.h"

#define BATCH_RECORDS (256 * 1024) /* some 50 ms */
#define CHUNK_SZ (1u << 20)
#define CHUNKS_MAX 256
#define KEEPER_WAIT_NS 5000000
#define KEEPER_BATCH_RECORDS 4096 /* between two looks at the room: less than a chunk of most */

struct chunk {
	struct chunk *next;
	size_t used;
	size_t taken; /* of them: ingested */
	_Alignas(8) unsigned char bytes[CHUNK_SZ];
};

struct collector {
	struct ring_buffer *ring;
	struct lookahead ahead;
	size_t batch; /* records left of this batch */
	pthread_t keeper;
	bool paused;
	atomic_bool resuming;
	pthread_mutex_t lock;	    /* of the next four; the last chunk itself is the keeper's */
	pthread_cond_t resumed;	    /* wakes the keeper */
	struct chunk *first, *last; /* kept records */
	size_t chunk_cnt;
};

/* ---- keeping aside ---- */

static bool add_chunk(struct collector *collector)
{
	struct chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk)
		return false;
	chunk->next = NULL;
	chunk->used = chunk->taken = 0;
	pthread_mutex_lock(&collector->lock);
	if (collector->last)
		collector->last->next = chunk;
	else
		collector->first = chunk;
	collector->last = chunk;
	collector->chunk_cnt++;
	pthread_mutex_unlock(&collector->lock);
	return true;
}

/* The oldest chunk, if the keeper has done with it, or `all`. */
static struct chunk *oldest_chunk(struct collector *collector, bool all)
{
	struct chunk *chunk;

	pthread_mutex_lock(&collector->lock);
	chunk = collector->first;
	if (chunk && chunk == collector->last && !all)
		chunk = NULL;
	pthread_mutex_unlock(&collector->lock);
	return chunk;
}

static void drop_oldest_chunk(struct collector *collector)
{
	struct chunk *chunk;

	pthread_mutex_lock(&collector->lock);
	chunk = collector->first;
	collector->first = chunk->next;
	collector->chunk_cnt--;
	if (!collector->first)
		collector->last = NULL;
	pthread_mutex_unlock(&collector->lock);
	free(chunk);
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

/* False: it was halted; nothing waits then, as no point's record does. */
static bool ingest_chunk(struct lookahead *ahead, struct chunk *chunk)
{
	while (chunk->taken < chunk->used && !ahead->ingest->is_halted) {
		const unsigned char *record = chunk->bytes + chunk->taken;
		uint64_t sz;

		memcpy(&sz, record, sizeof(sz));
		lookahead__record(ahead, record + sizeof(sz), sz);
		chunk->taken += kept_sz(sz);
	}
	lookahead__flush(ahead);
	return !ahead->ingest->is_halted;
}

/* ---- the ring ---- */

static bool has_room(struct collector *collector)
{
	bool room;

	pthread_mutex_lock(&collector->lock);
	room = collector->chunk_cnt < CHUNKS_MAX;
	pthread_mutex_unlock(&collector->lock);
	return room;
}

static void set_resuming(struct collector *collector, bool resuming)
{
	pthread_mutex_lock(&collector->lock);
	atomic_store(&collector->resuming, resuming);
	pthread_cond_signal(&collector->resumed);
	pthread_mutex_unlock(&collector->lock);
}

static int on_record(void *arg, void *data, size_t sz)
{
	struct collector *collector = arg;

	if (!collector->paused) {
		lookahead__record(&collector->ahead, data, sz);
		return --collector->batch && !collector->ahead.ingest->is_halted ? 0 : -EAGAIN;
	}
	if (!keep(collector, data, sz))
		collector->ahead.ingest->no_memory++;
	return --collector->batch && !atomic_load(&collector->resuming) ? 0 : -EAGAIN;
}

static void wait_for_more(struct collector *collector)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += KEEPER_WAIT_NS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_mutex_lock(&collector->lock);
	if (!atomic_load(&collector->resuming))
		pthread_cond_clockwait(
			&collector->resumed, &collector->lock, CLOCK_MONOTONIC, &end);
	pthread_mutex_unlock(&collector->lock);
}

static void *keep_aside(void *arg)
{
	struct collector *collector = arg;

	while (!atomic_load(&collector->resuming)) {
		collector->batch = KEEPER_BATCH_RECORDS;
		/* without room, the ring has to hold them, as long as it can */
		if (!has_room(collector) || ring_buffer__consume(collector->ring) != -EAGAIN)
			wait_for_more(collector);
	}
	return NULL;
}

/* While more comes: the keeper goes on until there is hardly anything left, or too much comes. */
static void ingest_kept(struct collector *collector, size_t chunks_max, bool all)
{
	struct chunk *chunk;

	while (chunks_max-- && (chunk = oldest_chunk(collector, all)) &&
		ingest_chunk(&collector->ahead, chunk))
		drop_oldest_chunk(collector);
}

void collector__pause(struct collector *collector)
{
	set_resuming(collector, false);
	collector->paused = true;
	if (pthread_create(&collector->keeper, NULL, keep_aside, collector))
		collector->paused = false; /* the ring has to hold them */
}

void collector__resume(struct collector *collector)
{
	if (!collector->paused)
		return;
	ingest_kept(collector, 2 * CHUNKS_MAX, false);
	set_resuming(collector, true);
	pthread_join(collector->keeper, NULL);
	collector->paused = false;
	ingest_kept(collector, SIZE_MAX, true);
}

struct collector *collector__new(int ring_fd, struct ingest *ingest)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->ahead.ingest = ingest;
	pthread_mutex_init(&collector->lock, NULL);
	pthread_cond_init(&collector->resumed, NULL);
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
	while (collector->first)
		drop_oldest_chunk(collector);
	pthread_cond_destroy(&collector->resumed);
	pthread_mutex_destroy(&collector->lock);
	ring_buffer__free(collector->ring);
	free(collector);
}

int collector__fd(const struct collector *collector)
{
	return ring_buffer__epoll_fd(collector->ring);
}

bool collector__drain(struct collector *collector)
{
	int err;

	ingest_kept(collector, SIZE_MAX, true);
	if (collector->ahead.ingest->is_halted)
		return false;
	collector->batch = BATCH_RECORDS;
	err = ring_buffer__consume(collector->ring);
	lookahead__flush(&collector->ahead);
	return err != -EAGAIN;
}
