// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file's rows stay loaded under every number that the file has had; one map serves them all. */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "probe/unwinding.h"
#include "unwind/rows.h"
#include "util/log.h"
#include "util/proc.h"

/* 64 MiB of kernel memory. The largest libraries have a million; more is a file that lies. */
#define ROWS_MAX (8u << 20)

struct unwound_file {
	const struct module *module;
	int map_fd; /* of its rows; -errno: there are none to be had */
	uint32_t row_cnt;
	uint32_t *numbers; /* that the kernel side knows it by */
	uint32_t number_cnt;
	bool is_mapped; /* by some process: while trimming */
};

struct unwinding {
	struct tracer *tracer;
	struct files *files;
	struct unwound_file *unwound;
	size_t cnt, cap;
	struct unwinding_cost cost;
};

struct unwinding *unwinding__new(struct tracer *tracer, struct files *files)
{
	struct unwinding *unwinding = calloc(1, sizeof(*unwinding));

	if (!unwinding)
		return NULL;
	unwinding->tracer = tracer;
	unwinding->files = files;
	return unwinding;
}

void unwinding__free(struct unwinding *unwinding)
{
	if (!unwinding)
		return;
	for (size_t i = 0; i < unwinding->cnt; i++) {
		if (unwinding->unwound[i].map_fd >= 0)
			close(unwinding->unwound[i].map_fd);
		free(unwinding->unwound[i].numbers);
	}
	free(unwinding->unwound);
	free(unwinding);
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static uint64_t rows_bytes(uint32_t row_cnt)
{
	return (row_cnt + 1ull) * sizeof(struct unwind_row);
}

/* Builds a file's rows and puts them into a map of their own: its fd, or -errno. */
static int load_rows(
	struct unwinding *unwinding, const struct module *module, uint32_t *ret_row_cnt)
{
	struct unwind_rows rows = {0};
	double began = cpu_s();
	int fd = module->fd < 0 ? -ENOENT : unwind_rows__build(module->fd, &rows);

	if (!fd && rows.cnt > ROWS_MAX)
		fd = -EFBIG;
	if (!fd)
		fd = tracer__load_rows(unwinding->tracer, rows.rows, rows.cnt);
	if (fd >= 0) {
		unwinding->cost.file_cnt++;
		unwinding->cost.row_cnt += rows.cnt;
		unwinding->cost.bytes += rows_bytes(rows.cnt);
		*ret_row_cnt = rows.cnt;
	}
	unwinding->cost.seconds += cpu_s() - began;
	log_debug(2, "%s: %zu unwind rows in %.1f ms%s%s", module->path, rows.cnt,
		(cpu_s() - began) * 1e3, fd < 0 ? ": " : "", fd < 0 ? strerror(-fd) : "");
	unwind_rows__destroy(&rows);
	return fd;
}

static struct unwound_file *find(struct unwinding *unwinding, const struct module *module)
{
	for (size_t i = 0; i < unwinding->cnt; i++) {
		if (unwinding->unwound[i].module == module)
			return &unwinding->unwound[i];
	}
	return NULL;
}

static struct unwound_file *get(struct unwinding *unwinding, const struct module *module)
{
	struct unwound_file *file = find(unwinding, module);

	if (file)
		return file;
	if (unwinding->cnt == unwinding->cap) {
		size_t cap = unwinding->cap ? unwinding->cap * 2 : 64;
		struct unwound_file *grown =
			reallocarray(unwinding->unwound, cap, sizeof(*grown));

		if (!grown)
			return NULL;
		unwinding->unwound = grown;
		unwinding->cap = cap;
	}
	file = &unwinding->unwound[unwinding->cnt++];
	*file = (struct unwound_file){.module = module};
	file->map_fd = load_rows(unwinding, module, &file->row_cnt);
	return file;
}

static int remember_number(struct unwound_file *file, uint32_t number)
{
	uint32_t *numbers =
		reallocarray(file->numbers, file->number_cnt + 1, sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	file->numbers = numbers;
	file->numbers[file->number_cnt++] = number;
	return 0;
}

int unwinding__add(struct unwinding *unwinding, struct module *module, uint32_t number)
{
	struct unwound_file *file = get(unwinding, module);

	if (!file)
		return -ENOMEM;
	if (remember_number(file, number))
		return -ENOMEM;
	if (file->map_fd < 0)
		return file->map_fd;
	return tracer__set_rows(unwinding->tracer, number, file->map_fd);
}

/* The inode's generation, where the file system tells (ext4, xfs, btrfs); else 0, any. */
static uint32_t generation_of(const struct module *module)
{
	int generation = 0;

	if (ioctl(module->fd, FS_IOC_GETVERSION, &generation))
		return 0;
	return generation;
}

int unwinding__preload(struct unwinding *unwinding, struct module *module)
{
	struct unwound_file *file = find(unwinding, module);
	uint32_t number;
	int err;

	if (module->fd < 0 || (file && file->number_cnt))
		return 0;
	err = tracer__number_file(unwinding->tracer, module->dev, module->inode,
		generation_of(module), &number);
	if (!err)
		err = files__set(unwinding->files, number, module);
	return err ? err : unwinding__add(unwinding, module, number);
}

struct preload {
	struct unwinding *unwinding;
	struct modules *modules;
	pid_t pid;
};

static int preload_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct preload *preload = arg;
	struct module *module = modules__add(
		preload->modules, mapping->dev, mapping->inode, mapping->path, preload->pid);

	if (!module)
		return -ENOMEM;
	unwinding__preload(preload->unwinding, module);
	return 0;
}

int unwinding__preload_process(
	struct unwinding *unwinding, struct modules *modules, pid_t pid)
{
	struct preload preload = {unwinding, modules, pid};

	return proc__each_executable(pid, preload_mapping, &preload);
}

/* ---- what nobody maps any more ---- */

static int mark_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct unwinding *unwinding = arg;

	for (size_t i = 0; i < unwinding->cnt; i++) {
		const struct module *module = unwinding->unwound[i].module;

		if (module->inode == mapping->inode && module->dev == mapping->dev)
			unwinding->unwound[i].is_mapped = true;
	}
	return 0;
}

static void mark_mapped(struct unwinding *unwinding)
{
	size_t pid_cnt = 0;
	pid_t *pids = NULL;

	for (size_t i = 0; i < unwinding->cnt; i++)
		unwinding->unwound[i].is_mapped = false;
	if (proc__pids(&pids, &pid_cnt))
		return;
	for (size_t i = 0; i < pid_cnt; i++)
		proc__each_executable(pids[i], mark_mapping, unwinding);
	free(pids);
}

static void drop(struct unwinding *unwinding, struct unwound_file *file)
{
	for (uint32_t i = 0; i < file->number_cnt; i++)
		tracer__forget_number(unwinding->tracer, file->numbers[i]);
	if (file->map_fd >= 0) {
		close(file->map_fd);
		unwinding->cost.file_cnt--;
		unwinding->cost.row_cnt -= file->row_cnt;
		unwinding->cost.bytes -= rows_bytes(file->row_cnt);
	}
	free(file->numbers);
}

void unwinding__trim(struct unwinding *unwinding, uint64_t limit)
{
	size_t kept = 0;

	if (unwinding->cost.bytes <= limit)
		return;
	mark_mapped(unwinding);
	for (size_t i = 0; i < unwinding->cnt; i++) {
		if (unwinding->unwound[i].is_mapped)
			unwinding->unwound[kept++] = unwinding->unwound[i];
		else
			drop(unwinding, &unwinding->unwound[i]);
	}
	unwinding->cnt = kept;
}

struct unwinding_cost unwinding__cost(const struct unwinding *unwinding)
{
	return unwinding->cost;
}
