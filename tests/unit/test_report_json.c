/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The JSON renderer: against golden files, by bytes and by parsed value, and against its contract
 * (user/report/JSON_SCHEMA.md) with Python's parser, by check_summary.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "golden.h"
#include "report_samples.h"
#include "util/text.h"

#define EXPRESSIONS_MAX 24

static struct json_object *parse(const char *text)
{
	enum json_tokener_error error;
	struct json_object *object = json_tokener_parse_verbose(text, &error);

	assert_int_equal(error, json_tokener_success);
	return object;
}

static void each_sample_is_as_its_golden_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		struct json_object *value, *golden_value;
		char *text, *golden;
		size_t sz;

		if (samples[i].options.colour || samples[i].options.verbosity)
			continue; /* the text's affair */
		text = golden__render(&json_renderer, samples[i].summary, &samples[i].options, &sz);
		golden = golden__read(samples[i].name, "json", text);
		value = parse(text);
		golden_value = parse(golden);
		assert_true(json_object_equal(value, golden_value));
		assert_string_equal(text, golden);
		json_object_put(value);
		json_object_put(golden_value);
		free(text);
		free(golden);
	}
}

static void a_summary_is_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		size_t sz;
		char *text = golden__render(
			&json_renderer, samples[i].summary, &samples[i].options, &sz);

		assert_int_equal(strlen(text), sz);
		assert_ptr_equal(strchr(text, '\n'), text + sz - 1);
		free(text);
	}
}

/* Exit status of check_summary.py. */
static int run_checker(const char *output, const char *const *expressions)
{
	char checker[PATH_MAX], contract[PATH_MAX];
	char *args[EXPRESSIONS_MAX + 5] = {"python3",
		(char *)tests__path(checker, sizeof(checker), "check_summary.py"),
		(char *)tests__path(contract, sizeof(contract), "../../user/report/JSON_SCHEMA.md"),
		(char *)output};
	pid_t pid;
	int status;

	for (size_t i = 0; i < EXPRESSIONS_MAX && expressions[i]; i++)
		args[4 + i] = (char *)expressions[i];
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		execvp(args[0], args);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As a reader gets it: lines in a file. */
static int check(const struct summary *summary, const struct render_options *options,
	const char *const *expressions)
{
	char path[] = "/tmp/heaptap-test-XXXXXX";
	int fd = mkstemp(path), status;
	FILE *out;

	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	assert_non_null(out);
	assert_int_equal(json_renderer.render(&nobody, options, out), 0);
	assert_int_equal(json_renderer.render(summary, options, out), 0);
	assert_int_equal(fclose(out), 0);
	status = run_checker(path, expressions);
	unlink(path);
	return status;
}

static void every_sample_keeps_the_contract(void **state)
{
	static const char *const none[] = {NULL};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++)
		assert_int_equal(check(samples[i].summary, &samples[i].options, none), 0);
}

static void the_checker_can_fail(void **state)
{
	static const char *const wrong[] = {"s['schema'] == 'heaptap/0'", NULL};

	(void)state;
	assert_int_equal(check(&nobody, &samples[0].options, wrong), 1);
}

static void another_parser_reads_the_values(void **state)
{
	static const char *const expressions[] = {
		"s['schema'] == 'heaptap/1' and s['kind'] == 'periodic'",
		"s['time'] == '2026-03-01T03:12:45.123Z'",
		"s['uptime_s'] == 7805.25 and s['cost'] == {'cpu_s': 12.346, 'unwind_files': 7, "
		"'unwind_rows': 98765, 'unwind_bytes': 790176, 'unwind_load_s': 0.042, "
		"'rss_bytes': "
		"47185920}",
		"s['processes'][0]['start_time'] == '2026-02-24T00:12:44.623Z'",
		"s['processes'][0]['pid'] == 1234 and s['processes'][0]['image'] == 0xdeadbeef",
		"s['processes'][0]['exit_code'] is None and s['processes'][0]['signal'] is None",
		"s['processes'][0]['totals']['outstanding_bytes'] == 50541363",
		"s['processes'][0]['events']['unmatched_frees'] == 1207",
		"s['processes'][0]['filtered_bytes'] is None and s['min_age_s'] is None",
		"s['processes'][0]['stacks_complete'] == 54 and "
		"s['processes'][0]['stacks_truncated']['bad_pc'] == 3",
		"len(s['processes'][0]['stacks']) == 4 and s['processes'][0]['stacks_total'] == 57",
		"s['processes'][0]['stacks'][2]['growth_bytes'] == -2048",
		"s['processes'][0]['stacks'][1]['end'].startswith('ends at an address')",
		"s['processes'][0]['stacks'][3]['oldest_age_s'] is None",
		"[f['inlined'] for f in s['processes'][0]['stacks'][0]['frames']][:3] == "
		"[False, True, False]",
		"s['processes'][0]['stacks'][0]['frames'][1]['offset'] is None",
		"s['processes'][0]['stacks'][0]['frames'][2]['offset'] == 0x24",
		"s['processes'][0]['stacks'][0]['frames'][0]['address'] == '0x7f3a5c1e9d20'",
		"s['processes'][0]['stacks'][1]['frames'][4]['module_offset'] is None",
		"s['loss']['total'] == 0 and s['counters']['nested_calls'] == 5120",
		NULL,
	};

	(void)state;
	assert_int_equal(check(&service, &samples[0].options, expressions), 0);
}

static void losses_and_ends_are_told(void **state)
{
	static const char *const of_losses[] = {
		"s['loss']['total'] == 1242 == s['events']['lost']",
		"s['processes'][0]['loss']['total'] == 1240 == s['processes'][0]['events']['lost']",
		"s['processes'][0]['complete'] is False and s['processes'][0]['start_time'] is "
		"None",
		"s['processes'][0]['stacks'][0]['frames'] == []",
		NULL,
	};
	static const char *const of_signals[] = {
		"s['processes'][0]['state'] == 'killed' and s['processes'][0]['signal'] == 11",
		"s['processes'][0]['exit_code'] is None and s['kind'] == 'exit'",
		NULL,
	};
	static const char *const of_exits[] = {
		"s['processes'][0]['state'] == 'exited' and s['processes'][0]['exit_code'] == 3",
		"s['processes'][0]['signal'] is None and s['processes'][0]['from_birth'] is True",
		NULL,
	};
	static const char *const of_findings[] = {
		"s['checked'] is True and s['processes'][0]['findings_left_out'] == 7",
		"[f['kind'] for f in s['processes'][0]['findings']] == ['double_free', "
		"'mismatched_free', 'invalid_free', 'invalid_free']",
		"[[t['role'] for t in f['stacks']] for f in s['processes'][0]['findings']] == "
		"[['free', 'first_free', 'allocation'], ['free', 'allocation'], ['free', "
		"'allocation'], ['free']]",
		"[f['size'] for f in s['processes'][0]['findings']] == [100, 1, 4096, None]",
		"[f['offset'] for f in s['processes'][0]['findings']] == [None, None, 16, None]",
		NULL,
	};
	const struct render_options *plain = &samples[0].options;

	(void)state;
	assert_int_equal(check(&wrong_frees, plain, of_findings), 0);
	assert_int_equal(check(&incomplete, plain, of_losses), 0);
	assert_int_equal(check(&killed, plain, of_signals), 0);
	assert_int_equal(check(&complete_run, plain, of_exits), 0);
}

static void hostile_names_come_out_as_they_were(void **state)
{
	static const char *const expressions[] = {
		"s['host'] == 'evil\\nhost\\ufffd'",
		"s['processes'][0]['comm'] == 'no\\nend\\x1b[0m\\ufffd\\ufffd\"\\\\/!'",
		"s['processes'][0]['exe'] == '/tmp/\\x1b]0;owned\\x07/\\ufffd\\ufffd'",
		"s['processes'][0]['stacks'][0]['frames'][0]['function'] == "
		"'a\\nb\\x1b[2Jc\"\\\\\\ufffd'",
		"s['processes'][0]['totals']['allocs'] == 2**64 - 1",
		"s['processes'][0]['growth_bytes'] == -2**63",
		"s['processes'][0]['stacks'][0]['frames'][0]['address'] == '0x' + 16 * 'f'",
		"s['uptime_s'] is None or s['uptime_s'] >= 0",
		NULL,
	};

	(void)state;
	assert_int_equal(check(&hostile, &samples[0].options, expressions), 0);
}

static void no_control_byte_of_a_target_gets_through(void **state)
{
	size_t sz;
	char *text = golden__render(&json_renderer, &hostile, &samples[0].options, &sz), *printable;

	(void)state;
	assert_int_equal(text[sz - 1], '\n');
	text[sz - 1] = '\0';
	printable = text__printable(text);
	assert_string_equal(text, printable);
	free(printable);
	free(text);
}

static void a_full_disk_is_reported(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	assert_int_equal(json_renderer.render(&service, &samples[0].options, out), -ENOSPC);
	fclose(out);
}

static void renderers_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(renderer__find("json"), &json_renderer);
	assert_ptr_equal(renderer__find("text"), &text_renderer);
	assert_null(renderer__find("xml"));
	assert_null(renderer__find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sample_is_as_its_golden_file),
		cmocka_unit_test(a_summary_is_one_line),
		cmocka_unit_test(every_sample_keeps_the_contract),
		cmocka_unit_test(the_checker_can_fail),
		cmocka_unit_test(another_parser_reads_the_values),
		cmocka_unit_test(losses_and_ends_are_told),
		cmocka_unit_test(hostile_names_come_out_as_they_were),
		cmocka_unit_test(no_control_byte_of_a_target_gets_through),
		cmocka_unit_test(a_full_disk_is_reported),
		cmocka_unit_test(renderers_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
