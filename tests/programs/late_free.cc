// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Blocks that are freed after main: by a destructor of a static object, by atexit, by a destructor
 * function of the file, by one of a thread's storage. The debug heaps of old told them as leaks. One
 * block is leaked in truth, of LEAKED bytes, unless there is an argument.
 */
#include <cstdlib>
#include "expect.h"

namespace
{
constexpr std::size_t LEAKED = 4321;

struct holder {
	void *p;
	~holder() { std::free(p); }
};

holder of_static{escape(std::malloc(1001))};
thread_local holder of_thread{escape(std::malloc(1002))};
void *of_atexit, *of_file;

void free_at_exit() { std::free(of_atexit); }
__attribute__((destructor)) void free_of_file() { std::free(of_file); }

NOINLINE void leak_in_truth() { escape(std::malloc(LEAKED)); }
} // namespace

int main(int argc, char **)
{
	of_atexit = escape(std::malloc(1003));
	of_file = escape(std::malloc(1004));
	std::atexit(free_at_exit);
	escape(of_thread.p);
	if (argc < 2)
		leak_in_truth();
	return 0;
}
