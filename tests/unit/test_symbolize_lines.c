/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines and inlined functions beside what addr2line says.
 *
 * binutils 2.40's addr2line gives wrong files for some rows of DWARF 5 and misses clang's inlined
 * functions in it. So it is asked about a twin of each program, with DWARF 4: debug info does not
 * change the code, so the same addresses have the same answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "symbolize_fixture.h"

#define LINE_SZ 65536
#define FRAMES_MAX 64

static bool has_clang(void)
{
	return built__try("command -v clang++ >/dev/null");
}

/* A frame of addr2line's, or of ours, made comparable. */
struct frame {
	char *function;
	char *file; /* NULL: unknown */
	uint32_t line;
};

static void frames__free(struct frame *frames, int cnt)
{
	for (int i = 0; i < cnt; i++) {
		free(frames[i].function);
		free(frames[i].file);
	}
}

/* "FILE:LINE (discriminator 2)", "??:?" */
static void parse_place(char *text, struct frame *frame)
{
	char *end = strstr(text, " (disc");
	char *colon;

	if (end)
		*end = '\0';
	colon = strrchr(text, ':');
	assert_non_null(colon);
	*colon = '\0';
	frame->file = strcmp(text, "??") && strcmp(text, ".") ? strdup(text) : NULL;
	frame->line = atoi(colon + 1);
}

/* Frames up to the next line that is an address, which stays in `line` ("" at the end). */
static int read_frames(FILE *addr2line, char *line, struct frame *frames)
{
	int cnt = 0;

	for (;;) {
		if (!fgets(line, LINE_SZ, addr2line)) {
			line[0] = '\0';
			return cnt;
		}
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0x", 2) == 0 && strspn(line + 2, "0123456789abcdef") == 16)
			return cnt;
		assert_true(cnt < FRAMES_MAX);
		frames[cnt].function = strdup(line);
		assert_non_null(fgets(line, LINE_SZ, addr2line));
		line[strcspn(line, "\n")] = '\0';
		parse_place(line, &frames[cnt++]);
	}
}

/* The name without clone suffixes: "f(int) [clone .cold]", "f.part.0". */
static size_t base_len(const char *name)
{
	const char *clone = strstr(name, " [clone");
	const char *dot = strchr(name, '.');

	if (clone)
		return clone - name;
	return dot && !strchr(name, '(') ? (size_t)(dot - name) : strlen(name);
}

static bool is_same_name(const char *a, const char *b)
{
	size_t a_len = base_len(a), b_len = base_len(b);

	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool is_same_place(const struct frame *expected, const struct symbol *symbol)
{
	char *real = symbol->file ? realpath(symbol->file, NULL) : NULL;
	char *expected_real = expected->file ? realpath(expected->file, NULL) : NULL;
	bool same = (!real && !expected_real) ||
		    (real && expected_real && strcmp(real, expected_real) == 0);

	free(real);
	free(expected_real);
	return same && expected->line == symbol->line;
}

struct score {
	size_t addresses, inlined, wrong_names;
};

/* The places must agree. addr2line gives some inlined functions the outer function's name: those
 * are counted, as such or as wrong. */
static void check_frames(struct subject *subject, uint64_t address, const struct frame *frames,
	int frame_cnt, struct score *score)
{
	const struct symbol *symbols;
	int cnt = resolve(subject, address, false, &symbols);
	bool names_agree = true;

	if (cnt != frame_cnt)
		fail_msg("0x%" PRIx64 ": %d symbols, not %d", address, cnt, frame_cnt);
	for (int i = 0; i < cnt; i++) {
		assert_non_null(symbols[i].function);
		assert_int_equal(symbols[i].inlined, i < cnt - 1);
		if (!is_same_place(&frames[i], &symbols[i]))
			fail_msg("0x%" PRIx64 ": %s:%u, not %s:%u", address,
				symbols[i].file ? symbols[i].file : "??", symbols[i].line,
				frames[i].file ? frames[i].file : "??", frames[i].line);
		names_agree = names_agree && is_same_name(symbols[i].function, frames[i].function);
		assert_true(!symbols[i].file || symbols[i].file[0] == '/');
	}
	assert_true(is_same_name(symbols[cnt - 1].function, frames[cnt - 1].function));
	score->addresses++;
	score->inlined += cnt > 1;
	score->wrong_names += !names_agree;
}

/* Every byte of the functions that `pattern` (of grep -E) selects, in the twin. */
static void list_addresses(const char *twin, const char *pattern)
{
	built__run("nm -S --defined-only %s | grep -E '^[0-9a-f]+ [0-9a-f]+ [tTwW] (%s)' | "
		   "while read start size rest; do "
		   "for i in $(seq $((0x$start)) $((0x$start + 0x$size - 1))); "
		   "do printf '%%x\\n' $i; done; done > addresses",
		twin, pattern);
	built__run("addr2line -Cfia -e %s < addresses > expected", twin);
}

static struct score compare_with_twin(const char *name)
{
	struct subject subject = subject__built(name);
	char path[BUILT_PATH_SZ], *line = malloc(LINE_SZ);
	FILE *expected = fopen(built__path("expected", path), "r");
	struct frame frames[FRAMES_MAX];
	struct score score = {0};
	uint64_t address;
	int cnt;

	assert_non_null(expected);
	assert_non_null(fgets(line, LINE_SZ, expected));
	while (line[0]) {
		address = strtoull(line, NULL, 16);
		cnt = read_frames(expected, line, frames);
		check_frames(&subject, address, frames, cnt, &score);
		frames__free(frames, cnt);
	}
	fclose(expected);
	free(line);
	subject__free(&subject);
	return score;
}

struct variant {
	const char *twin;      /* command that makes "twin" out of shop.cc, with DWARF 4 */
	const char *subject;   /* command that makes "subject" */
	const char *functions; /* of which addresses are asked */
	bool clang;
};

static const struct variant variants[] = {
	{"c++ -O2 -gdwarf-4 shop.cc -o twin", "cp twin subject", ".*", false},
	{"c++ -O2 -gdwarf-4 shop.cc -o twin", "c++ -O2 -gdwarf-5 shop.cc -o subject", ".*", false},
	{"c++ -O2 -gdwarf-4 shop.cc -o twin",
		"cp twin subject && objcopy --only-keep-debug subject subject.debug && "
		"strip subject && objcopy --add-gnu-debuglink=subject.debug subject",
		".*shop|main", false},
	{"c++ -O0 -gdwarf-4 shop.cc -o twin", "c++ -O0 -gdwarf-5 shop.cc -o subject", ".*shop|main",
		false},
	{"c++ -O2 -gdwarf-4 -no-pie shop.cc -o twin",
		"c++ -O2 -gdwarf-5 -no-pie -gz=zlib shop.cc -o subject", ".*shop|main", false},
	{"c++ -O2 -gdwarf-4 -static shop.cc -o twin",
		"c++ -O2 -gdwarf-5 -static shop.cc -o subject", ".*shop|main", false},
	{"c++ -O2 -gdwarf-4 -ffunction-sections -Wl,--gc-sections shop.cc -o twin",
		"c++ -O2 -gdwarf-5 -ffunction-sections -Wl,--gc-sections shop.cc -o subject",
		".*shop|main", false},
	{"c++ -O2 -gdwarf-4 -Wl,--build-id=none shop.cc -o twin",
		"cp twin subject && mkdir -p .debug && objcopy --only-keep-debug subject "
		".debug/linked && strip subject && objcopy --add-gnu-debuglink=.debug/linked "
		"subject",
		".*shop|main", false},
	{"clang++ -O2 -gdwarf-4 shop.cc -o twin", "clang++ -O2 -gdwarf-5 shop.cc -o subject",
		".*shop|main", true},
};

static void lines_and_inlined_functions_are_those_of_addr2line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		const struct variant *variant = &variants[i];
		struct score score;

		if (variant->clang && !has_clang())
			continue;
		if (!i || strcmp(variant->twin, variant[-1].twin) != 0)
			built__run("%s", variant->twin);
		built__run("rm -rf subject* .debug");
		built__run("%s", variant->subject);
		list_addresses("twin", variant->functions);
		score = compare_with_twin("subject");
		print_message("%zu: %zu addresses, %zu in inlined functions, %zu names differ\n", i,
			score.addresses, score.inlined, score.wrong_names);
		assert_true(score.addresses > 500);
		assert_true(score.inlined > 100);
		assert_true(score.wrong_names * 50 < score.addresses);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_inlined_functions_are_those_of_addr2line),
	};

	return cmocka_run_group_tests(tests, set_up, built__teardown);
}
