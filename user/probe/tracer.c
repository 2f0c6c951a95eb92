// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The programs in the kernel, from their loading (tracer_load.c) to their end, and the files that
 * they are attached to.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probe/disposal.h"
#include "probe/mapping_hooks.h"
#include "probe/spy_programs.h"
#include "probe/tracer_parts.h"
#include "util/array.h"

/* libbpf has one print callback for the process and no argument for it. */
static FILE *libbpf_log;

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level > LIBBPF_INFO || !libbpf_log)
		return 0;
	return vfprintf(libbpf_log, format, args);
}

/* Before 6.10 uprobe.multi's pid named a thread (mended by 46ba0e49b642). */
static bool multi_pid_is_thread(void)
{
	struct utsname name;
	int major, minor;

	return !uname(&name) && sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 10));
}

static int attach_life(struct tracer *tracer)
{
	struct heaptap_bpf *skel = tracer->skel;

	skel->links.on_fork = bpf_program__attach(skel->progs.on_fork);
	if (!skel->links.on_fork)
		return -errno;
	skel->links.on_exec = bpf_program__attach(skel->progs.on_exec);
	if (!skel->links.on_exec)
		return -errno;
	/* Before the exit's own record. */
	if (tracer->is_spy)
		skel->links.on_spy_exit = bpf_program__attach(skel->progs.on_spy_exit);
	if (tracer->is_spy && !skel->links.on_spy_exit)
		return -errno;
	skel->links.on_exit = bpf_program__attach(skel->progs.on_exit);
	return skel->links.on_exit ? 0 : -errno;
}

static int begin_disposal(struct tracer *tracer)
{
	tracer->disposal = disposal__new(bpf_map__fd(tracer->skel->maps.rows_of_files));
	if (!tracer->disposal)
		return -ENOMEM;
	disposal__links(tracer->disposal, tracer->trial);
	tracer->trial = NULL;
	return 0;
}

int tracer__new(const struct tracer_config *config, struct tracer **ret_tracer, char **ret_log)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int err = -ENOMEM;

	if (!tracer)
		return -ENOMEM;
	pthread_mutex_init(&tracer->settings_lock, NULL);
	pthread_cond_init(&tracer->settings_done, NULL);
	tracer->log = libbpf_log = open_memstream(&tracer->log_text, &tracer->log_sz);
	if (!tracer->log)
		goto err_out;
	libbpf_set_print(print_libbpf);
	tracer->multi_pid_is_thread = multi_pid_is_thread();
	tracer->is_spy = config->spy;
	err = tracer__load(tracer, config);
	if (!err)
		err = begin_disposal(tracer);
	if (!err)
		err = attach_life(tracer);
	if (!err && config->stack_mode != STACK_NONE)
		tracer->mapping_hook = attach_mapping_hooks(tracer->skel);
	if (err)
		goto err_out;
	*ret_tracer = tracer;
	return 0;

err_out:
	if (ret_log && tracer->log && !fflush(tracer->log))
		*ret_log = strdup(tracer->log_text);
	tracer__free(tracer);
	return err;
}

static void detach_files(struct tracer *tracer)
{
	file_links__detach_all(tracer->files, tracer->file_cnt);
	tracer->file_cnt = 0;
}

void tracer__detach(struct tracer *tracer)
{
	tracer->skel->bss->is_ending = true;
	detach_files(tracer);
	heaptap_bpf__detach(tracer->skel);
}

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	tracer__wait_for_rows(tracer);
	disposal__free(tracer->disposal);
	detach_files(tracer);
	file_links__detach(tracer->trial);
	free(tracer->files);
	heaptap_bpf__destroy(tracer->skel);
	libbpf_log = NULL;
	if (tracer->log)
		fclose(tracer->log);
	free(tracer->log_text);
	free(tracer);
}

enum link_kind tracer__link_kind(const struct tracer *tracer)
{
	return tracer->kind;
}

const char *tracer__mapping_hook(const struct tracer *tracer)
{
	return tracer->mapping_hook;
}

int tracer__ring_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.events);
}

int tracer__new_files_fd(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skel->maps.new_files);
}

void tracer__end_epoch(struct tracer *tracer)
{
	__sync_fetch_and_add(&tracer->skel->bss->map_epoch, 1);
}

static int keep_links(struct tracer *tracer, struct file_links *links)
{
	struct file_links **files = array__with_room(
		tracer->files, tracer->file_cnt, 1, &tracer->file_cap, sizeof(*files));

	if (!files)
		return -ENOMEM;
	tracer->files = files;
	tracer->files[tracer->file_cnt++] = links;
	return 0;
}

bool tracer__probes_by_process(const struct tracer *tracer)
{
	return tracer->kind != LINK_MULTI || !tracer->multi_pid_is_thread;
}

int tracer__attach_file(struct tracer *tracer, int fd, const struct probe_sites *sites, pid_t pid,
	struct file_links **ret_links)
{
	struct link_programs programs = tracer__programs(tracer);
	struct file_links *links;
	int err;

	tracer__wait_for_rows(tracer);
	err = file_links__attach(tracer->kind, &programs, fd, sites, pid, &links);
	if (err)
		return err;
	err = keep_links(tracer, links);
	if (err)
		file_links__detach(links);
	else
		*ret_links = links;
	return err;
}

void tracer__detach_file(struct tracer *tracer, struct file_links *links)
{
	size_t i = 0;

	while (i < tracer->file_cnt && tracer->files[i] != links)
		i++;
	if (i == tracer->file_cnt)
		return; /* with all others, by tracer__detach */
	tracer->files[i] = tracer->files[--tracer->file_cnt];
	disposal__links(tracer->disposal, links);
}
