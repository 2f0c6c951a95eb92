// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A file's rows stay loaded under every number that the file has had; one map serves them all. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "probe/unwinding.h"
#include "unwind/rows.h"
#include "util/array.h"
#include "util/log.h"

/* 64 MiB of kernel memory. The largest libraries have a million; more is a file that lies. */
#define ROWS_MAX (8u << 20)

struct unwound_file {
	uint32_t dev, generation;
	uint64_t inode;
	int map_fd; /* of its rows; -errno: there are none to be had */
	bool is_missing; /* it could not be opened, so there are none yet */
	uint32_t row_cnt;
	uint32_t *numbers; /* that the kernel side knows it by */
	uint32_t number_cnt;
};

struct unwinding {
	pthread_mutex_t lock; /* of all below */
	struct tracer *tracer;
	struct unwound_file *unwound;
	size_t cnt, cap;
	struct unwinding_cost cost;
};

struct unwinding *unwinding__new(struct tracer *tracer)
{
	struct unwinding *unwinding = calloc(1, sizeof(*unwinding));

	if (!unwinding)
		return NULL;
	pthread_mutex_init(&unwinding->lock, NULL);
	unwinding->tracer = tracer;
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
	pthread_mutex_destroy(&unwinding->lock);
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
	if (fd >= 0)
		*ret_row_cnt = rows.cnt;
	unwinding->cost.seconds += cpu_s() - began;
	log_debug(2, "%s: %zu unwind rows in %.1f ms%s%s", module->path, rows.cnt,
		(cpu_s() - began) * 1e3, fd < 0 ? ": " : "", fd < 0 ? strerror(-fd) : "");
	unwind_rows__destroy(&rows);
	return fd;
}

/* sign: 1 when the rows have come, -1 when they go. */
static void count(struct unwinding *unwinding, const struct unwound_file *file, int sign)
{
	unwinding->cost.file_cnt += sign;
	unwinding->cost.row_cnt += sign * (int64_t)file->row_cnt;
	unwinding->cost.bytes += sign * (int64_t)rows_bytes(file->row_cnt);
}

static bool is_of(const struct unwound_file *file, const struct module *module)
{
	return file->inode == module->inode && file->dev == module->dev &&
	       (file->generation == module->generation || !file->generation || !module->generation);
}

static struct unwound_file *find(struct unwinding *unwinding, const struct module *module)
{
	for (size_t i = 0; i < unwinding->cnt; i++) {
		if (is_of(&unwinding->unwound[i], module))
			return &unwinding->unwound[i];
	}
	return NULL;
}

/* no rows: its code is stepped over by frame pointers */
static void load(
	struct unwinding *unwinding, struct unwound_file *file, const struct module *module)
{
	file->is_missing = module->fd < 0;
	file->map_fd = load_rows(unwinding, module, &file->row_cnt);
	if (file->map_fd < 0)
		file->map_fd = tracer__load_rows(unwinding->tracer, NULL, 0);
	if (file->map_fd >= 0)
		count(unwinding, file, 1);
}

static void unload(struct unwinding *unwinding, struct unwound_file *file)
{
	if (file->map_fd < 0)
		return;
	count(unwinding, file, -1);
	close(file->map_fd);
	file->row_cnt = 0;
}

/* It has been opened at last. */
static void load_again(
	struct unwinding *unwinding, struct unwound_file *file, const struct module *module)
{
	unload(unwinding, file);
	load(unwinding, file, module);
	for (uint32_t i = 0; file->map_fd >= 0 && i < file->number_cnt; i++)
		tracer__set_rows(unwinding->tracer, file->numbers[i], file->map_fd);
}

static struct unwound_file *get(struct unwinding *unwinding, const struct module *module)
{
	struct unwound_file *file = find(unwinding, module);
	struct unwound_file *grown;

	if (file && !file->generation)
		file->generation = module->generation;
	if (file && file->is_missing && module->fd >= 0)
		load_again(unwinding, file, module);
	if (file)
		return file;
	grown = array__with_room(
		unwinding->unwound, unwinding->cnt, 1, &unwinding->cap, sizeof(*grown));
	if (!grown)
		return NULL;
	unwinding->unwound = grown;
	file = &unwinding->unwound[unwinding->cnt++];
	*file = (struct unwound_file){
		.dev = module->dev, .inode = module->inode, .generation = module->generation};
	load(unwinding, file, module);
	return file;
}

static int remember_number(struct unwound_file *file, uint32_t number)
{
	uint32_t *numbers = reallocarray(file->numbers, file->number_cnt + 1, sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	file->numbers = numbers;
	file->numbers[file->number_cnt++] = number;
	return 0;
}

static bool has_number(const struct unwound_file *file, uint32_t number)
{
	for (uint32_t i = 0; i < file->number_cnt; i++) {
		if (file->numbers[i] == number)
			return true;
	}
	return false;
}

static int add(struct unwinding *unwinding, const struct module *module, uint32_t number)
{
	struct unwound_file *file = get(unwinding, module);

	if (!file)
		return -ENOMEM;
	if (has_number(file, number))
		return 0;
	if (remember_number(file, number))
		return -ENOMEM;
	if (file->map_fd < 0)
		return file->map_fd;
	return tracer__set_rows(unwinding->tracer, number, file->map_fd);
}

int unwinding__add(struct unwinding *unwinding, const struct module *module, uint32_t number)
{
	int err;

	pthread_mutex_lock(&unwinding->lock);
	err = add(unwinding, module, number);
	pthread_mutex_unlock(&unwinding->lock);
	return err;
}

int unwinding__preload(
	struct unwinding *unwinding, const struct module *module, uint32_t *ret_number)
{
	struct unwound_file *file;
	int err = 0;

	*ret_number = 0;
	if (module->fd < 0)
		return module->error;
	pthread_mutex_lock(&unwinding->lock);
	file = find(unwinding, module);
	if (!file || !file->number_cnt)
		err = tracer__number_file(unwinding->tracer, module->dev, module->inode,
			module->generation, ret_number);
	if (!err && *ret_number)
		err = add(unwinding, module, *ret_number);
	pthread_mutex_unlock(&unwinding->lock);
	return err;
}

/* The file has no number any more. */
static void drop(struct unwinding *unwinding, struct unwound_file *file)
{
	unload(unwinding, file);
	free(file->numbers);
	*file = unwinding->unwound[--unwinding->cnt];
}

static void forget(struct unwinding *unwinding, struct unwound_file *file, uint32_t number)
{
	for (uint32_t i = 0; i < file->number_cnt; i++) {
		if (file->numbers[i] == number)
			file->numbers[i--] = file->numbers[--file->number_cnt];
	}
	if (!file->number_cnt)
		drop(unwinding, file);
}

void unwinding__forget(struct unwinding *unwinding, const struct module *module, uint32_t number)
{
	struct unwound_file *file;

	pthread_mutex_lock(&unwinding->lock);
	file = find(unwinding, module);
	if (file)
		forget(unwinding, file, number);
	pthread_mutex_unlock(&unwinding->lock);
	tracer__forget_number(unwinding->tracer, number);
}

struct unwinding_cost unwinding__cost(struct unwinding *unwinding)
{
	struct unwinding_cost cost;

	pthread_mutex_lock(&unwinding->lock);
	cost = unwinding->cost;
	pthread_mutex_unlock(&unwinding->lock);
	return cost;
}
