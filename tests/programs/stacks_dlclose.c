/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two libraries with frames of other sizes, loaded and closed in turn, most likely at the same
 * addresses: for the comparison of stacks. What was remembered of the first is wrong for the second.
 */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int call(const char *directory, const char *name)
{
	char path[PATH_MAX + 64];
	void *library;
	int (*function)(int);

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	library = dlopen(path, RTLD_NOW);
	if (!library)
		return 1;
	usleep(100000); /* its unwind information is loaded meanwhile */
	function = (int (*)(int))dlsym(library, "stacks_plugin");
	for (int i = 0; i < 50; i++)
		function(i);
	dlclose(library);
	return 0;
}

int main(void)
{
	char self[PATH_MAX] = "";
	const char *directory;
	int failed = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	directory = dirname(self);
	for (int i = 0; i < 6; i++)
		failed |= call(directory, i & 1 ? "stacks_plugin_b.so" : "stacks_plugin_a.so");
	return failed;
}
