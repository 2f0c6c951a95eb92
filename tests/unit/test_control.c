/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asking a heaptap that is tracing: what does not depend on its answer. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "control/control.h"

#define LOOKS 100	     /* more than a socket's queue takes */
#define LOOKS_SECONDS_MAX 10 /* then SIGALRM ends the test */

static void say_nothing(
	void *arg, const char *verb, const char *argument, struct control_answer *answer)
{
}

/* A process that can be asked, and does not answer: as one that somebody has stopped. */
static pid_t start_silent(void)
{
	struct control *control;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (control__open(say_nothing, NULL, &control) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_silent(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void one_that_does_not_answer_is_listed_and_holds_up_nobody(void **state)
{
	pid_t silent = start_silent(), found[2];
	struct control *control;

	(void)state;
	alarm(LOOKS_SECONDS_MAX);
	for (int i = 0; i < LOOKS; i++) {
		assert_int_equal(control__list(found, 2), 1);
		assert_int_equal(found[0], silent);
	}
	assert_int_equal(control__open(say_nothing, NULL, &control), 0);
	alarm(0);
	control__close(control);
	end_silent(silent);
}

static void one_that_was_killed_is_not_listed_and_swept_away(void **state)
{
	pid_t silent = start_silent(), found[2];
	struct control *control;
	char path[128];

	(void)state;
	end_silent(silent);
	snprintf(path, sizeof(path), "%s/%d.sock", getenv("HEAPTAP_RUNTIME_DIR"), silent);
	assert_int_equal(control__list(found, 2), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(control__open(say_nothing, NULL, &control), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	control__close(control);
}

static int use_own_directory(void **state)
{
	static char directory[] = "/tmp/heaptap-control-XXXXXX";

	*state = directory;
	return mkdtemp(directory) ? setenv("HEAPTAP_RUNTIME_DIR", directory, 1) : -1;
}

static int remove_directory(void **state)
{
	return rmdir(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_does_not_answer_is_listed_and_holds_up_nobody),
		cmocka_unit_test(one_that_was_killed_is_not_listed_and_swept_away),
	};

	return cmocka_run_group_tests(tests, use_own_directory, remove_directory);
}
