// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A linear list of files and of {file, process} pairs: there are as many as the machine executes
 * files with allocators (tens), and files without are remembered only by their module.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "probe/bystanders.h"
#include "probe/targets.h"
#include "util/log.h"
#include "util/proc.h"

#define REASON_SZ 256

struct target_file {
	const struct module *module;
	struct probe_sites sites;
	int err; /* of scanning */
	pid_t *pids; /* attached for */
	size_t pid_cnt;
};

struct targets {
	struct tracer *tracer;
	struct modules *modules;
	struct target_file *files;
	size_t file_cnt, file_cap;
	size_t site_cnt;
};

struct targets *targets__new(struct tracer *tracer, struct modules *modules)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->tracer = tracer;
	targets->modules = modules;
	return targets;
}

void targets__free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->file_cnt; i++) {
		probe_sites__destroy(&targets->files[i].sites);
		free(targets->files[i].pids);
	}
	free(targets->files);
	free(targets);
}

static struct target_file *find_file(struct targets *targets, const struct module *module)
{
	for (size_t i = 0; i < targets->file_cnt; i++) {
		if (targets->files[i].module == module)
			return &targets->files[i];
	}
	return NULL;
}

static struct target_file *push_file(struct targets *targets)
{
	if (targets->file_cnt == targets->file_cap) {
		size_t cap = targets->file_cap ? targets->file_cap * 2 : 32;
		struct target_file *files = reallocarray(targets->files, cap, sizeof(*files));

		if (!files)
			return NULL;
		targets->files = files;
		targets->file_cap = cap;
	}
	return memset(&targets->files[targets->file_cnt++], 0, sizeof(struct target_file));
}

static struct target_file *scan(struct targets *targets, struct module *module)
{
	struct target_file *file = find_file(targets, module);

	if (file)
		return file;
	file = push_file(targets);
	if (!file)
		return NULL;
	file->module = module;
	file->err = module->fd < 0 ? module->error : probe_sites__scan(module->fd, &file->sites);
	log_debug(2, "%s: %zu probe sites", module->path, file->sites.cnt);
	if (*file->sites.unseen)
		log_debug(1, "%s: %s", module->path, file->sites.unseen);
	return file;
}

static bool is_attached(const struct target_file *file, pid_t pid)
{
	for (size_t i = 0; i < file->pid_cnt; i++) {
		if (file->pids[i] == pid || file->pids[i] == ALL_PROCESSES)
			return true;
	}
	return false;
}

static int remember(struct target_file *file, pid_t pid)
{
	pid_t *pids = reallocarray(file->pids, file->pid_cnt + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	file->pids = pids;
	file->pids[file->pid_cnt++] = pid;
	return 0;
}

static int fail(char *reason, int err, const struct module *module, const char *text)
{
	if (reason)
		snprintf(reason, REASON_SZ, "%s: %s", module->path,
			text && *text ? text : strerror(-err));
	return err;
}

static bool spares_bystanders(const struct module *module, char *reason)
{
	char *exe = NULL;
	pid_t pid = bystanders__find(module->dev, module->inode, &exe);

	if (!pid)
		return true;
	if (reason)
		snprintf(reason, REASON_SZ,
			"a probe on %3$.60s would kill process %1$d (%2$.40s), which translates code or "
			"has a seccomp filter: wait for its end, or trace single processes (attach, "
			"run --no-children)",
			pid, exe, module->path);
	free(exe);
	return false;
}

int targets__add_module(struct targets *targets, struct module *module, pid_t pid, char *reason)
{
	struct target_file *file = scan(targets, module);
	int err;

	if (!file)
		return -ENOMEM;
	if (file->err)
		return fail(reason, file->err, module, file->sites.reason);
	if (!file->sites.cnt) {
		fail(reason, 0, module, file->sites.reason);
		return 0;
	}
	if (is_attached(file, pid))
		return 0;
	if (pid == ALL_PROCESSES && !spares_bystanders(module, reason))
		return -EBUSY;
	err = tracer__attach_file(targets->tracer, module->fd, &file->sites, pid);
	if (!err)
		err = remember(file, pid);
	if (err)
		return fail(reason, err, module, NULL);
	log_debug(1, "probing %zu sites of %s", file->sites.cnt, module->path);
	targets->site_cnt += file->sites.cnt;
	return file->sites.cnt;
}

struct add_process {
	struct targets *targets;
	pid_t pid, for_pid;
	char *reason;
	int site_cnt, err;
};

static int add_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct add_process *add = arg;
	struct module *module = modules__add(
		add->targets->modules, mapping->dev, mapping->inode, mapping->path, add->pid);
	int ret;

	if (!module)
		return -ENOMEM;
	ret = targets__add_module(add->targets, module, add->for_pid, add->reason);
	if (ret > 0)
		add->site_cnt += ret;
	else if (ret < 0)
		add->err = ret; /* of this file: others may do */
	return 0;
}

int targets__add_process(struct targets *targets, pid_t pid, pid_t for_pid, char *reason)
{
	struct add_process add = {
		.targets = targets, .pid = pid, .for_pid = for_pid, .reason = reason};
	int err = proc__each_executable(pid, add_mapping, &add);

	if (err == -ENOENT)
		err = -ESRCH;
	if (err)
		return err;
	return add.site_cnt ? add.site_cnt : add.err;
}

int targets__add_path(struct targets *targets, const char *path, pid_t for_pid, char *reason)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct module *module;

	if (fd < 0) {
		int err = -errno;

		if (reason)
			snprintf(reason, REASON_SZ, "%s: %s", path, strerror(-err));
		return err;
	}
	module = modules__add_fd(targets->modules, fd, path);
	close(fd);
	return module ? targets__add_module(targets, module, for_pid, reason) : -ENOMEM;
}

size_t targets__site_cnt(const struct targets *targets)
{
	return targets->site_cnt;
}
