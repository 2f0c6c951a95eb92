/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Recordings: what is written comes back, by bytes of every format, also from other versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include "golden.h"
#include "many_stacks.h"
#include "record/format.h"
#include "record/snapshot.h"
#include "record_fixture.h"
#include "report/selection.h"
#include "report_samples.h"
#include "util/protobuf.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_sample_comes_back_in_every_format),
		TEST(what_is_not_shown_comes_back_too),
		TEST(what_is_recorded_is_selected_later),
		TEST(equal_stacks_take_their_room_once),
		TEST(a_hundred_thousand_stacks_come_back),
		TEST(fields_that_are_not_known_are_passed_over),
		TEST(fields_that_are_not_there_are_nothing),
		TEST(other_files_are_refused_by_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
