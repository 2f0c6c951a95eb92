// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The thread sleeps nearly always; its priority lets it go before those that it hurries for. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <bpf/libbpf.h>
#include "collect/decode.h"
#include "collect/new_files.h"

#define STOP_MS 100 /* how often it looks whether it shall end */
#define HURRIED (-20)

struct new_files {
	struct ring_buffer *ring;
	pthread_t thread;
	atomic_bool stopping;
	void (*on_file)(void *arg, const struct new_file *file);
	void *arg;
};

static int on_record(void *arg, void *data, size_t sz)
{
	struct new_files *new_files = arg;
	const struct event *event = decode__event(data, sz);
	const struct file_event *record = (const void *)event;
	char path[FILE_PATH_MAX + 2];

	if (!event || event->kind != EVENT_FILE || !decode__path(record, path, sizeof(path)))
		return 0; /* the collector counts it: it has the same record */
	new_files->on_file(new_files->arg, &(struct new_file){
						   .number = record->file,
						   .id = file_event__id(record),
						   .pid = event->tgid,
						   .path = path,
					   });
	return 0;
}

static void *watch(void *arg)
{
	struct new_files *new_files = arg;

	/* Without CAP_SYS_NICE it is a thread like others. */
	setpriority(PRIO_PROCESS, gettid(), HURRIED);
	while (!atomic_load(&new_files->stopping))
		ring_buffer__poll(new_files->ring, STOP_MS);
	return NULL;
}

struct new_files *new_files__start(
	int ring_fd, void (*on_file)(void *arg, const struct new_file *file), void *arg)
{
	struct new_files *new_files = calloc(1, sizeof(*new_files));

	if (!new_files)
		return NULL;
	new_files->on_file = on_file;
	new_files->arg = arg;
	new_files->ring = ring_buffer__new(ring_fd, on_record, new_files, NULL);
	if (new_files->ring && !pthread_create(&new_files->thread, NULL, watch, new_files))
		return new_files;
	ring_buffer__free(new_files->ring);
	free(new_files);
	return NULL;
}

void new_files__stop(struct new_files *new_files)
{
	if (!new_files)
		return;
	atomic_store(&new_files->stopping, true);
	pthread_join(new_files->thread, NULL);
	ring_buffer__free(new_files->ring);
	free(new_files);
}
