/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names, lines and inlined functions beside what addr2line, nm and c++filt say; files that are
 * gone, stripped, split or hostile; a worker that dies.
 *
 * binutils 2.40's addr2line gives wrong files for some rows of DWARF 5 and misses clang's inlined
 * functions in it. So it is asked about a twin of each program, with DWARF 4: debug info does not
 * change the code, so the same addresses have the same answers.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "built_programs.h"
#include "symbol/demangle.h"
#include "symbol/symbolize.h"

#define LINE_SZ 65536
#define FRAMES_MAX 64
#define MUTATIONS 2000

static const char shop_source[] =
	"#include <vector>\n"
	"#include <string>\n"
	"#include <map>\n"
	"#include <algorithm>\n"
	"namespace shop {\n"
	"struct item { std::string name; int price; };\n"
	"template <class T> static inline __attribute__((always_inline)) T twice(T v)\n"
	"{\n"
	"	return v + v;\n"
	"}\n"
	"static inline __attribute__((always_inline)) int tax(int price)\n"
	"{\n"
	"	return twice(price) / 7 + std::max(price, 3);\n"
	"}\n"
	"struct basket {\n"
	"	std::vector<item> items;\n"
	"	std::map<std::string, int> index;\n"
	"	void add(const char *name, int price);\n"
	"	int total() const;\n"
	"};\n"
	"void basket::add(const char *name, int price)\n"
	"{\n"
	"	items.push_back({name, tax(price)});\n"
	"	index[name] = items.size();\n"
	"}\n"
	"int basket::total() const\n"
	"{\n"
	"	int sum = 0;\n"
	"	std::for_each(items.begin(), items.end(), [&](const item &i) {\n"
	"		sum += tax(i.price);\n"
	"		if (sum > 1000000)\n"
	"			throw std::string(\"too much\");\n"
	"	});\n"
	"	return sum;\n"
	"}\n"
	"}\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	shop::basket basket;\n"
	"	for (int i = 0; i < argc; i++)\n"
	"		basket.add(argv[i], i);\n"
	"	return basket.total();\n"
	"}\n";

static const char plain_source[] =
	"#include <stdlib.h>\n"
	"volatile int sink;\n"
	"static inline __attribute__((always_inline)) int inner(int x)\n"
	"{\n"
	"	sink = x;\n"
	"	return x + 1;\n"
	"}\n"
	"static inline __attribute__((always_inline)) int middle(int x)\n"
	"{\n"
	"	return inner(x) * 3;\n"
	"}\n"
	"__attribute__((noinline)) static int hidden(int x)\n"
	"{\n"
	"	sink++;\n"
	"	return middle(x) + 7;\n"
	"}\n"
	"__attribute__((noinline)) int shown(int x)\n"
	"{\n"
	"	sink += 2;\n"
	"	return hidden(x) - 5;\n"
	"}\n"
	"__attribute__((noinline, noreturn)) void dies(void)\n"
	"{\n"
	"	sink = 9;\n"
	"	abort();\n"
	"}\n"
	"int main(int argc, char **argv)\n"
	"{\n"
	"	(void)argv;\n"
	"	if (argc > 5)\n"
	"		dies();\n"
	"	return shown(argc);\n"
	"}\n";

static const char assembly_source[] = "	.text\n"
				      "	.globl sizeless, sized, last\n"
				      "sizeless:\n"
				      "	nop\n"
				      "	nop\n"
				      "	.type sized, @function\n"
				      "sized:\n"
				      "	nop\n"
				      "label_inside:\n"
				      "	nop\n"
				      "	.size sized, .-sized\n"
				      "	nop\n"
				      "last:\n"
				      "	nop\n"
				      "	nop\n"
				      "	.section .note.GNU-stack,\"\",@progbits\n";

/* One file that is asked, with all that takes. */
struct subject {
	struct symbolizer *symbolizer;
	struct modules *modules;
	struct module *module;
};

static struct subject subject__new(const char *path)
{
	struct subject subject = {symbolizer__new(), modules__new(), NULL};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(subject.symbolizer);
	assert_true(fd >= 0);
	subject.module = modules__add_fd(subject.modules, fd, path);
	assert_int_equal(subject.module->error, 0);
	close(fd);
	return subject;
}

static struct subject subject__built(const char *name)
{
	char path[BUILT_PATH_SZ];

	return subject__new(built__path(name, path));
}

static void subject__free(struct subject *subject)
{
	symbolizer__free(subject->symbolizer);
	modules__free(subject->modules);
}

static int resolve(
	struct subject *subject, uint64_t address, bool is_return, const struct symbol **symbols)
{
	int cnt = symbolizer__resolve(
		subject->symbolizer, subject->module, address, is_return, symbols);

	assert_true(cnt >= 1);
	return cnt;
}

/* Where the linker put a symbol, by nm. */
static uint64_t symbol_address(const char *file, const char *name, uint64_t *ret_sz)
{
	char command[BUILT_PATH_SZ + 128];
	uint64_t address = 0, sz = 0;
	FILE *nm;

	snprintf(command, sizeof(command), "nm -S %s/%s | grep -E ' %s$'", built_dir, file, name);
	nm = popen(command, "r");
	assert_non_null(nm);
	assert_true(fscanf(nm, "%" SCNx64 " %" SCNx64, &address, &sz) >= 1);
	pclose(nm);
	if (ret_sz)
		*ret_sz = sz;
	return address;
}

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

/* Names of one address out of "ADDRESS KIND NAME@@VERSION" lines, sorted by address. */
static bool is_name_at(const char *names, uint64_t address, const char *name)
{
	char wanted[4096];

	snprintf(wanted, sizeof(wanted), "\n%016" PRIx64 " %s\n", address, name);
	return strstr(names, wanted);
}

static void exported_functions_of_libc_have_the_names_that_nm_prints(void **state)
{
	char *names, path[BUILT_PATH_SZ], *at;
	const struct symbol *symbols;
	struct subject subject;
	size_t sz, cnt = 0;

	(void)state;
	built__run("ldd /bin/ls | grep -o '/[^ ]*libc\\.so[^ ]*' > libc");
	built__run("cp $(cat libc) libc.so");
	built__run("(echo; nm -D --defined-only libc.so | grep -E ' [TWi] ' | "
		   "sed 's/@.*//; s/ [TWi] / /') > names");
	names = (char *)built__read("names", &sz);
	names[sz] = '\0';
	subject = subject__new(built__path("libc.so", path));
	for (at = strchr(names, '\n'); at && at[1]; at = strchr(at + 1, '\n'), cnt++) {
		uint64_t address = strtoull(at + 1, NULL, 16);
		int symbol_cnt = resolve(&subject, address, false, &symbols);

		assert_non_null(symbols[symbol_cnt - 1].function);
		if (!is_name_at(names, address, symbols[symbol_cnt - 1].function))
			fail_msg("0x%" PRIx64 ": %s", address, symbols[symbol_cnt - 1].function);
		assert_int_equal(symbols[symbol_cnt - 1].offset, 0);
	}
	assert_true(cnt > 1000);
	free(names);
	subject__free(&subject);
}

static void the_known_name_is_taken_of_several(void **state)
{
	static const char *const known[] = {"malloc", "free", "calloc", "realloc"};
	const struct symbol *symbols;
	struct subject subject = subject__built("libc.so"); /* copied by the test above */

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char command[256];
		uint64_t address;
		FILE *nm;

		snprintf(command, sizeof(command), "nm -D %s/libc.so | grep -E ' [TW] %s@'",
			built_dir, known[i]);
		nm = popen(command, "r");
		assert_int_equal(fscanf(nm, "%" SCNx64, &address), 1);
		pclose(nm);
		assert_int_equal(resolve(&subject, address, false, &symbols), 1);
		assert_string_equal(symbols[0].function, known[i]);
	}
	subject__free(&subject);
}

static void a_return_address_belongs_to_its_call(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t start, sz;

	(void)state;
	built__run("cc -O2 -g plain.c -o plain");
	subject = subject__built("plain");
	start = symbol_address("plain", "dies", &sz);
	/* The call of abort is the function's end; what follows is another function, or nothing. */
	assert_int_equal(resolve(&subject, start + sz, true, &symbols), 1);
	assert_string_equal(symbols[0].function, "dies");
	assert_int_equal(symbols[0].offset, sz);
	assert_int_equal(symbols[0].line, 25);
	resolve(&subject, start + sz, false, &symbols);
	assert_true(!symbols[0].function || strcmp(symbols[0].function, "dies") != 0);
	subject__free(&subject);
}

static void asking_again_gives_the_same_answer(void **state)
{
	const struct symbol *first, *second, *other;
	struct subject subject = subject__built("plain");
	uint64_t address = symbol_address("plain", "shown", NULL);

	(void)state;
	resolve(&subject, address, false, &first);
	resolve(&subject, address + 1, false, &other);
	resolve(&subject, address, false, &second);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, other);
	assert_ptr_equal(first->function, other->function); /* texts are kept once */
	assert_int_equal(other->offset, 1);
	subject__free(&subject);
}

static void an_address_that_nothing_covers_has_no_name(void **state)
{
	static const uint64_t nowhere[] = {0, 1, 0x10, 1UL << 40, UINT64_MAX};
	struct subject subject = subject__built("plain");
	const struct symbol *symbols;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		assert_int_equal(resolve(&subject, nowhere[i / 2], i % 2, &symbols), 1);
		assert_null(symbols[0].function);
		assert_null(symbols[0].file);
		assert_int_equal(symbols[0].offset, 0);
		assert_int_equal(symbols[0].line, 0);
		assert_false(symbols[0].inlined);
	}
	subject__free(&subject);
}

static void a_stripped_file_has_the_names_that_it_exports(void **state)
{
	struct subject subject;
	const struct symbol *symbols;

	(void)state;
	built__run("cc -O2 -g -rdynamic plain.c -o exporting && cp exporting stripped && "
		   "strip stripped");
	subject = subject__built("stripped");
	resolve(&subject, symbol_address("exporting", "shown", NULL) + 2, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_int_equal(symbols[0].offset, 2);
	assert_null(symbols[0].file);
	resolve(&subject, symbol_address("exporting", "hidden", NULL) + 1, false, &symbols);
	assert_null(symbols[0].function);
	subject__free(&subject);
}

static void a_stripped_file_has_the_names_of_its_gnu_debugdata(void **state)
{
	struct subject subject;
	const struct symbol *symbols;

	(void)state;
	if (!built__try("command -v xz >/dev/null"))
		skip();
	built__run("objcopy --only-keep-debug exporting mini && strip --strip-debug mini && xz "
		   "mini && "
		   "objcopy --add-section .gnu_debugdata=mini.xz stripped with-mini");
	subject = subject__built("with-mini");
	resolve(&subject, symbol_address("exporting", "hidden", NULL) + 1, false, &symbols);
	assert_string_equal(symbols[0].function, "hidden");
	assert_int_equal(symbols[0].offset, 1);
	subject__free(&subject);
}

static void a_function_without_a_symbol_is_named_by_dwarf(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;
	int cnt;

	(void)state;
	built__run("objcopy --strip-symbol=hidden exporting half-stripped");
	address = symbol_address("exporting", "hidden", NULL);
	subject = subject__built("half-stripped");
	cnt = resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[cnt - 1].function, "hidden");
	assert_int_equal(symbols[cnt - 1].offset, 0);
	assert_int_equal(resolve(&subject, address + 3, false, &symbols) >= 1, 1);
	subject__free(&subject);
}

static void symbols_without_size_reach_to_the_next(void **state)
{
	static const struct {
		unsigned int at;
		const char *name;
	} expected[] = {{0, "sizeless"}, {1, "sizeless"}, {2, "sized"}, {3, "sized"}, {4, NULL},
		{5, "last"}, {6, "last"}, {7, NULL}};
	struct subject subject;
	const struct symbol *symbols;
	uint64_t start;

	(void)state;
	built__run("cc -shared -nostdlib assembly.s -o assembly.so");
	start = symbol_address("assembly.so", "sizeless", NULL);
	subject = subject__built("assembly.so");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		resolve(&subject, start + expected[i].at, false, &symbols);
		if (expected[i].name)
			assert_string_equal(symbols[0].function, expected[i].name);
		else
			assert_null(symbols[0].function);
	}
	subject__free(&subject);
}

static void a_file_that_was_deleted_keeps_its_names(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run("cp plain going");
	address = symbol_address("going", "shown", NULL);
	subject = subject__built("going");
	built__run("rm going && cp /bin/true going"); /* and another has its path */
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_in_range(symbols[0].line, 17, 21);
	subject__free(&subject);
}

static void a_debug_file_of_another_build_is_not_used(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run(
		"cc -O2 -g -rdynamic plain.c -o linked && objcopy --only-keep-debug linked "
		"linked.debug && strip linked && objcopy --add-gnu-debuglink=linked.debug linked");
	address = symbol_address("exporting", "shown", NULL);
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_in_range(symbols[0].line, 17, 21);
	subject__free(&subject);
	built__run("objcopy --only-keep-debug twin linked.debug");
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_null(symbols[0].file);
	subject__free(&subject);
	built__run("rm linked.debug && mkfifo linked.debug"); /* opening it would block */
	subject = subject__built("linked");
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
}

static void a_file_that_was_forgotten_is_asked_anew(void **state)
{
	uint64_t address = symbol_address("plain", "main", NULL);
	struct subject subject = subject__built("plain");
	const struct symbol *symbols;

	(void)state;
	for (int i = 0; i < 3; i++) {
		resolve(&subject, address, false, &symbols);
		assert_string_equal(symbols[0].function, "main");
		symbolizer__forget(subject.symbolizer, subject.module);
	}
	symbolizer__forget(subject.symbolizer, subject.module); /* of which nothing is kept */
	subject__free(&subject);
}

static struct module *add_bytes(struct subject *subject, const void *bytes, size_t sz)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);
	struct module *module;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, sz), sz);
	module = modules__add_fd(subject->modules, fd, "/hostile");
	close(fd);
	return module;
}

static void lying_files_cost_their_own_names_only(void **state)
{
	struct subject subject = subject__built("plain");
	uint64_t seed = 0x7654321, start, address;
	const struct symbol *symbols;
	unsigned char *bytes, *lying;
	size_t sz, at;

	(void)state;
	built__run("cc -O2 -g plain.c -o hostile && objcopy -R .comment hostile");
	bytes = built__read("hostile", &sz);
	lying = malloc(sz);
	start = symbol_address("hostile", "main", NULL);
	for (int i = 0; i < MUTATIONS; i++) {
		memcpy(lying, bytes, sz);
		for (int j = 0; j < 8;
			j++) { /* half of them in the last quarter: sections' headers */
			at = built__random(&seed) % sz;
			lying[j % 2 ? at : sz - 1 - at / 4] = built__random(&seed);
		}
		if (i % 100 == 99) { /* each file is held open */
			subject__free(&subject);
			subject = subject__built("plain");
		}
		subject.module = add_bytes(&subject, lying, sz);
		for (int j = 0; j < 3; j++)
			resolve(&subject, start + j * 16, j % 2, &symbols);
	}
	subject__free(&subject);
	free(lying);
	free(bytes);
	subject = subject__built("plain");
	address = symbol_address("plain", "shown", NULL);
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
}

static void a_truncated_file_gives_no_wrong_names(void **state)
{
	struct subject subject = subject__built("plain");
	size_t sz;
	unsigned char *bytes = built__read("plain", &sz);
	uint64_t address = symbol_address("plain", "shown", NULL);
	const struct symbol *symbols;

	(void)state;
	for (size_t cut = 0; cut < sz; cut += cut < 1024 ? 13 : 211) {
		subject.module = add_bytes(&subject, bytes, cut);
		resolve(&subject, address, false, &symbols);
		assert_true(!symbols[0].function || !strcmp(symbols[0].function, "shown"));
	}
	subject.module = add_bytes(&subject, bytes, sz);
	resolve(&subject, address, false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	subject__free(&subject);
	free(bytes);
}

/* The link leads nowhere that may be opened: were it followed, the answer would not come. */
static void a_shared_debug_file_named_by_the_target_is_not_opened(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	char path[BUILT_PATH_SZ];
	FILE *link;

	(void)state;
	built__run("rm -f altlink fifo && mkfifo fifo");
	link = fopen(built__path("altlink", path), "w");
	fprintf(link, "%s%c%s", built__path("fifo", path), 0, "0123456789abcdefghij");
	fclose(link);
	built__run("objcopy --add-section .gnu_debugaltlink=altlink plain linking");
	subject = subject__built("linking");
	resolve(&subject, symbol_address("plain", "shown", NULL), false, &symbols);
	assert_string_equal(symbols[0].function, "shown");
	assert_null(symbols[0].file);
	subject__free(&subject);
}

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

static void names_are_demangled_as_c_filt_does(void **state)
{
	static const char *const names[][2] = {
		{"_ZN4shop6basket3addEPKci", ""},
		{"_ZNSt6vectorIN4shop4itemESaIS1_EE17_M_realloc_insertIJS1_EEEvN9__gnu_cxx17__"
		 "normal_iteratorIPS1_S3_EEDpOT_",
			""},
		{"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", ""},
		{"_RNvNtCs1234_7mycrate3foo3bar", ""},
		{"_ZN4shop6basket3addEPKci.cold", ""},
		{"_D3std5stdio4File5closeMFNeZv", "-s dlang"},
		{"malloc", ""},
		{"_start", ""},
		{"_Zed", ""},
	};
	char command[1024], expected[1024], *name;
	FILE *filter;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(command, sizeof(command), "c++filt -i %s '%s'", names[i][1], names[i][0]);
		filter = popen(command, "r");
		assert_non_null(fgets(expected, sizeof(expected), filter));
		pclose(filter);
		expected[strcspn(expected, "\n")] = '\0';
		name = demangle(names[i][0]);
		assert_string_equal(name, expected);
		free(name);
	}
	name = demangle("regexec@@GLIBC_2.3.4");
	assert_string_equal(name, "regexec");
	free(name);
}

static void names_of_absurd_length_are_cut(void **state)
{
	static const char *const starts[] = {"x", "_Z", "_ZN", "_R", "_D", "_ZP"};
	static const char fillers[] = {'x', 'P', '1', 'N', '_'};
	char *name = malloc(1 << 20), *result;

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]) * sizeof(fillers); i++) {
		for (size_t len = 100; len < 1 << 20; len *= 8) {
			memset(name, fillers[i % sizeof(fillers)], len);
			memcpy(name, starts[i / sizeof(fillers)],
				strlen(starts[i / sizeof(fillers)]));
			name[len] = '\0';
			result = demangle(name);
			assert_non_null(result);
			assert_true(strlen(result) <= FUNCTION_NAME_MAX);
			if (len > FUNCTION_NAME_MAX && i < sizeof(fillers))
				assert_string_equal(result + strlen(result) - 3, "...");
			free(result);
		}
	}
	free(name);
}

static void a_function_with_a_very_long_name_has_it_cut(void **state)
{
	struct subject subject;
	const struct symbol *symbols;
	uint64_t address;

	(void)state;
	built__run("name=$(head -c 20000 /dev/zero | tr '\\0' n) && "
		   "echo \"int $name(void) { return 1; } int main(void) { return $name(); }\" "
		   "> long.c && cc -g long.c -o long");
	address = symbol_address("long", "n+", NULL);
	subject = subject__built("long");
	resolve(&subject, address, false, &symbols);
	assert_int_equal(strlen(symbols[0].function), FUNCTION_NAME_MAX);
	assert_int_equal(symbols[0].line, 1);
	subject__free(&subject);
}

static int setup(void **state)
{
	if (built__setup(state) != 0)
		return -1;
	built__write("shop.cc", shop_source, sizeof(shop_source) - 1);
	built__write("plain.c", plain_source, sizeof(plain_source) - 1);
	built__write("assembly.s", assembly_source, sizeof(assembly_source) - 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_inlined_functions_are_those_of_addr2line),
		cmocka_unit_test(exported_functions_of_libc_have_the_names_that_nm_prints),
		cmocka_unit_test(the_known_name_is_taken_of_several),
		cmocka_unit_test(a_return_address_belongs_to_its_call),
		cmocka_unit_test(asking_again_gives_the_same_answer),
		cmocka_unit_test(an_address_that_nothing_covers_has_no_name),
		cmocka_unit_test(a_stripped_file_has_the_names_that_it_exports),
		cmocka_unit_test(a_stripped_file_has_the_names_of_its_gnu_debugdata),
		cmocka_unit_test(a_function_without_a_symbol_is_named_by_dwarf),
		cmocka_unit_test(symbols_without_size_reach_to_the_next),
		cmocka_unit_test(a_file_that_was_deleted_keeps_its_names),
		cmocka_unit_test(a_file_cut_short_while_it_is_read_costs_its_names_only),
		cmocka_unit_test(a_debug_file_of_another_build_is_not_used),
		cmocka_unit_test(a_file_that_was_forgotten_is_asked_anew),
		cmocka_unit_test(lying_files_cost_their_own_names_only),
		cmocka_unit_test(a_truncated_file_gives_no_wrong_names),
		cmocka_unit_test(a_shared_debug_file_named_by_the_target_is_not_opened),
		cmocka_unit_test(a_worker_that_is_killed_is_replaced),
		cmocka_unit_test(keeper_and_worker_end_with_the_symbolizer),
		cmocka_unit_test(a_question_waits_for_the_next_worker),
		cmocka_unit_test(without_keeper_and_worker_there_are_no_names),
		cmocka_unit_test(names_are_demangled_as_c_filt_does),
		cmocka_unit_test(names_of_absurd_length_are_cut),
		cmocka_unit_test(a_function_with_a_very_long_name_has_it_cut),
	};

	return cmocka_run_group_tests(tests, setup, built__teardown);
}
