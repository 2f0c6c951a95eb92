// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What holds one summary is replaced by each new one at once (rename), so that a reader never sees
 * half of it; a stream or device gets the last summary at the end.
 */
#include "cli/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/file.h"

#define RECORDING_ENDING ".heaptap"

/* ---- streams: one summary behind the other */

static int stream__open(struct sink *sink, const struct options *options)
{
	if (sink->path)
		sink->file = fopen(sink->path, "we");
	return sink->file ? 0 : -errno;
}

static int stream__write(struct sink *sink, const struct summary *summary)
{
	int err = sink->format->render(summary, &sink->rendering, sink->file);

	return !err && fflush(sink->file) ? -errno : err;
}

static int stream__close(struct sink *sink)
{
	return sink->path && sink->file && fclose(sink->file) ? -errno : 0;
}

/* ---- a stream of a format that holds one summary: the last, at the end */

static int last__write(struct sink *sink, const struct summary *summary)
{
	size_t sz = 0;
	char *bytes = NULL;
	FILE *memory = open_memstream(&bytes, &sz);
	int err = memory ? sink->format->render(summary, &sink->rendering, memory) : -errno;

	if (memory && fclose(memory) && !err)
		err = -ENOMEM;
	if (err) {
		free(bytes);
		return err;
	}
	free(sink->last);
	sink->last = bytes;
	sink->last_sz = sz;
	return 0;
}

static int last__close(struct sink *sink)
{
	int err = 0;

	errno = 0;
	if (sink->last && sink->file &&
		(fwrite(sink->last, 1, sink->last_sz, sink->file) < sink->last_sz ||
			fflush(sink->file)))
		err = errno ? -errno : -EIO;
	free(sink->last);
	return stream__close(sink) && !err ? -errno : err;
}

/* ---- a file of a format that holds one summary */

/* The new content under another name, then under this one; its mode and owner stay. */
static int replace_file(const char *path, const char *bytes, size_t sz)
{
	char *new_path;
	struct stat st;
	FILE *file;
	int err = 0;

	if (asprintf(&new_path, "%s.new", path) < 0)
		return -ENOMEM;
	unlink(new_path); /* of a heaptap that was killed; "x": never followed if it is a link */
	file = fopen(new_path, "wxe");
	if (!file)
		err = -errno;
	else if (!stat(path, &st))
		err = file__become_like(fileno(file), &st);
	if (!err && fwrite(bytes, 1, sz, file) < sz)
		err = -errno;
	if (file && fclose(file) && !err)
		err = -errno;
	if (!err && rename(new_path, path))
		err = -errno;
	if (err && file)
		unlink(new_path);
	free(new_path);
	return err;
}

/* Empties it, by the way that summaries take: what will not work is told before tracing begins. */
static int replaced__open(struct sink *sink, const struct options *options)
{
	char *target = realpath(sink->path, NULL); /* of a link */

	if (target) {
		free(sink->path);
		sink->path = target;
	}
	return replace_file(sink->path, "", 0);
}

static int replaced__write(struct sink *sink, const struct summary *summary)
{
	int err = last__write(sink, summary);

	return err ? err : replace_file(sink->path, sink->last, sink->last_sz);
}

static int replaced__close(struct sink *sink)
{
	free(sink->last);
	return 0;
}

/* ---- recordings */

static int kept__open(struct sink *sink, const struct options *options)
{
	return recorder__open(sink->path, options->max_size, &sink->recorder);
}

static int kept__write(struct sink *sink, const struct summary *summary)
{
	return recorder__append(sink->recorder, summary);
}

static int kept__close(struct sink *sink)
{
	return recorder__close(sink->recorder);
}

/* ---- kinds */

static const struct sink_kind stream = {stream__open, stream__write, stream__close, false};
static const struct sink_kind last = {stream__open, last__write, last__close, false};
static const struct sink_kind replaced = {replaced__open, replaced__write, replaced__close, false};
static const struct sink_kind recording = {kept__open, kept__write, kept__close, true};

bool sink__is_recording(const char *path)
{
	size_t sz = strlen(path), ending_sz = strlen(RECORDING_ENDING);

	return sz > ending_sz && !strcmp(path + sz - ending_sz, RECORDING_ENDING);
}

const struct sink_kind *sink_kind__of(const char *path, const struct renderer *format)
{
	struct stat st;

	if (path && sink__is_recording(path))
		return &recording;
	if (format->kind == RENDER_STREAM)
		return &stream;
	return path && (stat(path, &st) || S_ISREG(st.st_mode)) ? &replaced : &last;
}
