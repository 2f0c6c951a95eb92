/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recordings that were cut, damaged or made by an enemy are told as such. The frames of the file
 * are taken apart here by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <zlib.h>
#include "record/format.h"
#include "record/snapshot.h"
#include "record_fixture.h"
#include "report_samples.h"
#include "util/protobuf.h"

/* ---- the file ---- */

static void a_file_cut_anywhere_is_readable_up_to_there(void **state)
{
	const struct summary *const summaries[] = {&nobody, &killed, &complete_run};
	size_t sz, ends[SAMPLE_CNT(summaries)];
	struct recorder *recorder = open_recorder(*state, 0);
	uint8_t *bytes;

	for (size_t i = 0; i < SAMPLE_CNT(summaries); i++) {
		assert_int_equal(recorder__append(recorder, summaries[i]), 0);
		free(read_file(*state, &ends[i]));
	}
	assert_int_equal(recorder__close(recorder), 0);
	bytes = read_file(*state, &sz);
	for (size_t cut = sizeof(struct record_head); cut <= sz; cut++) {
		size_t whole = 0;
		struct recording *recording;

		while (whole < SAMPLE_CNT(summaries) && ends[whole] <= cut)
			whole++;
		write_file(*state, bytes, cut);
		recording = open_recording(*state);
		assert_int_equal(recording__cnt(recording), whole);
		assert_int_equal(!recording__damage(recording),
			cut == sizeof(struct record_head) || (whole && ends[whole - 1] == cut));
		for (size_t i = 0; i < whole; i++)
			recorded__free(read_one(recording, i));
		recording__close(recording);
	}
	free(bytes);
}

/* Any byte of a snapshot changed: it is not read, and not believed. */
static void a_changed_byte_is_noticed(void **state)
{
	const struct summary *const summaries[] = {&killed};
	uint8_t *bytes;
	size_t sz;

	record(*state, summaries, 1);
	bytes = read_file(*state, &sz);
	for (size_t at = 0; at < sz; at++) {
		struct recording *recording = NULL;
		struct recorded *recorded;
		int err;

		bytes[at] ^= 0x10;
		write_file(*state, bytes, sz);
		err = recording__open(((struct fixture *)*state)->path, &recording);
		if (!err && recording__cnt(recording))
			err = recording__read(recording, 0, &recorded);
		assert_true(err == -EBADMSG || err == -EPROTONOSUPPORT ||
			    (!err && recording__damage(recording)));
		recording__close(recording);
		bytes[at] ^= 0x10;
	}
	free(bytes);
}

static void put_frame(
	FILE *file, uint32_t packed_sz, uint32_t plain_sz, const uint8_t *packed, size_t have_sz)
{
	struct record_frame frame = {RECORD_MARK, packed_sz, plain_sz, 0};

	if (have_sz == packed_sz)
		frame.crc = record_frame__crc(&frame, packed);
	fwrite(&frame, sizeof(frame), 1, file);
	fwrite(packed, 1, have_sz, file);
}

/* A file of one frame with these sizes, and of what is packed this much. */
static struct recording *lying_file(
	void **state, uint32_t packed_sz, uint32_t plain_sz, const uint8_t *packed, size_t have_sz)
{
	struct fixture *fixture = *state;
	struct record_head head = {.version = RECORD_VERSION};
	FILE *file = fopen(fixture->path, "w");

	assert_non_null(file);
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	fwrite(&head, sizeof(head), 1, file);
	put_frame(file, packed_sz, plain_sz, packed, have_sz);
	fclose(file);
	return open_recording(fixture);
}

static void sizes_that_lie_are_not_believed(void **state)
{
	static const uint8_t plain[4096];
	uint8_t packed[4096];
	uLongf packed_sz = sizeof(packed);
	const struct {
		uint32_t packed_sz, plain_sz;
		bool is_counted;
		int err;
	} lies[] = {
		{UINT32_MAX, 4096, false, 0}, {100, UINT32_MAX, false, 0}, {0, 1, false, 0},
		{0, 0, true, -EBADMSG}, /* no zlib stream */
	};

	assert_int_equal(compress(packed, &packed_sz, plain, sizeof(plain)), Z_OK);
	for (size_t i = 0; i < SAMPLE_CNT(lies); i++) {
		struct recording *recording = lying_file(state, lies[i].packed_sz, lies[i].plain_sz,
			packed, lies[i].packed_sz ? packed_sz : 0);
		struct recorded *recorded;

		assert_int_equal(recording__cnt(recording), lies[i].is_counted);
		assert_int_equal(!recording__damage(recording), lies[i].is_counted);
		if (lies[i].is_counted)
			assert_int_equal(recording__read(recording, 0, &recorded), lies[i].err);
		recording__close(recording);
	}
	/* more and less comes out than was said */
	for (uint32_t said = 4095; said <= 4097; said += 2) {
		struct recording *recording = lying_file(state, packed_sz, said, packed, packed_sz);
		struct recorded *recorded;

		assert_int_equal(recording__read(recording, 0, &recorded), -EBADMSG);
		recording__close(recording);
	}
}

/* ---- a snapshot ---- */

static void assert_refused(const struct protobuf *message, uint64_t memory_max, int err)
{
	struct recorded *recorded;

	assert_int_equal(recorded__decode(message->bytes, message->sz, memory_max, &recorded), err);
}

/* A few bytes that would become very much memory. */
static void bombs_are_refused(void **state)
{
	struct protobuf message = {0}, process = {0}, empty = {0}, stack = {0}, nodes = {0};

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		protobuf__put_message(&process, PROCESS_STACK, &empty);
	protobuf__put_message(&message, MESSAGE_PROCESS, &process);
	assert_refused(&message, 1 << 20, -EFBIG);

	/* 1000 nodes, one behind the other; each asked for by a stack, half a million frames in all
	 */
	protobuf__clear(&message);
	protobuf__clear(&process);
	protobuf__put_message(&message, MESSAGE_FRAME, &empty);
	for (size_t i = 0; i < 1000; i++) {
		protobuf__append_number(&nodes, i);
		protobuf__append_number(&nodes, 1);
		protobuf__clear(&stack);
		protobuf__put_number(&stack, STACK_NODE, i + 1);
		protobuf__put_message(&process, PROCESS_STACK, &stack);
	}
	protobuf__put_message(&message, MESSAGE_NODES, &nodes);
	protobuf__put_message(&message, MESSAGE_PROCESS, &process);
	assert_refused(&message, 10 << 20, -EFBIG);
	protobuf__destroy(&message);
	protobuf__destroy(&process);
	protobuf__destroy(&stack);
	protobuf__destroy(&nodes);
}

static void put_pairs(struct protobuf *message, const uint64_t *numbers, size_t cnt)
{
	struct protobuf nodes = {0}, frame = {0};

	protobuf__clear(message);
	protobuf__put_message(message, MESSAGE_FRAME, &frame);
	for (size_t i = 0; i < cnt; i++)
		protobuf__append_number(&nodes, numbers[i]);
	protobuf__put_message(message, MESSAGE_NODES, &nodes);
	protobuf__destroy(&nodes);
}

static void references_to_nothing_are_refused(void **state)
{
	static const uint64_t pairs[][4] = {
		{1, 1, 0, 1}, /* a caller that is the node itself */
		{2, 1, 0, 1}, /* one that comes later */
		{0, 0, 0, 1}, /* no frame */
		{0, 2, 0, 1}, /* a frame beyond the last */
		{UINT64_MAX, 1, 0, 1},
	};
	struct protobuf message = {0}, process = {0}, stack = {0};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(pairs); i++) {
		put_pairs(&message, pairs[i], 4);
		assert_refused(&message, MEMORY_MAX, -EBADMSG);
	}
	put_pairs(&message, (const uint64_t[]){0, 1, 1}, 3); /* half a pair */
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	put_pairs(&message, (const uint64_t[]){0, 1}, 2);
	protobuf__put_number(&stack, STACK_NODE, 2);
	protobuf__put_message(&process, PROCESS_STACK, &stack);
	protobuf__put_message(&message, MESSAGE_PROCESS, &process);
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__clear(&message);
	protobuf__put_number(&message, 15, 1); /* host: string 1 of none */
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__destroy(&message);
	protobuf__destroy(&process);
	protobuf__destroy(&stack);
}

static void values_that_no_summary_has_are_refused(void **state)
{
	static const struct {
		uint32_t number;
		uint64_t value;
	} values[] = {
		{10, SUMMARY_KIND_CNT},	 /* kind */
		{12, 2 * 1000000000ull}, /* tv_nsec, zigzag */
		{12, 1},		 /* -1 */
		{11, UINT64_MAX},	 /* tv_sec */
	};
	struct protobuf message = {0}, process = {0};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(values); i++) {
		protobuf__clear(&message);
		protobuf__put_number(&message, values[i].number, values[i].value);
		assert_refused(&message, MEMORY_MAX, -EBADMSG);
	}
	protobuf__clear(&message);
	protobuf__put_double(&message, 13, NAN); /* uptime_s */
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__clear(&message);
	protobuf__put_bytes(&message, 10, "x", 1); /* bytes, not a number */
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__clear(&message);
	protobuf__put_number(&process, 18, PROCESS_VANISHED + 1); /* state */
	protobuf__put_message(&message, MESSAGE_PROCESS, &process);
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__destroy(&message);
	protobuf__destroy(&process);
}

static void stacks_deeper_than_heaptap_takes_are_refused(void **state)
{
	struct protobuf message = {0};
	uint64_t *numbers = calloc(2 * 10000, sizeof(*numbers));

	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		numbers[2 * i] = i;
		numbers[2 * i + 1] = 1;
	}
	put_pairs(&message, numbers, 2 * 10000);
	assert_refused(&message, MEMORY_MAX, -EBADMSG);
	protobuf__destroy(&message);
	free(numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_cut_anywhere_is_readable_up_to_there),
		TEST(a_changed_byte_is_noticed),
		TEST(sizes_that_lie_are_not_believed),
		TEST(bombs_are_refused),
		TEST(references_to_nothing_are_refused),
		TEST(values_that_no_summary_has_are_refused),
		TEST(stacks_deeper_than_heaptap_takes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
