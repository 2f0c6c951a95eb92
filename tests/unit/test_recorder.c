/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The recorder's file: its bound, who reads it meanwhile, and a writer that is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "record_fixture.h"
#include "report_samples.h"

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
	const struct CMUnitTest tests[] = {
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
