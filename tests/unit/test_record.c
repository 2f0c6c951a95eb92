/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recordings: what is written comes back, by bytes of every format; and what was cut, damaged or
 * made by an enemy is told as such. The frames of the file are taken apart here by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include "golden.h"
#include "many_stacks.h"
#include "record/format.h"
#include "record/recorder.h"
#include "record/recording.h"
#include "record/snapshot.h"
#include "report/selection.h"
#include "report_samples.h"
#include "util/protobuf.h"

#define MEMORY_MAX (256u << 20)

/* ---- a file for each test ---- */

struct fixture {
	char dir[32], path[64];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/heaptap-test-XXXXXX");
	if (!mkdtemp(fixture->dir))
		return -1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.heaptap", fixture->dir);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	unlink(fixture->path);
	rmdir(fixture->dir); /* fails, and is seen in the end, if something else was left in it */
	if (!access(fixture->dir, F_OK))
		return -1;
	free(fixture);
	return 0;
}

static struct recorder *open_recorder(const struct fixture *fixture, uint64_t max_sz)
{
	struct recorder *recorder = NULL;

	assert_int_equal(recorder__open(fixture->path, max_sz, &recorder), 0);
	return recorder;
}

static void record(
	const struct fixture *fixture, const struct summary *const *summaries, size_t cnt)
{
	struct recorder *recorder = open_recorder(fixture, 0);

	for (size_t i = 0; i < cnt; i++)
		assert_int_equal(recorder__append(recorder, summaries[i]), 0);
	assert_int_equal(recorder__close(recorder), 0);
}

static struct recording *open_recording(const struct fixture *fixture)
{
	struct recording *recording = NULL;

	assert_int_equal(recording__open(fixture->path, &recording), 0);
	return recording;
}

static struct recorded *read_one(const struct recording *recording, size_t i)
{
	struct recorded *recorded = NULL;

	assert_int_equal(recording__read(recording, i, &recorded), 0);
	return recorded;
}

static uint8_t *read_file(const struct fixture *fixture, size_t *ret_sz)
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

static void write_file(const struct fixture *fixture, const void *bytes, size_t sz)
{
	FILE *file = fopen(fixture->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sz, file), sz);
	assert_int_equal(fclose(file), 0);
}

/* ---- what is written comes back ---- */

static const char *const formats[] = {"text", "json", "folded", "pprof", "massif", "html"};

static void assert_same_in_all_formats(
	const struct summary *a, const struct summary *b, const struct render_options *options)
{
	for (size_t i = 0; i < SAMPLE_CNT(formats); i++) {
		size_t a_sz, b_sz;
		char *a_text = golden__render(renderer__find(formats[i]), a, options, &a_sz);
		char *b_text = golden__render(renderer__find(formats[i]), b, options, &b_sz);

		assert_int_equal(a_sz, b_sz);
		assert_memory_equal(a_text, b_text, a_sz);
		free(a_text);
		free(b_text);
	}
}

static void every_sample_comes_back_in_every_format(void **state)
{
	const struct summary *summaries[SAMPLE_CNT(samples)];
	struct recording *recording;

	for (size_t i = 0; i < SAMPLE_CNT(samples); i++)
		summaries[i] = samples[i].summary;
	record(*state, summaries, SAMPLE_CNT(samples));
	recording = open_recording(*state);
	assert_int_equal(recording__cnt(recording), SAMPLE_CNT(samples));
	assert_null(recording__damage(recording));
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		struct recorded *recorded = read_one(recording, i);

		assert_same_in_all_formats(
			summaries[i], recorded__summary(recorded), &samples[i].options);
		recorded__free(recorded);
	}
	recording__close(recording);
}

static void assert_same_process(const struct summary_process *a, const struct summary_process *b)
{
	struct summary_process x = *a, y = *b;

	assert_int_equal(x.info.start_ns, y.info.start_ns);
	assert_int_equal(x.info.end_ns, y.info.end_ns);
	assert_int_equal(x.info.incomplete, y.info.incomplete);
	assert_int_equal(x.stack_cnt, y.stack_cnt);
	for (size_t i = 0; i < x.stack_cnt; i++) {
		const struct summary_stack *s = &x.stacks[i], *t = &y.stacks[i];

		assert_int_equal(s->id, t->id);
		assert_true(
			s->newest_age_s == t->newest_age_s && s->oldest_age_s == t->oldest_age_s);
		for (size_t at = 0; at < s->frame_cnt; at++) {
			assert_int_equal(s->frames[at].offset, t->frames[at].offset);
			assert_int_equal(s->frames[at].column, t->frames[at].column);
		}
	}
}

/* What no format shows, or shows rounded. */
static void what_is_not_shown_comes_back_too(void **state)
{
	struct summary_stack stacks[] = {{.id = UINT64_MAX - 5,
		.oldest_age_s = 1.0 / 3,
		.newest_age_s = -1,
		FRAMES(sds_frames)}};
	struct summary_process process = {.info = {.start_ns = 123456789,
						  .end_ns = UINT64_MAX,
						  .incomplete = true,
						  .exit_code = INT32_MIN},
		STACKS(stacks)};
	struct summary summary = {.processes = &process, .process_cnt = 1, .min_age_s = 1.5};
	const struct summary *const summaries[] = {&summary};
	struct recording *recording;
	struct recorded *recorded;

	record(*state, summaries, 1);
	recording = open_recording(*state);
	recorded = read_one(recording, 0);
	assert_int_equal(recorded__summary(recorded)->process_cnt, 1);
	assert_same_process(&process, recorded__summary(recorded)->processes);
	assert_int_equal(recorded__summary(recorded)->processes->info.exit_code, INT32_MIN);
	recorded__free(recorded);
	recording__close(recording);
}

static void what_is_recorded_is_selected_later(void **state)
{
	static const struct selection selections[] = {
		{.sort = SORT_BLOCKS, .top = 2},
		{.sort = SORT_GROWTH, .min_bytes = 1000000},
		{.sort = SORT_AGE, .holding_only = true},
	};
	const struct summary *const summaries[] = {&service};
	struct recording *recording;
	struct recorded *recorded;

	record(*state, summaries, 1);
	recording = open_recording(*state);
	recorded = read_one(recording, 0);
	for (size_t i = 0; i < SAMPLE_CNT(selections); i++) {
		struct summary *a = selection__view(&selections[i], &service);
		struct summary *b = selection__view(&selections[i], recorded__summary(recorded));

		assert_same_in_all_formats(a, b, &samples[0].options);
		selection__free_view(a);
		selection__free_view(b);
	}
	recorded__free(recorded);
	recording__close(recording);
}

static void equal_stacks_take_their_room_once(void **state)
{
	struct many_stacks *one = many_stacks__new();
	struct summary_process *processes = calloc(8, sizeof(*processes));
	struct protobuf alone = {0}, eight = {0};

	(void)state;
	one->process.stack_cnt = 1000;
	assert_int_equal(recorded__encode(&one->summary, &alone), 0);
	for (size_t i = 0; i < 8; i++)
		processes[i] = one->process;
	one->summary.processes = processes;
	one->summary.process_cnt = 8;
	assert_int_equal(recorded__encode(&one->summary, &eight), 0);
	/* numbers of eight times a thousand stacks, names and frames of one thousand */
	assert_true(eight.sz < alone.sz + 7 * 1000 * 40);
	protobuf__destroy(&alone);
	protobuf__destroy(&eight);
	free(processes);
	many_stacks__free(one);
}

static void a_hundred_thousand_stacks_come_back(void **state)
{
	struct many_stacks *many_ = many_stacks__new();
	const struct summary *const summaries[] = {&many_->summary};
	struct recording *recording;
	struct recorded *recorded;
	size_t sz;

	record(*state, summaries, 1);
	free(read_file(*state, &sz));
	assert_true(sz < 4 << 20);
	recording = open_recording(*state);
	recorded = read_one(recording, 0);
	assert_same_in_all_formats(
		&many_->summary, recorded__summary(recorded), &samples[0].options);
	recorded__free(recorded);
	recording__close(recording);
	many_stacks__free(many_);
}

/* ---- other versions ---- */

static void fields_that_are_not_known_are_passed_over(void **state)
{
	struct protobuf message = {0}, process = {0}, stack = {0};
	struct recorded *recorded;

	(void)state;
	protobuf__put_number(&stack, 900, 7);
	protobuf__put_number(&stack, 10, 48); /* outstanding_bytes */
	protobuf__put_message(&process, PROCESS_STACK, &stack);
	protobuf__put_bytes(&process, 7, "later", 5);
	protobuf__put_bytes(&message, 5, "a table of a later version", 26);
	protobuf__put_double(&message, 901, 1.5);
	protobuf__put_message(&message, MESSAGE_PROCESS, &process);
	protobuf__put_message(&message, 902, &process);
	assert_int_equal(recorded__decode(message.bytes, message.sz, MEMORY_MAX, &recorded), 0);
	assert_int_equal(recorded__summary(recorded)->process_cnt, 1);
	assert_int_equal(recorded__summary(recorded)->processes->stacks->outstanding_bytes, 48);
	recorded__free(recorded);
	protobuf__destroy(&message);
	protobuf__destroy(&process);
	protobuf__destroy(&stack);
}

static void fields_that_are_not_there_are_nothing(void **state)
{
	struct recorded *recorded;

	(void)state;
	assert_int_equal(recorded__decode((const uint8_t *)"", 0, MEMORY_MAX, &recorded), 0);
	assert_int_equal(recorded__summary(recorded)->process_cnt, 0);
	assert_null(recorded__summary(recorded)->host);
	recorded__free(recorded);
}

static void other_files_are_refused_by_what_they_are(void **state)
{
	struct fixture *fixture = *state;
	struct record_head head = {.version = RECORD_VERSION + 1};
	struct recording *recording;

	assert_int_equal(recording__open(fixture->path, &recording), -ENOENT);
	assert_int_equal(recording__open(fixture->dir, &recording), -EISDIR);
	assert_int_equal(recording__open("/dev/zero", &recording), -EBADMSG);
	write_file(fixture, "", 0);
	assert_int_equal(recording__open(fixture->path, &recording), -EBADMSG);
	write_file(fixture, "{\"schema\":\"heaptap/1\"}\n", 23);
	assert_int_equal(recording__open(fixture->path, &recording), -EBADMSG);
	memcpy(head.magic, RECORD_MAGIC, sizeof(head.magic));
	write_file(fixture, &head, sizeof(head));
	assert_int_equal(recording__open(fixture->path, &recording), -EPROTONOSUPPORT);
	head.version = RECORD_VERSION;
	write_file(fixture, &head, sizeof(head));
	assert_int_equal(recording__open(fixture->path, &recording), 0);
	assert_int_equal(recording__cnt(recording), 0);
	recording__close(recording);
}

/* ---- damage ---- */

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

/* ---- rotation ---- */

static void a_bounded_file_keeps_the_newest(void **state)
{
	enum { MAX_SIZE = 8192, APPENDED = 200 };
	struct recorder *recorder = open_recorder(*state, MAX_SIZE);
	struct summary summary = killed;
	struct recording *reader = NULL;
	size_t least = SIZE_MAX;

	for (int i = 0; i < APPENDED; i++) {
		struct recording *recording;
		struct recorded *recorded;
		size_t sz, cnt;

		summary.events_received = i;
		assert_int_equal(recorder__append(recorder, &summary), 0);
		free(read_file(*state, &sz));
		assert_true(sz <= MAX_SIZE);
		recording = open_recording(*state);
		assert_null(recording__damage(recording));
		cnt = recording__cnt(recording);
		if (i > APPENDED / 2 && cnt < least)
			least = cnt;
		for (size_t at = 0; at < cnt; at++) { /* the last of all, none missing */
			recorded = read_one(recording, at);
			assert_int_equal(
				recorded__summary(recorded)->events_received, i + 1 + at - cnt);
			recorded__free(recorded);
		}
		if (i == 5)
			reader = recording;
		else
			recording__close(recording);
	}
	assert_true(least > 5);
	assert_int_equal(recorder__close(recorder), 0);
	assert_int_equal(recording__cnt(reader), 6); /* one that reads it keeps what it opened */
	recorded__free(read_one(reader, 0));
	recording__close(reader);
}

static void a_snapshot_larger_than_the_bound_stands_alone(void **state)
{
	struct recorder *recorder = open_recorder(*state, 100);
	struct recording *recording;

	for (int i = 0; i < 3; i++)
		assert_int_equal(recorder__append(recorder, &service), 0);
	assert_int_equal(recorder__close(recorder), 0);
	recording = open_recording(*state);
	assert_int_equal(recording__cnt(recording), 1);
	recorded__free(read_one(recording, 0));
	recording__close(recording);
}

/* ---- the file itself ---- */

static void a_recording_can_be_read_while_it_is_replaced(void **state)
{
	const struct summary *const summaries[] = {&killed, &service};
	struct recording *recording;

	record(*state, summaries, 2);
	recording = open_recording(*state);
	record(*state, summaries, 1);
	recorded__free(read_one(recording, 1));
	recording__close(recording);
	recording = open_recording(*state);
	assert_int_equal(recording__cnt(recording), 1);
	recording__close(recording);
}

static void mode_and_link_stay(void **state)
{
	const struct fixture *fixture = *state;
	char link_path[sizeof(fixture->path) + 8];
	struct recorder *recorder;
	struct stat st;

	write_file(fixture, "", 0);
	assert_int_equal(chmod(fixture->path, 0600), 0);
	snprintf(link_path, sizeof(link_path), "%s/link", fixture->dir);
	assert_int_equal(symlink(fixture->path, link_path), 0);
	assert_int_equal(recorder__open(link_path, 1000, &recorder), 0);
	for (int i = 0; i < 20; i++) /* the oldest are dropped meanwhile */
		assert_int_equal(recorder__append(recorder, &killed), 0);
	assert_int_equal(recorder__close(recorder), 0);
	assert_int_equal(lstat(link_path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 100 && st.st_size <= 1000);
	unlink(link_path);
}

static void what_is_no_file_is_not_replaced(void **state)
{
	const struct fixture *fixture = *state;
	struct recorder *recorder;

	assert_int_equal(recorder__open(fixture->dir, 0, &recorder), -EISDIR);
	assert_int_equal(recorder__open("/dev/null", 0, &recorder), -EINVAL);
	assert_int_equal(recorder__open("/nowhere/x.heaptap", 0, &recorder), -ENOENT);
}

/* ---- a writer that is stopped ---- */

static void a_full_disk_leaves_the_file_as_it_was(void **state)
{
	struct recorder *recorder = open_recorder(*state, 0);
	struct rlimit limit, old;
	struct recording *recording;
	size_t sz;

	assert_int_equal(recorder__append(recorder, &killed), 0);
	free(read_file(*state, &sz));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){sz + 100, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(recorder__append(recorder, &service), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	recording = open_recording(*state);
	assert_null(recording__damage(recording));
	assert_int_equal(recording__cnt(recording), 1);
	recording__close(recording);
	assert_int_equal(recorder__append(recorder, &service), 0);
	assert_int_equal(recorder__close(recorder), 0);
	recording = open_recording(*state);
	assert_int_equal(recording__cnt(recording), 2);
	recorded__free(read_one(recording, 1));
	recording__close(recording);
}

/* Appends until it is killed, and tells of each snapshot that is written. */
static void append_for_ever(const struct fixture *fixture, int told_fd)
{
	struct recorder *recorder;

	if (recorder__open(fixture->path, 1 << 20, &recorder))
		_exit(1);
	while (!recorder__append(recorder, &service) && write(told_fd, "x", 1) == 1)
		;
	_exit(1);
}

static void a_killed_writer_leaves_what_it_wrote(void **state)
{
	for (int round = 0; round < 10; round++) {
		struct recording *recording;
		int pipe_fds[2], status;
		char byte;
		pid_t pid;

		assert_int_equal(pipe(pipe_fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			append_for_ever(*state, pipe_fds[1]);
		close(pipe_fds[1]);
		for (int i = 0; i < 20 + 3 * round; i++)
			assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		close(pipe_fds[0]);
		recording = open_recording(*state);
		assert_true(recording__cnt(recording) >= 20);
		for (size_t i = 0; i < recording__cnt(recording); i++)
			recorded__free(read_one(recording, i));
		recording__close(recording);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_sample_comes_back_in_every_format),
		TEST(what_is_not_shown_comes_back_too),
		TEST(what_is_recorded_is_selected_later),
		TEST(equal_stacks_take_their_room_once),
		TEST(a_hundred_thousand_stacks_come_back),
		TEST(fields_that_are_not_known_are_passed_over),
		TEST(fields_that_are_not_there_are_nothing),
		TEST(other_files_are_refused_by_what_they_are),
		TEST(a_file_cut_anywhere_is_readable_up_to_there),
		TEST(a_changed_byte_is_noticed),
		TEST(sizes_that_lie_are_not_believed),
		TEST(bombs_are_refused),
		TEST(references_to_nothing_are_refused),
		TEST(values_that_no_summary_has_are_refused),
		TEST(stacks_deeper_than_heaptap_takes_are_refused),
		TEST(a_bounded_file_keeps_the_newest),
		TEST(a_snapshot_larger_than_the_bound_stands_alone),
		TEST(a_recording_can_be_read_while_it_is_replaced),
		TEST(mode_and_link_stay),
		TEST(what_is_no_file_is_not_replaced),
		TEST(a_full_disk_leaves_the_file_as_it_was),
		TEST(a_killed_writer_leaves_what_it_wrote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
