// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Numbers of files and their unwind rows, as bpf/maps.bpf.h has them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "probe/disposal.h"
#include "probe/tracer_parts.h"

int tracer__number_file(struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation,
	uint32_t *ret_number)
{
	struct file_key key = {.inode = inode, .dev = dev, .generation = generation};
	__u32 number = __sync_add_and_fetch(&tracer->skel->data->last_file, 1);

	if (bpf_map_update_elem(
		    bpf_map__fd(tracer->skel->maps.known_files), &key, &number, BPF_ANY))
		return -errno;
	*ret_number = number;
	return 0;
}

#define ROWS_PER_UPDATE 65536

static int fill_rows(int fd, const struct unwind_row *rows, size_t row_cnt)
{
	struct unwind_row header = {.file_offset = row_cnt};
	__u32 *keys = calloc(ROWS_PER_UPDATE, sizeof(*keys)), first = 0, cnt;
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	int err = keys ? bpf_map_update_elem(fd, &first, &header, BPF_ANY) : -ENOMEM;

	while (!err && first < row_cnt) {
		cnt = row_cnt - first < ROWS_PER_UPDATE ? row_cnt - first : ROWS_PER_UPDATE;
		for (__u32 i = 0; i < cnt; i++)
			keys[i] = first + i + 1;
		err = bpf_map_update_batch(fd, keys, rows + first, &cnt, &opts);
		first += cnt;
	}
	free(keys);
	return err;
}

int tracer__load_rows(struct tracer *tracer, const struct unwind_row *rows, size_t row_cnt)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_INNER_MAP);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", sizeof(__u32), sizeof(*rows),
		row_cnt + 1, &opts);
	int err = fd < 0 ? -errno : fill_rows(fd, rows, row_cnt);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

struct rows_setting {
	struct tracer *tracer;
	uint32_t number;
	int rows_fd; /* own */
};

static void *set_rows(void *arg)
{
	struct rows_setting *setting = arg;
	struct tracer *tracer = setting->tracer;
	int fd = bpf_map__fd(tracer->skel->maps.rows_of_files);

	bpf_map_update_elem(fd, &setting->number, &setting->rows_fd, BPF_ANY);
	close(setting->rows_fd);
	free(setting);
	pthread_mutex_lock(&tracer->settings_lock);
	if (!--tracer->settings_cnt)
		pthread_cond_broadcast(&tracer->settings_done);
	pthread_mutex_unlock(&tracer->settings_lock);
	return NULL;
}

void tracer__wait_for_rows(struct tracer *tracer)
{
	pthread_mutex_lock(&tracer->settings_lock);
	while (tracer->settings_cnt)
		pthread_cond_wait(&tracer->settings_done, &tracer->settings_lock);
	pthread_mutex_unlock(&tracer->settings_lock);
}

static void count_setting(struct tracer *tracer)
{
	pthread_mutex_lock(&tracer->settings_lock);
	tracer->settings_cnt++;
	pthread_mutex_unlock(&tracer->settings_lock);
}

int tracer__set_rows(struct tracer *tracer, uint32_t number, int rows_fd)
{
	struct rows_setting *setting = malloc(sizeof(*setting));
	pthread_t thread;

	if (!setting)
		return -ENOMEM;
	*setting = (struct rows_setting){
		.tracer = tracer,
		.number = number,
		.rows_fd = fcntl(rows_fd, F_DUPFD_CLOEXEC, 3),
	};
	count_setting(tracer);
	if (pthread_create(&thread, NULL, set_rows, setting))
		set_rows(setting);
	else
		pthread_detach(thread);
	return 0;
}

/* The kernel side has it by its generation, or (tracer__number_file) without. */
void tracer__unlist_number(
	struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation, uint32_t number)
{
	struct file_key keys[] = {{inode, dev, generation}, {inode, dev, 0}};
	int fd = bpf_map__fd(tracer->skel->maps.known_files);
	__u32 found;

	for (size_t i = 0; i < 2; i++) {
		if (!bpf_map_lookup_elem(fd, &keys[i], &found) && found == number)
			bpf_map_delete_elem(fd, &keys[i]);
	}
}

void tracer__forget_number(struct tracer *tracer, uint32_t number)
{
	bpf_map_delete_elem(bpf_map__fd(tracer->skel->maps.late_files), &number);
	disposal__rows(tracer->disposal, number);
}
