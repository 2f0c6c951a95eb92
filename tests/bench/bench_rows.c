/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What unwind rows cost: time to build them (the best of some runs, the file in the page cache),
 * rows, their bytes, the call frame information that they come from, and rows that no rule can
 * express.
 *
 * usage: bench_rows [FILE...]; prints "name<TAB>value<TAB>unit"
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "unwind/elf_parts.h"
#include "unwind/rows.h"

#define RUN_CNT 5

static const char *const known[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/bin/perl",
	"/usr/bin/sqlite3",
	"/usr/bin/redis-server",
	"/usr/bin/python3",
	"/usr/bin/gdb",
	"/usr/lib/llvm-14/lib/libclang.so.1",
	"/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static size_t cfi_sz(int fd)
{
	struct elf_parts parts;
	size_t sz;

	if (elf_parts__read(fd, &parts))
		return 0;
	sz = parts.eh_frame.sz + parts.debug_frame.sz;
	elf_parts__destroy(&parts);
	return sz;
}

static int bench_file(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct unwind_rows rows = {0};
	double best_ms = 1e9;

	if (fd < 0)
		return 0;
	for (int i = 0; !err && i < RUN_CNT; i++) {
		double start = now_ms(), taken;

		unwind_rows__destroy(&rows);
		err = unwind_rows__build(fd, &rows);
		taken = now_ms() - start;
		best_ms = taken < best_ms ? taken : best_ms;
	}
	if (!err) {
		printf("rows of %s, to build\t%.2f\tms\n", name, best_ms);
		printf("rows of %s (from %zu KiB)\t%zu\tKiB\n", name, cfi_sz(fd) / 1024,
			rows.cnt * sizeof(*rows.rows) / 1024);
		printf("rows of %s that no rule can express\t%zu\tof %zu\n", name, rows.unsupported,
			rows.cnt);
	}
	unwind_rows__destroy(&rows);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	const char *const *paths = argc > 1 ? (const char *const *)argv + 1 : known;
	size_t cnt = argc > 1 ? (size_t)argc - 1 : sizeof(known) / sizeof(*known);
	struct rusage usage;
	int err = 0;

	for (size_t i = 0; i < cnt; i++)
		err |= bench_file(paths[i]);
	getrusage(RUSAGE_SELF, &usage);
	printf("rows, most memory while they are built\t%.1f\tMiB\n", usage.ru_maxrss / 1024.0);
	return err != 0;
}
