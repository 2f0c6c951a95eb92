/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Appends snapshots by one write each, and drops the oldest by writing the file anew. */
#include "record/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "record/format.h"
#include "record/snapshot.h"
#include "util/array.h"
#include "util/file.h"

struct recorder {
	char *path, *new_path; /* of the file that takes its place */
	int fd;
	uint64_t max_sz, sz;
	uint64_t *offsets; /* of the snapshots in it */
	size_t cnt, cap;
};

/* 0 or -errno; what was written of it is taken back after a failure. */
static int write_all(int fd, const void *bytes, size_t sz, uint64_t offset)
{
	size_t done = 0;

	while (done < sz) {
		ssize_t ret = pwrite(fd, (const char *)bytes + done, sz - done, offset + done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0) {
			int err = ret < 0 ? -errno : -EIO;

			return ftruncate(fd, offset) ? -errno : err;
		}
		done += ret;
	}
	return 0;
}

/* A new file with the head only, with mode and owner of `like` if there is one: its descriptor, or
 * -errno. Who reads a file of that name keeps what he has opened. */
static int create(const char *path, const struct stat *like)
{
	struct record_head head = {.version = RECORD_VERSION};
	int fd, err = 0;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	if (like)
		err = file__become_like(fd, like);
	if (!err)
		err = write_all(fd, &head, sizeof(head), 0);
	if (err)
		close(fd);
	return err ? err : fd;
}

/* In place of the file that is there, or that a link there leads to. */
static int create_first(struct recorder *recorder, const char *path)
{
	struct stat st;
	bool is_there = !stat(path, &st);

	if (is_there && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	recorder->path = is_there ? realpath(path, NULL) : strdup(path);
	if (!recorder->path)
		return -ENOMEM;
	if (asprintf(&recorder->new_path, "%s.new", recorder->path) < 0) {
		recorder->new_path = NULL;
		return -ENOMEM;
	}
	return create(recorder->path, is_there ? &st : NULL);
}

int recorder__open(const char *path, uint64_t max_sz, struct recorder **ret_recorder)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int fd;

	if (!recorder)
		return -ENOMEM;
	*recorder = (struct recorder){.max_sz = max_sz, .sz = sizeof(struct record_head)};
	fd = recorder->fd = create_first(recorder, path);
	if (fd < 0) {
		recorder__close(recorder);
		return fd;
	}
	*ret_recorder = recorder;
	return 0;
}

/* ---- dropping the oldest ---- */

/* The first of the snapshots that are kept when one of `more` bytes comes. */
static size_t first_kept(const struct recorder *recorder, uint64_t more)
{
	size_t first = 0;

	while (first < recorder->cnt &&
		recorder->sz - recorder->offsets[first] + more > recorder->max_sz / 2)
		first++;
	return first;
}

static int copy_from(const struct recorder *recorder, uint64_t begin, int to_fd)
{
	off_t at = begin;

	if (lseek(to_fd, 0, SEEK_END) < 0)
		return -errno;
	while ((uint64_t)at < recorder->sz) {
		ssize_t ret = sendfile(to_fd, recorder->fd, &at, recorder->sz - at);

		if (ret < 0 && errno != EINTR)
			return -errno;
		if (!ret)
			return -EIO;
	}
	return 0;
}

/* The new file, on the disk and under the old one's name: its descriptor, or -errno. */
static int replace(const struct recorder *recorder, uint64_t begin)
{
	struct stat st;
	int fd, err;

	if (fstat(recorder->fd, &st))
		return -errno;
	fd = create(recorder->new_path, &st);
	if (fd < 0)
		return fd;
	err = copy_from(recorder, begin, fd);
	if (!err && fsync(fd))
		err = -errno;
	if (!err && rename(recorder->new_path, recorder->path))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	unlink(recorder->new_path);
	return err;
}

static int drop_oldest(struct recorder *recorder, uint64_t more)
{
	size_t first = first_kept(recorder, more);
	uint64_t begin = first < recorder->cnt ? recorder->offsets[first] : recorder->sz;
	uint64_t moved = begin - sizeof(struct record_head);
	int fd = replace(recorder, begin);

	if (fd < 0)
		return fd;
	close(recorder->fd);
	recorder->fd = fd;
	recorder->sz -= moved;
	recorder->cnt -= first;
	for (size_t i = 0; i < recorder->cnt; i++)
		recorder->offsets[i] = recorder->offsets[i + first] - moved;
	return 0;
}

/* ---- appending ---- */

/* Frame and packed message in one new piece of memory. */
static int pack(const struct protobuf *message, struct record_frame **ret_frame)
{
	uLongf packed_sz = compressBound(message->sz);
	struct record_frame *frame = malloc(sizeof(*frame) + packed_sz);
	uint8_t *packed = (uint8_t *)(frame + 1);

	if (!frame)
		return -ENOMEM;
	if (compress(packed, &packed_sz, message->bytes, message->sz) != Z_OK) {
		free(frame);
		return -ENOMEM;
	}
	*frame = (struct record_frame){
		.mark = RECORD_MARK, .packed_sz = packed_sz, .plain_sz = message->sz};
	frame->crc = record_frame__crc(frame, packed);
	*ret_frame = frame;
	return 0;
}

static int note_offset(struct recorder *recorder)
{
	uint64_t *offsets = array__with_room(
		recorder->offsets, recorder->cnt, 1, &recorder->cap, sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	recorder->offsets = offsets;
	recorder->offsets[recorder->cnt] = recorder->sz;
	return 0;
}

static int append(struct recorder *recorder, const struct record_frame *frame)
{
	uint64_t sz = sizeof(*frame) + frame->packed_sz;
	int err = 0;

	if (recorder->max_sz && recorder->cnt && recorder->sz + sz > recorder->max_sz)
		err = drop_oldest(recorder, sz);
	if (!err)
		err = note_offset(recorder);
	if (!err)
		err = write_all(recorder->fd, frame, sz, recorder->sz);
	if (err)
		return err;
	recorder->sz += sz;
	recorder->cnt++;
	return 0;
}

int recorder__append(struct recorder *recorder, const struct summary *summary)
{
	struct protobuf message = {0};
	struct record_frame *frame = NULL;
	int err = recorded__encode(summary, &message);

	if (!err && message.sz > RECORD_PLAIN_SIZE_MAX)
		err = -EFBIG;
	if (!err)
		err = pack(&message, &frame);
	if (!err)
		err = append(recorder, frame);
	free(frame);
	protobuf__destroy(&message);
	return err;
}

int recorder__close(struct recorder *recorder)
{
	int err = 0;

	if (!recorder)
		return 0;
	if (recorder->fd >= 0 && fsync(recorder->fd))
		err = -errno;
	if (recorder->fd >= 0 && close(recorder->fd) && !err)
		err = -errno;
	free(recorder->path);
	free(recorder->new_path);
	free(recorder->offsets);
	free(recorder);
	return err;
}
