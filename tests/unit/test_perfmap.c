/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of JIT code, from maps that this process writes as a JIT would; and maps that lie. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "built_programs.h"
#include "symbol/perfmap.h"
#include "symbol/symbolize.h"

static char map_path[64];

/* When this process started, from /proc/self/stat as proc(5) tells. */
static uint64_t start_ns(void)
{
	FILE *stat = fopen("/proc/self/stat", "r");
	uint64_t ticks;

	assert_int_equal(fscanf(stat,
				 "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
				 "%*d %*d %*d %*d %*d %*d %" SCNu64,
				 &ticks),
		1);
	fclose(stat);
	return ticks * (1000000000 / sysconf(_SC_CLK_TCK));
}

static void write_map(const char *mode, const void *bytes, size_t sz)
{
	FILE *file = fopen(map_path, mode);

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sz, file), sz);
	fclose(file);
}

static void write_text(const char *mode, const char *text)
{
	write_map(mode, text, strlen(text));
}

static struct perfmap *read_map(void)
{
	struct perfmap *map = perfmap__new(getpid(), start_ns());

	assert_non_null(map);
	assert_int_equal(perfmap__refresh(map), 0);
	return map;
}

static void check(const struct perfmap *map, uint64_t address, const char *name, uint64_t start)
{
	uint64_t found_start = 0;
	const char *found = perfmap__find(map, address, &found_start);

	if (!name) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, name);
	assert_int_equal(found_start, start);
}

static void addresses_have_the_names_of_their_ranges(void **state)
{
	struct perfmap *map;

	(void)state;
	write_text("w", "7f0000001000 20 LazyCompile:*work /srv/app.js:12\n"
			"7f0000002000 10 with\ttab\n"
			"0x7f0000003000 0x8 Stub:prefixed\r\n"
			"7F0000004000 A UPPER\n");
	map = read_map();
	check(map, 0x7f0000000fff, NULL, 0);
	check(map, 0x7f0000001000, "LazyCompile:*work /srv/app.js:12", 0x7f0000001000);
	check(map, 0x7f000000101f, "LazyCompile:*work /srv/app.js:12", 0x7f0000001000);
	check(map, 0x7f0000001020, NULL, 0);
	check(map, 0x7f0000002001, "with\ttab", 0x7f0000002000);
	check(map, 0x7f0000003007, "Stub:prefixed", 0x7f0000003000);
	check(map, 0x7f0000004009, "UPPER", 0x7f0000004000);
	perfmap__free(map);
}

static void code_that_was_replaced_has_its_new_name(void **state)
{
	struct perfmap *map;

	(void)state;
	write_text("w", "1000 100 old\n2000 100 other\n1000 100 new\n1f80 100 overlapping\n");
	map = read_map();
	check(map, 0x1050, "new", 0x1000);
	check(map, 0x2010, "overlapping", 0x1f80);
	check(map, 0x2090, "other", 0x2000);
	perfmap__free(map);
}

static void a_map_that_grows_is_read_on(void **state)
{
	struct perfmap *map;

	(void)state;
	write_text("w", "1000 10 first\n2000 10 unfin");
	map = read_map();
	check(map, 0x1000, "first", 0x1000);
	check(map, 0x2000, NULL, 0);
	write_text("a", "ished\n3000 10 third\n");
	assert_int_equal(perfmap__refresh(map), 0);
	check(map, 0x1000, "first", 0x1000);
	check(map, 0x2000, "unfinished", 0x2000);
	check(map, 0x3000, "third", 0x3000);
	write_text("w", "1000 10 again\n"); /* shorter: another map by now */
	assert_int_equal(perfmap__refresh(map), 0);
	check(map, 0x1000, "again", 0x1000);
	check(map, 0x3000, NULL, 0);
	unlink(map_path);
	assert_int_equal(perfmap__refresh(map), -ENOENT);
	check(map, 0x1000, "again", 0x1000); /* what is known stays known */
	perfmap__free(map);
}

static void lines_that_make_no_sense_are_left_out(void **state)
{
	static const char lines[] = "\n"
				    "1000\n"
				    "1000 10\n"
				    "1000 10 \n"
				    "xyz 10 name\n"
				    "1000 zz name\n"
				    "-1000 10 name\n"
				    "1000 -10 name\n"
				    "11112222333344445 10 too-many-digits\n"
				    "ffffffffffffff00 ffffffffffffffff wraps\n"
				    "1000 0 empty\n"
				    "0x 0x x\n"
				    "1000 10 \0nul\n"
				    "2000 10 good\n"
				    "3000 10 unfinished";
	struct perfmap *map;

	(void)state;
	write_map("w", lines, sizeof(lines) - 1);
	map = read_map();
	check(map, 0x1000, NULL, 0);
	check(map, UINT64_MAX, NULL, 0);
	check(map, 0xffffffffffffff00, NULL, 0);
	check(map, 0x2000, "good", 0x2000);
	check(map, 0x3000, NULL, 0);
	perfmap__free(map);
}

static void garbage_does_no_harm(void **state)
{
	static const char alphabet[] = "0123456789abcdefx \t\r\n\n-\0\xff";
	uint64_t seed = 0x13572468, start;
	char bytes[4096];

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct perfmap *map;

		for (size_t j = 0; j < sizeof(bytes); j++)
			bytes[j] = alphabet[built__random(&seed) % sizeof(alphabet)];
		write_map("w", bytes, sizeof(bytes));
		map = read_map();
		for (int j = 0; j < 64; j++) {
			const char *name = perfmap__find(map, built__random(&seed) >> j, &start);

			assert_true(!name || (name[0] && strlen(name) < sizeof(bytes)));
		}
		perfmap__free(map);
	}
}

static void many_ranges_over_one_address_cost_no_time(void **state)
{
	struct perfmap *map;
	uint64_t start;
	FILE *file = fopen(map_path, "w");

	(void)state;
	for (int i = 0; i < 300000; i++)
		fprintf(file, "%x 1000000 n%d\n", i, i);
	fclose(file);
	map = read_map();
	assert_true(perfmap__sz(map) > 300000 * 8);
	alarm(20);
	for (int i = 0; i < 100000; i++)
		assert_non_null(perfmap__find(map, 500000 + i, &start));
	alarm(0);
	perfmap__free(map);
}

static void very_long_names_are_cut(void **state)
{
	char *text = malloc(100000);
	struct perfmap *map;
	uint64_t start;

	(void)state;
	memset(text, 'n', 100000);
	memcpy(text, "1000 10 ", 8);
	text[99999] = '\n';
	write_map("w", text, 100000);
	write_text("a", "2000 10 next\n");
	map = read_map();
	assert_int_equal(strlen(perfmap__find(map, 0x1000, &start)), 4095);
	check(map, 0x2000, "next", 0x2000);
	perfmap__free(map);
	free(text);
}

static void a_sparse_map_takes_no_memory(void **state)
{
	struct perfmap *map;

	(void)state;
	write_text("w", "1000 10 first\n2000 1");
	assert_int_equal(truncate(map_path, 40 << 20), 0);
	map = read_map();
	check(map, 0x1000, "first", 0x1000);
	assert_true(perfmap__sz(map) < 1 << 20);
	assert_int_equal(perfmap__refresh(map), 0);
	assert_true(perfmap__sz(map) < 1 << 20);
	perfmap__free(map);
}

static void a_process_that_started_at_another_time_is_not_asked(void **state)
{
	struct perfmap *map = perfmap__new(getpid(), start_ns() - 1000000000);

	(void)state;
	write_text("w", "1000 10 name\n");
	assert_int_equal(perfmap__refresh(map), -ESRCH);
	check(map, 0x1000, NULL, 0);
	perfmap__free(map);
}

static void a_map_of_another_user_is_not_read(void **state)
{
	struct perfmap *map;

	(void)state;
	if (geteuid() != 0)
		skip(); /* chown */
	write_text("w", "1000 10 name\n");
	assert_int_equal(chown(map_path, 65534, 65534), 0);
	map = perfmap__new(getpid(), start_ns());
	assert_int_equal(perfmap__refresh(map), -EPERM);
	perfmap__free(map);
}

static void a_fifo_or_a_device_is_no_map(void **state)
{
	struct perfmap *map = perfmap__new(getpid(), start_ns());

	(void)state;
	unlink(map_path);
	assert_int_equal(mkfifo(map_path, 0600), 0);
	alarm(20);
	assert_int_equal(perfmap__refresh(map), -EINVAL);
	unlink(map_path);
	assert_int_equal(symlink("/dev/zero", map_path), 0);
	assert_int_equal(perfmap__refresh(map), -EINVAL);
	alarm(0);
	unlink(map_path);
	perfmap__free(map);
}

static void the_symbolizer_keeps_jit_names_after_the_map_is_gone(void **state)
{
	struct symbolizer *symbolizer = symbolizer__new();
	const struct symbol *symbols, *again;

	(void)state;
	write_text("w", "5000 100 jitted\n");
	symbolizer__note_process(symbolizer, getpid(), start_ns());
	unlink(map_path);
	assert_int_equal(
		symbolizer__resolve_jit(symbolizer, getpid(), start_ns(), 0x5010, &symbols), 1);
	assert_string_equal(symbols[0].function, "jitted");
	assert_int_equal(symbols[0].offset, 0x10);
	assert_null(symbols[0].file);
	assert_int_equal(
		symbolizer__resolve_jit(symbolizer, getpid(), start_ns(), 0x5010, &again), 1);
	assert_ptr_equal(symbols, again);
	assert_int_equal(
		symbolizer__resolve_jit(symbolizer, getpid(), start_ns(), 0x9000, &symbols), 1);
	assert_null(symbols[0].function);
	symbolizer__free(symbolizer);
}

static void a_miss_reads_the_map_again(void **state)
{
	struct symbolizer *symbolizer = symbolizer__new();
	const struct symbol *symbols;

	(void)state;
	unlink(map_path);
	symbolizer__note_process(symbolizer, getpid(), start_ns());
	write_text("w", "5000 100 later\n");
	symbolizer__resolve_jit(symbolizer, getpid(), start_ns(), 0x5000, &symbols);
	assert_string_equal(symbols[0].function, "later");
	symbolizer__free(symbolizer);
}

static void a_process_without_a_map_has_no_names(void **state)
{
	struct symbolizer *symbolizer = symbolizer__new();
	const struct symbol *symbols;

	(void)state;
	unlink(map_path);
	symbolizer__note_process(symbolizer, getpid(), start_ns());
	symbolizer__note_process(symbolizer, 0, 0);
	symbolizer__note_process(symbolizer, -1, 1);
	assert_int_equal(
		symbolizer__resolve_jit(symbolizer, getpid(), start_ns(), 0x1000, &symbols), 1);
	assert_null(symbols[0].function);
	symbolizer__free(symbolizer);
}

static int setup(void **state)
{
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
	return built__setup(state);
}

static int remove_map(void **state)
{
	unlink(map_path);
	return 0;
}

#define MAP_TEST(name) cmocka_unit_test_teardown(name, remove_map)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAP_TEST(addresses_have_the_names_of_their_ranges),
		MAP_TEST(code_that_was_replaced_has_its_new_name),
		MAP_TEST(a_map_that_grows_is_read_on),
		MAP_TEST(lines_that_make_no_sense_are_left_out),
		MAP_TEST(garbage_does_no_harm),
		MAP_TEST(many_ranges_over_one_address_cost_no_time),
		MAP_TEST(very_long_names_are_cut),
		MAP_TEST(a_sparse_map_takes_no_memory),
		MAP_TEST(a_process_that_started_at_another_time_is_not_asked),
		MAP_TEST(a_map_of_another_user_is_not_read),
		MAP_TEST(a_fifo_or_a_device_is_no_map),
		MAP_TEST(the_symbolizer_keeps_jit_names_after_the_map_is_gone),
		MAP_TEST(a_miss_reads_the_map_again),
		MAP_TEST(a_process_without_a_map_has_no_names),
	};

	return cmocka_run_group_tests(tests, setup, built__teardown);
}
