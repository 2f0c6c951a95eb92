// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A write to a pipe blocks until all of it is taken, and signals are blocked here: so it is asked
 * whether the pipe has room, and no more is written at once than is sure to fit then (pipe(7):
 * PIPE_BUF).
 */
#include "spy/feed.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/array.h"

#define FLUSH_SZ (64 * 1024)
#define LOOK_MS 100
#define PATIENCE_MS 1000

struct feed {
	int fd;
	bool is_file; /* takes all at once */
	bool (*is_ending)(void *arg);
	void *arg;
	char *text;
	size_t sz, cap;
	size_t *ends; /* of the records in text */
	size_t record_cnt, record_cap;
	uint64_t unwritten;
	int err;
};

struct feed *feed__new(int fd, bool (*is_ending)(void *arg), void *arg)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	struct stat st;

	if (!feed)
		return NULL;
	feed->fd = fd;
	feed->is_file = !fstat(fd, &st) && S_ISREG(st.st_mode);
	feed->is_ending = is_ending;
	feed->arg = arg;
	return feed;
}

void feed__free(struct feed *feed)
{
	if (!feed)
		return;
	free(feed->text);
	free(feed->ends);
	free(feed);
}

uint64_t feed__unwritten(const struct feed *feed)
{
	return feed->unwritten;
}

/* 0, or -ETIMEDOUT: there is nobody who reads, and the end was asked for. */
static int wait_for_reader(struct feed *feed)
{
	struct pollfd reader = {.fd = feed->fd, .events = POLLOUT};

	for (int waited_ms = 0; waited_ms < PATIENCE_MS;) {
		if (poll(&reader, 1, LOOK_MS) > 0)
			return 0; /* also if it is gone: the write says so */
		if (feed->is_ending(feed->arg))
			waited_ms += LOOK_MS;
	}
	return -ETIMEDOUT;
}

static ssize_t write_some(struct feed *feed, const char *text, size_t sz)
{
	int err = wait_for_reader(feed);
	ssize_t written;

	if (err)
		return err;
	if (!feed->is_file && sz > PIPE_BUF)
		sz = PIPE_BUF;
	written = write(feed->fd, text, sz);
	if (written < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	return written;
}

static void drop_records(struct feed *feed, size_t written)
{
	for (size_t i = 0; i < feed->record_cnt; i++)
		feed->unwritten += feed->ends[i] > written;
	feed->sz = feed->record_cnt = 0;
}

int feed__flush(struct feed *feed)
{
	size_t written = 0;

	while (written < feed->sz && !feed->err) {
		ssize_t sz = write_some(feed, feed->text + written, feed->sz - written);

		if (sz < 0)
			feed->err = sz;
		else
			written += sz;
	}
	drop_records(feed, written);
	return feed->err;
}

static int make_room(struct feed *feed, size_t sz)
{
	size_t *ends;

	if (feed->sz + sz > feed->cap) {
		size_t cap = 2 * (feed->sz + sz);
		char *text = realloc(feed->text, cap);

		if (!text)
			return -ENOMEM;
		feed->text = text;
		feed->cap = cap;
	}
	ends = array__with_room(feed->ends, feed->record_cnt, 1, &feed->record_cap, sizeof(*ends));
	if (!ends)
		return -ENOMEM;
	feed->ends = ends;
	return 0;
}

int feed__put(struct feed *feed, const char *text, size_t sz)
{
	if (!feed->err)
		feed->err = make_room(feed, sz);
	if (feed->err) {
		feed->unwritten++;
		return feed->err;
	}
	memcpy(feed->text + feed->sz, text, sz);
	feed->sz += sz;
	feed->ends[feed->record_cnt++] = feed->sz;
	return feed->sz < FLUSH_SZ ? 0 : feed__flush(feed);
}
