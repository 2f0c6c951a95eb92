/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The worker process that reads debug information, and its keeper: what dies is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "symbolize_fixture.h"

/* A process's parent; -1 if it is gone or only waits to be reaped. */
static pid_t parent_of(pid_t pid)
{
	char path[64], process_state = 'Z';
	int parent = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return -1;
	if (fscanf(file, "%*d (%*[^)]) %c %d", &process_state, &parent) != 2)
		parent = -1;
	fclose(file);
	return process_state == 'Z' ? -1 : parent;
}

static pid_t child_of(pid_t parent)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t child = -1;

	while (child < 0 && (entry = readdir(proc)))
		if (isdigit(entry->d_name[0]) && parent_of(atoi(entry->d_name)) == parent)
			child = atoi(entry->d_name);
	closedir(proc);
	return child;
}

/* The worker of now, which is not `old`. */
static pid_t wait_for_worker(const struct subject *subject, pid_t old)
{
	pid_t worker = -1;

	for (int i = 0; i < 500 && (worker < 0 || worker == old); i++) {
		usleep(10000);
		worker = child_of(symbolizer__keeper(subject->symbolizer));
	}
	assert_true(worker > 0 && worker != old);
	return worker;
}

static void wait_until_gone(pid_t pid)
{
	for (int i = 0; i < 500 && parent_of(pid) >= 0; i++)
		usleep(10000);
	assert_int_equal(parent_of(pid), -1);
}

static void a_file_cut_short_while_it_is_read_costs_its_names_only(void **state)
{
	struct subject subject, other = subject__built("plain");
	const struct symbol *symbols;
	uint64_t address = symbol_address("twin", "main", NULL);
	pid_t worker;

	(void)state;
	built__run("cp twin shrinking");
	subject = subject__built("shrinking");
	resolve(&subject, address, false, &symbols);
	assert_non_null(symbols[0].function);
	worker = wait_for_worker(&subject, 0);
	built__run("truncate -s 100 shrinking");
	for (int i = 1; i < 200; i += 7) /* SIGBUS for who reads a mapping of it */
		resolve(&subject, address + i, false, &symbols);
	assert_null(symbols[0].file);
	wait_for_worker(&subject, worker);
	subject.module = other.module;
	resolve(&subject, symbol_address("plain", "shown", NULL), false, &symbols);
	assert_in_range(symbols[0].line, 17, 21);
	resolve(&other, symbol_address("plain", "shown", NULL), false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
	subject__free(&other);
}

static void a_worker_that_is_killed_is_replaced(void **state)
{
	const struct symbol *symbols;
	struct subject subject = subject__built("plain");
	uint64_t address = symbol_address("plain", "shown", NULL);
	pid_t worker;

	(void)state;
	for (int i = 0; i < 3; i++) {
		worker = wait_for_worker(&subject, 0);
		resolve(&subject, address + i, false, &symbols);
		assert_string_equal(symbols[0].function, "shown");
		assert_true(symbols[0].line > 0);
		assert_int_equal(kill(worker, SIGKILL), 0);
		wait_for_worker(&subject, worker);
	}
	subject__free(&subject);
}

static void keeper_and_worker_end_with_the_symbolizer(void **state)
{
	struct subject subject = subject__built("plain");
	pid_t keeper = symbolizer__keeper(subject.symbolizer);
	pid_t worker = wait_for_worker(&subject, 0);

	(void)state;
	subject__free(&subject);
	wait_until_gone(keeper);
	wait_until_gone(worker);
}

/* The worker is stopped, so that it dies before it takes the question. */
static void a_question_waits_for_the_next_worker(void **state)
{
	const struct symbol *symbols;
	struct subject subject = subject__built("plain");
	uint64_t address = symbol_address("plain", "shown", NULL);
	pid_t worker, killer;

	(void)state;
	for (int i = 0; i < 3; i++) {
		worker = wait_for_worker(&subject, 0);
		assert_int_equal(kill(worker, SIGSTOP), 0);
		killer = fork();
		if (killer == 0) {
			usleep(300000);
			_exit(kill(worker, SIGKILL));
		}
		resolve(&subject, address + i, false, &symbols);
		waitpid(killer, NULL, 0);
		assert_string_equal(symbols[0].function, "shown");
	}
	subject__free(&subject);
}

static void without_keeper_and_worker_there_are_no_names(void **state)
{
	const struct symbol *symbols;
	struct subject subject = subject__built("plain");
	uint64_t address = symbol_address("plain", "shown", NULL);
	pid_t keeper = symbolizer__keeper(subject.symbolizer);
	pid_t worker = wait_for_worker(&subject, 0);

	(void)state;
	kill(keeper, SIGKILL);
	kill(worker, SIGKILL);
	wait_until_gone(keeper);
	wait_until_gone(worker);
	assert_int_equal(resolve(&subject, address, false, &symbols), 1);
	assert_null(symbols[0].function);
	subject__free(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_cut_short_while_it_is_read_costs_its_names_only),
		cmocka_unit_test(a_worker_that_is_killed_is_replaced),
		cmocka_unit_test(keeper_and_worker_end_with_the_symbolizer),
		cmocka_unit_test(a_question_waits_for_the_next_worker),
		cmocka_unit_test(without_keeper_and_worker_there_are_no_names),
	};

	return cmocka_run_group_tests(tests, set_up_twin, built__teardown);
}
