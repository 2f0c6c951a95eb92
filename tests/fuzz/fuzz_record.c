/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer target: any bytes as a recording. The first byte chooses whether the rest is a file, or
 * the message of a snapshot (which the file's CRC would keep the fuzzer from). What can be read is
 * rendered in every format, with names and numbers as they came, and subtracted from itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "record/recording.h"
#include "report/diff.h"
#include "report/selection.h"

#define MEMORY_MAX (8u << 20)

static void render(const struct summary *summary)
{
	static const char *const formats[] = {"text", "json", "folded", "pprof", "massif", "html"};
	static const struct selection by_age = {.sort = SORT_AGE, .top = 20};
	struct summary *view = selection__view(&by_age, summary);
	FILE *out = fopen("/dev/null", "w");

	if (!out || !view)
		abort();
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		renderer__find(formats[i])->render(view, &(struct render_options){0}, out);
	fclose(out);
	selection__free_view(view);
}

static void subtract_itself(const struct summary *summary)
{
	struct diff *diff = diff__new(summary, summary, KINDS_LEFT_OUT, 0, 0);

	if (!diff || diff->stack_cnt)
		abort();
	diff__free(diff);
}

static void show(struct recorded *recorded)
{
	render(recorded__summary(recorded));
	subtract_itself(recorded__summary(recorded));
	recorded__free(recorded);
}

static void read_file(const uint8_t *bytes, size_t sz)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct recording *recording;
	struct recorded *recorded;
	char path[64];

	if (fd < 0 || write(fd, bytes, sz) != (ssize_t)sz)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!recording__open(path, &recording)) {
		for (size_t i = 0; i < recording__cnt(recording); i++)
			if (!recording__read(recording, i, &recorded))
				show(recorded);
		recording__close(recording);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t sz);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t sz)
{
	struct recorded *recorded;

	if (!sz)
		return 0;
	if (*bytes == 'f')
		read_file(bytes + 1, sz - 1);
	else if (!recorded__decode(bytes + 1, sz - 1, MEMORY_MAX, &recorded))
		show(recorded);
	return 0;
}
