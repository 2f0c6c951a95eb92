/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A recording for each test, in a directory of its own; and what tests do with it. */
#ifndef HEAPTAP_TESTS_RECORD_FIXTURE_H
#define HEAPTAP_TESTS_RECORD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "record/recorder.h"
#include "record/recording.h"

#define MEMORY_MAX (256u << 20) /* of a snapshot that is decoded */
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

struct fixture {
	char dir[32], path[64];
};

static inline int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/heaptap-test-XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.heaptap", fixture->dir);
	*state = fixture;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	rmdir(fixture->dir); /* fails, and is seen in the end, if something else was left in it */
	if (!access(fixture->dir, F_OK))
		return -1;
	free(fixture);
	return 0;
}

static inline struct recorder *open_recorder(const struct fixture *fixture, uint64_t max_sz)
{
	struct recorder *recorder = NULL;

	assert_int_equal(recorder__open(fixture->path, max_sz, &recorder), 0);
	return recorder;
}

static inline void record(
	const struct fixture *fixture, const struct summary *const *summaries, size_t cnt)
{
	struct recorder *recorder = open_recorder(fixture, 0);

	for (size_t i = 0; i < cnt; i++)
		assert_int_equal(recorder__append(recorder, summaries[i]), 0);
	assert_int_equal(recorder__close(recorder), 0);
}

static inline struct recording *open_recording(const struct fixture *fixture)
{
	struct recording *recording = NULL;

	assert_int_equal(recording__open(fixture->path, &recording), 0);
	return recording;
}

static inline struct recorded *read_one(const struct recording *recording, size_t i)
{
	struct recorded *recorded = NULL;

	assert_int_equal(recording__read(recording, i, &recorded), 0);
	return recorded;
}

static inline uint8_t *read_file(const struct fixture *fixture, size_t *ret_sz)
{
	FILE *file = fopen(fixture->path, "r");
	struct stat st;
	uint8_t *bytes;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	bytes = malloc(st.st_size + 1);
	assert_int_equal(fread(bytes, 1, st.st_size, file), st.st_size);
	fclose(file);
	*ret_sz = st.st_size;
	return bytes;
}

static inline void write_file(const struct fixture *fixture, const void *bytes, size_t sz)
{
	FILE *file = fopen(fixture->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sz, file), sz);
	assert_int_equal(fclose(file), 0);
}

#endif
