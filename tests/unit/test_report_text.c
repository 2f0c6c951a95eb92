/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text renderer: against golden files, and for what must hold for any summary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "golden.h"
#include "report_samples.h"

static char *render(const struct sample *sample)
{
	size_t sz;
	char *text = golden__render(&text_renderer, sample->summary, &sample->options, &sz);

	assert_int_equal(strlen(text), sz);
	return text;
}

static const struct sample *sample_named(const char *name)
{
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++)
		if (!strcmp(samples[i].name, name))
			return &samples[i];
	fail_msg("no sample %s", name);
	return NULL;
}

static void check_contains(const char *name, const char *const *expected)
{
	char *text = render(sample_named(name));

	for (size_t i = 0; expected[i]; i++)
		if (!strstr(text, expected[i]))
			fail_msg("\"%s\" is not in:\n%s", expected[i], text);
	free(text);
}

static void check_lacks(const char *name, const char *const *unexpected)
{
	char *text = render(sample_named(name));

	for (size_t i = 0; unexpected[i]; i++)
		if (strstr(text, unexpected[i]))
			fail_msg("\"%s\" is in:\n%s", unexpected[i], text);
	free(text);
}

#define CONTAINS(name, ...) check_contains(name, (const char *const[]){__VA_ARGS__, NULL})
#define LACKS(name, ...) check_lacks(name, (const char *const[]){__VA_ARGS__, NULL})

static void each_sample_is_as_its_golden_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		char *text = render(&samples[i]);
		char *golden = golden__read(samples[i].name, "txt", text);

		assert_string_equal(text, golden);
		free(text);
		free(golden);
	}
}

static void a_service_is_told_whole(void **state)
{
	(void)state;
	CONTAINS("service", "redis-server  pid 1234  running for 5 d 3 h",
		"48.2 MiB in 12,345 blocks (50,541,363 bytes), peak 50.1 MiB",
		"+1022 KiB, +300 blocks since the last summary",
		"9,876,543 allocations of 1.2 GiB, 9,864,198 frees, 0 failed", "65.4 %",
		"12.3 s to 3 h 2 m old", "zmalloc_usable+0x24", "src/zmalloc.c:123",
		"ztrymalloc_usable_internal (inlined)", "[libsession.so+0x30444]",
		"[0x7f3a00001234]", "(incomplete: ends at an address that lies in no file)",
		"and 53 more stacks with 29.", "books complete since tracing began",
		"19,741,086 seen, none lost, 1,207 frees of unknown blocks");
	LACKS("service", "/usr/src/redis", LIBC, "#4", "not counted twice", "\x1b");
}

static void verbose_adds_paths_counters_and_cost(void **state)
{
	(void)state;
	CONTAINS("service_verbose", "/usr/src/redis/src/zmalloc.c:123", LIBC "+0x99d20",
		"5,120  calls inside other", "12.3 s of processor time", "uprobe session",
		"_M_realloc_insert<std::pair<std::string, Session> >()+0x1d4");
}

static void a_complete_run_says_so(void **state)
{
	(void)state;
	CONTAINS("complete_run", "exited with code 3",
		"1.46 KiB in 3 blocks (1,500 bytes), peak 2.44 KiB", "2 failed",
		"books complete: every allocation and free since its start was seen");
	LACKS("complete_run", "INCOMPLETE", "change", "more stack");
}

static void losses_are_told_with_their_meaning_and_a_remedy(void **state)
{
	(void)state;
	CONTAINS("incomplete", "INCOMPLETE: ", "34 frees lost: ring full", "1,242 lost",
		"blocks that are shown as outstanding may have been freed",
		"blocks that are outstanding may be missing", "--ring-size", "short of memory",
		"(no frames: the call stack was lost)",
		"2 of the losses are of processes that are not shown here");
	LACKS("incomplete", "books complete");
}

static void signals_have_names(void **state)
{
	(void)state;
	CONTAINS("killed", "killed by SIGSEGV", "512 B in 1 block, peak",
		"and 1 more stack with 512 B in 1 block ");
	CONTAINS("many", "killed by SIGRTMIN");
	CONTAINS("hostile", "killed by signal 200");
}

static void nothing_outstanding_is_short(void **state)
{
	char *text = render(sample_named("no_blocks"));
	size_t lines = 0;

	(void)state;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, 1, 7);
	assert_non_null(strstr(text, "nothing outstanding, peak 53.2 KiB: 345 allocations"));
	assert_null(strstr(text, "#1"));
	free(text);
}

static void many_processes_have_their_classes(void **state)
{
	(void)state;
	CONTAINS("many", "sh  pid 10  replaced by exec", "app  pid 10 (exec 1)",
		"books complete for 2 of 6 processes: every",
		"2 frees were of blocks that no probed allocator",
		"books complete for 2 of 6 processes since tracing began", "and 70 came",
		"INCOMPLETE for 2 of 6 processes", "at least 10 m 0 s old",
		"its files cannot be opened: Permission denied");
}

/* A reader of a terminal must get our colours, and no other control sequence. */
static void no_control_byte_of_a_target_gets_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		char *text = render(&samples[i]);

		for (const unsigned char *at = (unsigned char *)text; *at; at++) {
			unsigned int number, sz = 0;

			if (*at >= 0x20 && *at != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0))
				continue;
			if (*at == '\n')
				continue;
			assert_int_equal(*at, 0x1b);
			assert_true(samples[i].options.colour);
			if (sscanf((const char *)at, "\x1b[1;%um%n", &number, (int *)&sz) < 1 ||
				!sz)
				assert_int_equal(
					sscanf((const char *)at, "\x1b[%um%n", &number, (int *)&sz),
					1);
			assert_true(sz > 0);
			assert_in_range(number, 0, 36);
		}
		free(text);
	}
}

static void strip_colours(char *text)
{
	char *to = text;

	for (; *text; text++)
		if (*text == '\x1b')
			text = strchr(text, 'm');
		else
			*to++ = *text;
	*to = '\0';
}

static void colours_change_nothing_else(void **state)
{
	static const char *const pairs[][2] = {
		{"service", "service_colour"}, {"incomplete", "incomplete_colour"}};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(pairs); i++) {
		char *plain = render(sample_named(pairs[i][0]));
		char *colour = render(sample_named(pairs[i][1]));

		assert_string_not_equal(colour, plain);
		strip_colours(colour);
		assert_string_equal(colour, plain);
		free(plain);
		free(colour);
	}
}

static void lines_fit_a_terminal(void **state)
{
	static const char *const names[] = {
		"service", "complete_run", "incomplete", "killed", "no_blocks", "many", "nobody"};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(names); i++) {
		char *text = render(sample_named(names[i]));

		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_in_range(strlen(line), 0, 100);
		free(text);
	}
}

static void a_full_disk_is_reported_each_time(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	assert_int_equal(text_renderer.render(&service, &samples[0].options, out), -ENOSPC);
	assert_int_equal(text_renderer.render(&service, &samples[0].options, out), -ENOSPC);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sample_is_as_its_golden_file),
		cmocka_unit_test(a_service_is_told_whole),
		cmocka_unit_test(verbose_adds_paths_counters_and_cost),
		cmocka_unit_test(a_complete_run_says_so),
		cmocka_unit_test(losses_are_told_with_their_meaning_and_a_remedy),
		cmocka_unit_test(signals_have_names),
		cmocka_unit_test(nothing_outstanding_is_short),
		cmocka_unit_test(many_processes_have_their_classes),
		cmocka_unit_test(no_control_byte_of_a_target_gets_through),
		cmocka_unit_test(colours_change_nothing_else),
		cmocka_unit_test(lines_fit_a_terminal),
		cmocka_unit_test(a_full_disk_is_reported_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
