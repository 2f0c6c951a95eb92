/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * trap_dlclose FILE FUNCTION [FILE FUNCTION...]: loads each plugin, leaks from its function, closes
 * it and deletes the file. The next plugin comes to lie at the same addresses (printed), and in the
 * end neither a mapping nor a file is there to take names from.
 */
#include <dlfcn.h>
#include "expect.h"

enum { LEAK_CNT = 3, BLOCK_SZ = 1801 };

typedef void *(*leak_fn)(size_t n);

static NOINLINE void leak_outer(leak_fn leak, unsigned int plugin)
{
	for (unsigned int i = 0; i < LEAK_CNT + plugin; i++)
		tally_alloc(leak(BLOCK_SZ + plugin), BLOCK_SZ + plugin);
}

static void use_plugin(const char *file, const char *function, unsigned int plugin)
{
	void *library = dlopen(file, RTLD_NOW);
	leak_fn leak;

	require(library != NULL, "dlopen failed");
	leak = (leak_fn)dlsym(library, function);
	require(leak != NULL, "dlsym failed");
	say_address(function, (void *)leak);
	leak_outer(leak, plugin);
	dlclose(library);
	unlink(file);
}

int main(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2)
		use_plugin(argv[i], argv[i + 1], i / 2);
	expect_print("trap_dlclose");
	return 0;
}
