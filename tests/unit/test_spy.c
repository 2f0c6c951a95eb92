// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The spy behind the ring: signatures, histograms, lines, and readers that are slow or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "probe/functions.h"
#include "probe/scan.h"
#include "spy/feed.h"
#include "spy/histogram.h"
#include "spy/spy.h"

static uint16_t function_of(const char *name)
{
	uint16_t function = 0;

	allocator_functions__count_queries(true);
	assert_true(allocator_function__find(name, strlen(name) + 1, &function));
	return function;
}

static struct signature signature_of(const char *name)
{
	return signature__of(function_of(name));
}

/* ---- signatures ---- */

static void assert_arguments(const char *symbol, const char *name, const char *const *arguments)
{
	struct signature signature = signature_of(symbol);
	int cnt = 0;

	assert_string_equal(signature.name, name);
	for (; arguments[cnt]; cnt++)
		assert_string_equal(signature.arguments[cnt], arguments[cnt]);
	assert_int_equal(signature.argument_cnt, cnt);
}

#define ASSERT_ARGUMENTS(symbol, name, ...)                                                        \
	assert_arguments(symbol, name, (const char *const[]){__VA_ARGS__, NULL})

static void arguments_have_the_names_of_the_manuals(void **state)
{
	ASSERT_ARGUMENTS("malloc", "malloc", "size");
	ASSERT_ARGUMENTS("calloc", "calloc", "nmemb", "size");
	ASSERT_ARGUMENTS("realloc", "realloc", "ptr", "size");
	ASSERT_ARGUMENTS("reallocarray", "reallocarray", "ptr", "nmemb", "size");
	ASSERT_ARGUMENTS("je_posix_memalign", "je_posix_memalign", "memptr", "alignment", "size");
	ASSERT_ARGUMENTS("free", "free", "ptr");
	ASSERT_ARGUMENTS("_Znwm", "operator new", "size");
	ASSERT_ARGUMENTS("_ZnamSt11align_val_tRKSt9nothrow_t", "operator new[]", "size",
		"alignment", "nothrow");
	ASSERT_ARGUMENTS("_ZdlPvmSt11align_val_t", "operator delete", "ptr", "size", "alignment");
	ASSERT_ARGUMENTS("mi_heap_reallocn", "mi_heap_reallocn", "arg1", "ptr", "nmemb", "size");
	ASSERT_ARGUMENTS("malloc_usable_size", "malloc_usable_size", "ptr");
	ASSERT_ARGUMENTS("mallinfo2", "mallinfo2", NULL);
	ASSERT_ARGUMENTS("mmap", "mmap", "addr", "length", "prot", "flags");
}

static void every_function_has_a_signature(void **state)
{
	for (size_t i = 0; i < allocator_function_cnt; i++) {
		struct signature signature = signature__of(i);

		assert_true(*signature.name);
		assert_true(signature.argument_cnt > 0 || signature.role == ROLE_QUERY);
		assert_true(signature.argument_cnt <= SPY_ARGUMENTS);
		for (int k = 0; k < signature.argument_cnt; k++)
			assert_non_null(signature.arguments[k]);
	}
}

static bool fails(const char *symbol, uint64_t a, uint64_t b, uint64_t result)
{
	struct signature signature = signature_of(symbol);
	struct spy_event record = {.arguments = {a, b}, .result = result};

	return signature__has_failed(&signature, &record);
}

static void failures_are_known_by_the_result(void **state)
{
	assert_true(fails("malloc", 8, 0, 0));
	assert_false(fails("malloc", 8, 0, 0x1000));
	assert_true(fails("realloc", 0x1000, 8, 0));
	assert_false(fails("realloc", 0x1000, 0, 0)); /* it frees */
	assert_true(fails("posix_memalign", 0, 8, EINVAL));
	assert_false(fails(
		"posix_memalign", 0, 8, 0xffffffff00000000)); /* an int: of the register's half */
	assert_false(fails("free", 0, 0, 0));
	assert_true(fails("mmap", 0, 8, UINT64_MAX));
	assert_false(fails("mmap", 0, 8, 0x7f0000000000));
	assert_true(fails("munmap", 0, 8, (uint32_t)-1));
	assert_true(fails("sbrk", 8, 0, UINT64_MAX));
	assert_false(fails("sbrk", 8, 0, 0));
}

static bool wants(const char *functions, const char *symbol)
{
	return spy_options__want(
		&(struct spy_options){.functions = functions}, function_of(symbol));
}

static void functions_are_asked_for_by_patterns(void **state)
{
	assert_true(wants(NULL, "malloc"));
	assert_true(wants("malloc", "malloc"));
	assert_false(wants("malloc", "je_malloc"));
	assert_true(wants("free,*malloc", "je_malloc"));
	assert_true(wants("operator new*", "_Znam"));
	assert_false(wants("operator new", "_Znam"));
	assert_true(wants("_Znam", "_Znam"));
	assert_false(wants("", "malloc"));
	assert_false(wants(",,", "malloc"));
}

/* ---- histograms ---- */

static void values_lie_between_powers_of_two(void **state)
{
	struct histogram histogram = {0};
	const uint64_t values[] = {0, 1, 2, 3, 4, 1023, 1024, UINT64_MAX};
	int first, end;

	histogram__range(&histogram, &first, &end);
	assert_int_equal(first, end);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		histogram__add(&histogram, values[i]);
	assert_int_equal(histogram.count[0], 2);
	assert_int_equal(histogram.count[1], 2);
	assert_int_equal(histogram.count[2], 1);
	assert_int_equal(histogram.count[9], 1);
	assert_int_equal(histogram.count[10], 1);
	assert_int_equal(histogram.count[63], 1);
	assert_int_equal(histogram.min, 0);
	assert_true(histogram.max == UINT64_MAX);
	histogram__range(&histogram, &first, &end);
	assert_int_equal(first, 0);
	assert_int_equal(end, 64);
	assert_int_equal(histogram__from(0), 0);
	assert_int_equal(histogram__from(10), 1024);
	assert_true(histogram__from(64) == UINT64_MAX);
}

static void a_histogram_is_drawn_from_first_to_last(void **state)
{
	struct histogram histogram = {0};
	char *text = NULL;
	size_t sz = 0;
	FILE *file = open_memstream(&text, &sz);

	for (int i = 0; i < 4; i++)
		histogram__add(&histogram, 600);
	histogram__add(&histogram, 2048);
	histogram__print(&histogram, file);
	fclose(file);
	assert_string_equal(text,
		"  [512, 1K)                   4 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"  [1K, 2K)                    0 |                                        |\n"
		"  [2K, 4K)                    1 |@@@@@@@@@@                              |\n");
	free(text);
}

/* ---- readers ---- */

static bool never(void *arg)
{
	return false;
}

static bool always(void *arg)
{
	return true;
}

static void all_is_read_that_was_flushed(void **state)
{
	char buf[64] = "";
	int ends[2];
	struct feed *feed;

	assert_int_equal(pipe(ends), 0);
	feed = feed__new(ends[1], never, NULL);
	assert_int_equal(feed__put(feed, "one\n", 4), 0);
	assert_int_equal(feed__put(feed, "two\n", 4), 0);
	assert_int_equal(feed__flush(feed), 0);
	assert_int_equal(read(ends[0], buf, sizeof(buf)), 8);
	assert_string_equal(buf, "one\ntwo\n");
	assert_int_equal(feed__unwritten(feed), 0);
	feed__free(feed);
	close(ends[0]);
	close(ends[1]);
}

/* The records that are in the pipe, and those that are counted, are all that there were. */
static void a_reader_that_takes_nothing_is_given_up(void **state)
{
	enum { RECORDS = 20000, RECORD_SZ = 10 };
	static char bytes[RECORDS * RECORD_SZ];
	int ends[2], whole;
	struct feed *feed;
	ssize_t sz;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	feed = feed__new(ends[1], always, NULL);
	for (int i = 0; i < RECORDS; i++)
		feed__put(feed, "123456789\n", RECORD_SZ);
	assert_int_equal(feed__flush(feed), -ETIMEDOUT);
	sz = read(ends[0], bytes, sizeof(bytes));
	whole = sz / RECORD_SZ;
	assert_true(whole > 0);
	assert_int_equal(feed__unwritten(feed), RECORDS - whole);
	feed__free(feed);
	close(ends[0]);
	close(ends[1]);
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
	int ends[2];
	struct feed *feed;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	feed = feed__new(ends[1], never, NULL);
	assert_int_equal(feed__put(feed, "one\n", 4), 0);
	assert_int_equal(feed__flush(feed), -EPIPE);
	assert_int_equal(feed__put(feed, "two\n", 4), -EPIPE);
	assert_int_equal(feed__unwritten(feed), 2);
	feed__free(feed);
	close(ends[1]);
}

/* ---- lines ---- */

struct spied_file {
	char text[8192];
	FILE *file;
	struct spy *spy;
};

static void open_spy(struct spied_file *spied, const struct spy_options *options,
	const struct spy_renderer *renderer)
{
	struct spy_setup setup = {.options = options, .renderer = renderer, .is_ending = never};

	*spied = (struct spied_file){.file = tmpfile()};
	setup.fd = fileno(spied->file);
	setup.begin.monotonic_ns = 1000000000;
	setup.begin.link = "multi";
	setup.begin.has_calls = !options->summary;
	spied->spy = spy__new(&setup);
	assert_non_null(spied->spy);
}

static void end_spy(struct spied_file *spied, struct spy_sum sum)
{
	assert_int_equal(spy__end(spied->spy, &sum), 0);
	spy__free(spied->spy);
	assert_true(pread(fileno(spied->file), spied->text, sizeof(spied->text) - 1, 0) > 0);
	fclose(spied->file);
}

static struct spy_event event_of(const char *symbol, uint64_t argument, uint64_t result)
{
	return (struct spy_event){
		.event = {.kind = EVENT_SPY_RETURN,
			.function = function_of(symbol),
			.tgid = 7,
			.tid = 8},
		.time_ns = 1000002500,
		.duration_ns = 850,
		.number = 3,
		.arguments = {argument},
		.result = result,
	};
}

static void a_line_for_each_call(void **state)
{
	struct spy_options options = {0};
	struct spy_event nested = event_of("malloc", 24, 0x5000);
	struct spy_event failed = event_of("malloc", 1 << 30, 0), left = event_of("_Znwm", 9, 1);
	struct spied_file spied;

	nested.depth = 1;
	left.event.flags = EVENT_F_SPY_LEFT;
	open_spy(&spied, &options, &spy_text);
	assert_int_equal(spy__call(spied.spy, &nested, NULL), 0);
	assert_int_equal(spy__call(spied.spy, &failed, NULL), 0);
	assert_int_equal(spy__call(spied.spy, &left, NULL), 0);
	assert_int_equal(spy__note_lost(spied.spy, 5), 0);
	assert_int_equal(spy__note_lost(spied.spy, 5), 0);
	end_spy(&spied, (struct spy_sum){.losses = {.lost = 5}});
	assert_string_equal(spied.text,
		"#   seconds    process  thread    inside  call\n"
		"   0.000002500       7       8    850 ns    malloc(size=24) = 0x5000\n"
		"   0.000002500       7       8    850 ns  malloc(size=1073741824) = 0 (failed)\n"
		"   0.000002500       7       8      left  operator new(size=9)\n"
		"# 5 records lost: the reader is too slow\n"
		"# 3 calls told, 5 records lost\n");
}

static void a_json_object_for_each_call(void **state)
{
	struct spy_options options = {0};
	struct spy_event event = event_of("posix_memalign", 0x7ffe0000, 0);
	struct spied_file spied;

	event.arguments[1] = 64;
	event.arguments[2] = UINT64_MAX;
	event.out = 0x6000;
	open_spy(&spied, &options, &spy_json);
	assert_int_equal(spy__call(spied.spy, &event, NULL), 0);
	event.event.kind = EVENT_SPY_ENTER;
	assert_int_equal(spy__call(spied.spy, &event, NULL), 0);
	end_spy(&spied, (struct spy_sum){.time_ns = 77});
	assert_string_equal(strchr(spied.text, '\n') + 1,
		"{\"event\":\"call\",\"time_ns\":1000002500,\"pid\":7,\"tid\":8,\"number\":3,"
		"\"depth\":0,"
		"\"function\":\"posix_memalign\",\"symbol\":\"posix_memalign\",\"arguments\":{"
		"\"memptr\":\"0x7ffe0000\",\"alignment\":64,\"size\":18446744073709551615},"
		"\"result\":0,\"stored\":\"0x6000\",\"failed\":false,\"left\":false,\"duration_"
		"ns\":850}\n"
		"{\"event\":\"pre\",\"time_ns\":1000002500,\"pid\":7,\"tid\":8,\"number\":3,"
		"\"depth\":0,"
		"\"function\":\"posix_memalign\",\"symbol\":\"posix_memalign\",\"arguments\":{"
		"\"memptr\":\"0x7ffe0000\",\"alignment\":64,\"size\":18446744073709551615}}\n"
		"{\"event\":\"end\",\"time_ns\":77,\"calls\":1,\"lost\":0,\"unwritten\":0,\"not_"
		"seen\":0}\n");
}

static void a_summary_in_place_of_lines(void **state)
{
	struct spy_options options = {.summary = true};
	struct spy_event event = event_of("malloc", 24, 0x5000), failed = event_of("malloc", 24, 0);
	struct spied_file spied;

	open_spy(&spied, &options, &spy_json);
	spy__call(spied.spy, &event, NULL);
	spy__call(spied.spy, &failed, NULL);
	end_spy(&spied, (struct spy_sum){0});
	assert_non_null(strstr(spied.text,
		"{\"event\":\"summary\",\"function\":\"malloc\",\"symbol\":\"malloc\",\"calls\":2,"
		"\"failed\":1,\"left\":0,\"total_ns\":1700,\"min_ns\":850,\"max_ns\":850,"
		"\"histogram_ns\":[{\"from\":512,\"below\":1024,\"calls\":2}]}\n"));
	assert_null(strstr(spied.text, "\"call\""));
}

static void stacks_are_matched_and_told(void **state)
{
	struct spy_options options = {.stack_match = "*parse*", .stack = true};
	struct summary_frame frames[] = {
		{.address = 1, .function = "malloc"}, {.address = 2, .function = "my\033parser"}};
	struct summary_stack stack = {.frames = frames, .frame_cnt = 2, .complete = true};
	struct spy_event event = event_of("malloc", 24, 0x5000);
	struct spied_file spied;

	open_spy(&spied, &options, &spy_text);
	spy__call(spied.spy, &event, NULL);
	spy__call(spied.spy, &event, &stack);
	stack.frame_cnt = 1;
	spy__call(spied.spy, &event, &stack);
	end_spy(&spied, (struct spy_sum){0});
	assert_non_null(strstr(spied.text, "# 1 calls told"));
	assert_non_null(strstr(spied.text, "my\\x1bparser"));
}

static void hostile_records_do_no_harm(void **state)
{
	struct spy_options options = {0};
	struct spy_event event = event_of("malloc", UINT64_MAX, UINT64_MAX);
	struct spied_file spied;

	event.depth = UINT32_MAX;
	event.time_ns = 0;
	event.duration_ns = UINT64_MAX;
	open_spy(&spied, &options, &spy_text);
	assert_int_equal(spy__call(spied.spy, &event, NULL), 0);
	event.event.function = UINT16_MAX;
	assert_int_equal(spy__call(spied.spy, &event, NULL), 0);
	end_spy(&spied, (struct spy_sum){.losses = {1, 2, 3, 4}});
	assert_non_null(strstr(spied.text, "# 1 calls told, 1 records lost, 5 calls not seen\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_have_the_names_of_the_manuals),
		cmocka_unit_test(every_function_has_a_signature),
		cmocka_unit_test(failures_are_known_by_the_result),
		cmocka_unit_test(functions_are_asked_for_by_patterns),
		cmocka_unit_test(values_lie_between_powers_of_two),
		cmocka_unit_test(a_histogram_is_drawn_from_first_to_last),
		cmocka_unit_test(all_is_read_that_was_flushed),
		cmocka_unit_test(a_reader_that_takes_nothing_is_given_up),
		cmocka_unit_test(a_reader_that_is_gone_is_an_error),
		cmocka_unit_test(a_line_for_each_call),
		cmocka_unit_test(a_json_object_for_each_call),
		cmocka_unit_test(a_summary_in_place_of_lines),
		cmocka_unit_test(stacks_are_matched_and_told),
		cmocka_unit_test(hostile_records_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
