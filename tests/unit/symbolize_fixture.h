/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that is asked for the names of its addresses; and programs to ask. */
#ifndef HEAPTAP_TESTS_SYMBOLIZE_FIXTURE_H
#define HEAPTAP_TESTS_SYMBOLIZE_FIXTURE_H

#include <inttypes.h>

#include "built_programs.h"
#include "symbol/symbolize.h"

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

static inline int set_up(void **state)
{
	if (built__setup(state) != 0)
		return -1;
	built__write("shop.cc", shop_source, sizeof(shop_source) - 1);
	built__write("plain.c", plain_source, sizeof(plain_source) - 1);
	built__run("cc -O2 -g plain.c -o plain");
	return 0;
}

/* With shop.cc built as "twin". */
static inline int set_up_twin(void **state)
{
	if (set_up(state) != 0)
		return -1;
	built__run("c++ -O2 -gdwarf-4 shop.cc -o twin");
	return 0;
}

/* One file that is asked, with all that takes. */
struct subject {
	struct symbolizer *symbolizer;
	struct modules *modules;
	struct module *module;
};

static inline struct subject subject__new(const char *path)
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

static inline struct subject subject__built(const char *name)
{
	char path[BUILT_PATH_SZ];

	return subject__new(built__path(name, path));
}

static inline void subject__free(struct subject *subject)
{
	symbolizer__free(subject->symbolizer);
	modules__free(subject->modules);
}

static inline int resolve(
	struct subject *subject, uint64_t address, bool is_return, const struct symbol **symbols)
{
	int cnt = symbolizer__resolve(
		subject->symbolizer, subject->module, address, is_return, symbols);

	assert_true(cnt >= 1);
	return cnt;
}

/* Where the linker put a symbol, by nm. */
static inline uint64_t symbol_address(const char *file, const char *name, uint64_t *ret_sz)
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

#endif
