/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The formats of other people's tools: folded, pprof, massif. Against golden files where they are
 * text; against the JSON of the same summary by check_formats.py, which reads them itself; and by
 * the tools that they are for, where these are installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "golden.h"
#include "many_stacks.h"
#include "report/selection.h"
#include "report_samples.h"

static const struct render_options plain = {0};
static const char *const formats[] = {"json", "folded", "pprof", "massif"};

/* Exit status of a command of the shell. */
__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[2 * PATH_MAX];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_file(const char *path, const char *bytes, size_t sz)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sz, file), sz);
	assert_int_equal(fclose(file), 0);
}

/* A folder with the summary in each format, each file called as its format: to be removed. */
static void write_all(const struct summary *summary, char dir[static 32])
{
	strcpy(dir, "/tmp/heaptap-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < SAMPLE_CNT(formats); i++) {
		char path[64];
		size_t sz;
		char *bytes = golden__render(renderer__find(formats[i]), summary, &plain, &sz);

		snprintf(path, sizeof(path), "%s/%s", dir, formats[i]);
		write_file(path, bytes, sz);
		free(bytes);
	}
}

static void remove_all(const char *dir)
{
	assert_int_equal(shell("rm -r %s", dir), 0);
}

static int check_formats(const char *dir)
{
	char checker[PATH_MAX];

	tests__path(checker, sizeof(checker), "check_formats.py");
	return shell(
		"python3 '%s' %s/json %s/folded %s/pprof %s/massif", checker, dir, dir, dir, dir);
}

/* ---- by our own readers ---- */

static void each_sample_is_as_its_golden_file(void **state)
{
	static const char *const texts[] = {"folded", "massif"};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples) * SAMPLE_CNT(texts); i++) {
		const struct sample *sample = &samples[i / SAMPLE_CNT(texts)];
		const char *format = texts[i % SAMPLE_CNT(texts)];
		char *text, *golden;
		size_t sz;

		if (sample->options.colour || sample->options.verbosity)
			continue; /* the text's affair */
		text = golden__render(renderer__find(format), sample->summary, &plain, &sz);
		if (!sz) { /* no stack: no line, and no golden file */
			free(text);
			continue;
		}
		golden = golden__read(sample->name, format, text);
		assert_string_equal(text, golden);
		free(text);
		free(golden);
	}
}

static void every_format_tells_what_json_tells(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		char dir[32];

		write_all(samples[i].summary, dir);
		if (check_formats(dir))
			fail_msg("sample %s", samples[i].name);
		remove_all(dir);
	}
}

static void the_checker_can_fail(void **state)
{
	static const char *const edits[] = {
		"sed -i 's/ [0-9]*$/ 1/' folded",
		"sed -i 's/_start;/_st;/' folded",
		"gzip -dc <pprof | sed 's/zmalloc_usable/zmalloc_usabel/' | gzip >x && mv x pprof",
		"sed -i 's/^mem_heap_B=./mem_heap_B=9/' massif",
		"sed -i 's/n0: 1/n0: 2/' massif",
	};

	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(edits); i++) {
		char dir[32];

		write_all(&service, dir);
		assert_int_equal(check_formats(dir), 0);
		assert_int_equal(shell("cd %s && %s", dir, edits[i]), 0);
		assert_int_not_equal(check_formats(dir), 0);
		remove_all(dir);
	}
}

static void the_same_summary_gives_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(formats); i++) {
		const struct renderer *renderer = renderer__find(formats[i]);
		size_t sz, other_sz;
		char *bytes = golden__render(renderer, &service, &plain, &sz);
		char *other = golden__render(renderer, &service, &plain, &other_sz);

		assert_int_equal(sz, other_sz);
		assert_memory_equal(bytes, other, sz);
		free(bytes);
		free(other);
	}
}

static void a_full_disk_is_reported(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_CNT(formats); i++) {
		FILE *out = fopen("/dev/full", "w");

		assert_non_null(out);
		assert_int_equal(
			renderer__find(formats[i])->render(&service, &plain, out), -ENOSPC);
		fclose(out);
	}
}

/* ---- massif over time ---- */

static char *render_history(
	const struct summary *const *summaries, size_t cnt, const struct renderer *renderer)
{
	struct render_options options = {0};
	char *text = NULL;
	size_t sz;
	FILE *out = open_memstream(&text, &sz);

	for (size_t i = 0; i < cnt; i++) {
		uint64_t bytes = summary__outstanding_bytes(summaries[i]);

		assert_int_equal(renderer->render(summaries[i], &options, out), 0);
		options.past_cnt++;
		if (bytes > options.past_bytes)
			options.past_bytes = bytes;
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void summaries_over_time_are_one_massif_file(void **state)
{
	struct summary small = many;
	const struct summary *const history[] = {&small, &service, &small, &service, &complete_run};
	char *text = render_history(history, SAMPLE_CNT(history), &massif_renderer);
	char *golden = golden__read("history", "massif", text);

	(void)state;
	assert_string_equal(text, golden);
	free(text);
	free(golden);
}

static void texts_over_time_have_a_line_between_them(void **state)
{
	const struct summary *const history[] = {&nobody, &nobody};
	char *text = render_history(history, 2, &text_renderer);

	(void)state;
	assert_non_null(strstr(text + 1, "\n\n\n====") ? NULL : strstr(text + 1, "\n\n===="));
	free(text);
}

/* ---- by the tools themselves ---- */

static bool has_program(const char *name)
{
	return !shell("command -v %s >/dev/null 2>&1", name);
}

/* What the tool says of each sample's file; `command` is run in a folder with all formats. */
static void take_to(const char *program, const char *command)
{
	if (!has_program(program))
		skip();
	for (size_t i = 0; i < SAMPLE_CNT(samples); i++) {
		char dir[32];

		write_all(samples[i].summary, dir);
		if (shell("cd %s && { %s; } >said 2>&1", dir, command)) {
			shell("cat %s/said", dir);
			fail_msg("%s, sample %s", command, samples[i].name);
		}
		remove_all(dir);
	}
}

static void pprof_reads_every_sample(void **state)
{
	(void)state;
	take_to("go",
		"go tool pprof -raw pprof && go tool pprof -top pprof && ! grep -q '\x1b' said");
}

static void ms_print_reads_every_sample(void **state)
{
	(void)state;
	take_to("ms_print", "ms_print massif && ! grep -q '\x1b' said");
}

/* "flat" is of the allocator's caller, and in the file each function of the stack has its share. */
static void pprof_gives_the_bytes_to_the_caller(void **state)
{
	char dir[32];

	(void)state;
	if (!has_program("go"))
		skip();
	write_all(&complete_run, dir);
	assert_int_equal(shell("cd %s && go tool pprof -top -unit=B pprof 2>/dev/null |"
			       "grep -qE '^ *1500B +100%% +100%% +1500B +100%% +"
			       "ztrymalloc_usable_internal'",
				 dir),
		0);
	assert_int_equal(shell("cd %s && go tool pprof -top -sample_index=alloc_objects "
			       "pprof 2>/dev/null | grep -qE '^ *3 +100%% +100%% +3 +100%% +z'",
				 dir),
		0);
	remove_all(dir);
}

static void a_hundred_thousand_stacks_stay_valid(void **state)
{
	struct many_stacks *many_ = many_stacks__new();
	char dir[32];

	(void)state;
	write_all(&many_->summary, dir);
	assert_int_equal(check_formats(dir), 0);
	if (has_program("go"))
		assert_int_equal(shell("cd %s && go tool pprof -top -unit=B pprof 2>/dev/null |"
				       "grep -q ' %zuB total'",
					 dir, 8 * many_->cnt * (many_->cnt + 1)),
			0);
	if (has_program("ms_print"))
		assert_int_equal(shell("cd %s && ms_print massif >/dev/null", dir), 0);
	remove_all(dir);
	many_stacks__free(many_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sample_is_as_its_golden_file),
		cmocka_unit_test(every_format_tells_what_json_tells),
		cmocka_unit_test(the_checker_can_fail),
		cmocka_unit_test(the_same_summary_gives_the_same_bytes),
		cmocka_unit_test(a_full_disk_is_reported),
		cmocka_unit_test(summaries_over_time_are_one_massif_file),
		cmocka_unit_test(texts_over_time_have_a_line_between_them),
		cmocka_unit_test(pprof_reads_every_sample),
		cmocka_unit_test(ms_print_reads_every_sample),
		cmocka_unit_test(pprof_gives_the_bytes_to_the_caller),
		cmocka_unit_test(a_hundred_thousand_stacks_stay_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
