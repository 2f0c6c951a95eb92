/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening looks at the frames' sizes only; CRC and content are checked when a snapshot is read. It
 * is read, not mapped: a file can become shorter meanwhile. */
#include "record/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "record/format.h"
#include "util/array.h"

#define DEFLATE_RATIO_MAX 1032 /* RFC 1951: 258 bytes from two bits; zlib's technical notes */

struct recording {
	int fd;
	uint64_t sz;
	uint64_t *offsets;
	size_t cnt, cap;
	const char *damage;
};

/* 0, -EBADMSG before the file's end, or -errno. */
static int read_all(int fd, void *bytes, size_t sz, uint64_t offset)
{
	size_t done = 0;

	while (done < sz) {
		ssize_t ret = pread(fd, (char *)bytes + done, sz - done, offset + done);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret < 0 ? -errno : -EBADMSG;
		done += ret;
	}
	return 0;
}

static int check_head(const struct recording *recording)
{
	struct record_head head;
	int err = read_all(recording->fd, &head, sizeof(head), 0);

	if (err)
		return err;
	if (memcmp(head.magic, RECORD_MAGIC, sizeof(head.magic)))
		return -EBADMSG;
	return head.version == RECORD_VERSION ? 0 : -EPROTONOSUPPORT;
}

static int note_offset(struct recording *recording, uint64_t offset)
{
	uint64_t *offsets = array__with_room(
		recording->offsets, recording->cnt, 1, &recording->cap, sizeof(*offsets));

	if (!offsets)
		return -ENOMEM;
	recording->offsets = offsets;
	recording->offsets[recording->cnt++] = offset;
	return 0;
}

/* What is wrong with the frame at `offset`; NULL: nothing. */
static const char *check_frame(
	const struct recording *recording, uint64_t offset, const struct record_frame *frame)
{
	if (frame->mark != RECORD_MARK)
		return "something else follows its last snapshot";
	if (frame->packed_sz > recording->sz - offset - sizeof(*frame))
		return "it ends within a snapshot";
	if (frame->plain_sz > RECORD_PLAIN_SIZE_MAX ||
		frame->plain_sz > (uint64_t)frame->packed_sz * DEFLATE_RATIO_MAX)
		return "a snapshot in it claims to be larger than it can be";
	return NULL;
}

static int find_snapshots(struct recording *recording)
{
	uint64_t offset = sizeof(struct record_head);
	struct record_frame frame;
	int err = 0;

	while (!err && offset < recording->sz) {
		if (recording->sz - offset < sizeof(frame)) {
			recording->damage = "it ends within a snapshot";
			return 0;
		}
		err = read_all(recording->fd, &frame, sizeof(frame), offset);
		if (err)
			return err;
		recording->damage = check_frame(recording, offset, &frame);
		if (recording->damage)
			return 0;
		err = note_offset(recording, offset);
		offset += sizeof(frame) + frame.packed_sz;
	}
	return err;
}

int recording__open(const char *path, struct recording **ret_recording)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	struct stat st;
	int err = 0;

	if (!recording)
		return -ENOMEM;
	recording->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (recording->fd < 0 || fstat(recording->fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? -EISDIR : -EBADMSG;
	else
		recording->sz = st.st_size;
	if (!err)
		err = check_head(recording);
	if (!err)
		err = find_snapshots(recording);
	if (!err)
		*ret_recording = recording;
	else
		recording__close(recording);
	return err;
}

void recording__close(struct recording *recording)
{
	if (!recording)
		return;
	if (recording->fd >= 0)
		close(recording->fd);
	free(recording->offsets);
	free(recording);
}

size_t recording__cnt(const struct recording *recording)
{
	return recording->cnt;
}

const char *recording__damage(const struct recording *recording)
{
	return recording->damage;
}

/* The message of a frame, in new memory. */
static int unpack(const struct record_frame *frame, const uint8_t *packed, uint8_t **ret_plain)
{
	uLongf plain_sz = frame->plain_sz;
	uLong packed_sz = frame->packed_sz;
	uint8_t *plain;
	int ret;

	if (record_frame__crc(frame, packed) != frame->crc)
		return -EBADMSG;
	plain = malloc(plain_sz + !plain_sz);
	if (!plain)
		return -ENOMEM;
	ret = uncompress2(plain, &plain_sz, packed, &packed_sz);
	if (ret == Z_OK && plain_sz == frame->plain_sz && packed_sz == frame->packed_sz) {
		*ret_plain = plain;
		return 0;
	}
	free(plain);
	return ret == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

int recording__read(const struct recording *recording, size_t i, struct recorded **ret_recorded)
{
	uint64_t offset = recording->offsets[i];
	uint8_t *packed = NULL, *plain = NULL;
	struct record_frame frame;
	int err = read_all(recording->fd, &frame, sizeof(frame), offset);

	if (!err && check_frame(recording, offset, &frame))
		err = -EBADMSG; /* it was written to since it was opened */
	if (err)
		return err;
	packed = malloc(frame.packed_sz + !frame.packed_sz);
	err = packed ? read_all(recording->fd, packed, frame.packed_sz, offset + sizeof(frame))
		     : -ENOMEM;
	if (!err)
		err = unpack(&frame, packed, &plain);
	free(packed);
	if (!err)
		err = recorded__decode(plain, frame.plain_sz, RECORD_MEMORY_MAX, ret_recorded);
	free(plain);
	return err;
}
