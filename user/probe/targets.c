// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Files without allocators are kept as well: they are not scanned again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "probe/bystanders.h"
#include "probe/targets.h"
#include "symbol/hash.h"
#include "util/log.h"
#include "util/proc.h"

#define REASON_SZ 256

struct attachment {
	pid_t pid; /* or ALL_PROCESSES */
	const struct probe_sites *sites;
	struct file_links *links;
};

/* Containers have the same file by other numbers each (overlayfs): it is probed once, by the first
 * of these. */
struct target_file {
	struct hash_node node;
	struct module *module;
	uint64_t inode; /* of the file that is probed, as the kernel has it */
	uint32_t dev;
	struct target_file *twin_of; /* NULL: of none; else all below is that one's */
	struct probe_sites sites, points;
	int err; /* of scanning, or of opening it */
	bool is_scanned;
	uint64_t attached_ns; /* its allocator functions, last; CLOCK_MONOTONIC */
	struct attachment *attachments;
	size_t attachment_cnt;
};

struct targets {
	struct tracer *tracer;
	struct modules *modules;
	struct hash files; /* by module */
	size_t site_cnt;
	bool with_mapping;
	const struct spied_functions *spied; /* NULL: for the books */
	struct points *points;		     /* NULL: none */
	uint64_t attached_ns;		     /* any allocator function, last */
	void (*on_attached)(void *arg, const struct module *module); /* NULL: nobody */
	void *on_attached_arg;
};

struct targets *targets__new(struct tracer *tracer, struct modules *modules, bool with_mapping)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->tracer = tracer;
	targets->modules = modules;
	targets->with_mapping = with_mapping;
	return targets;
}

void targets__tell_attached(
	struct targets *targets, void (*on_attached)(void *arg, const struct module *module), void *arg)
{
	targets->on_attached = on_attached;
	targets->on_attached_arg = arg;
}

void targets__spy(struct targets *targets, const struct spied_functions *functions)
{
	targets->spied = functions;
}

void targets__wait_at(struct targets *targets, struct points *points)
{
	targets->points = points;
}

static void file__free(struct hash_node *node)
{
	struct target_file *file = (struct target_file *)node;

	probe_sites__destroy(&file->sites);
	probe_sites__destroy(&file->points);
	free(file->attachments);
	free(file);
}

void targets__free(struct targets *targets)
{
	if (!targets)
		return;
	hash__free(&targets->files, file__free);
	free(targets);
}

static uint64_t file_hash(const struct module *module)
{
	return hash__mix((uintptr_t)module, 0);
}

static struct target_file *find_file(struct targets *targets, const struct module *module)
{
	struct hash_node *node = hash__chain(&targets->files, file_hash(module));

	while (node && ((struct target_file *)node)->module != module)
		node = node->next;
	return (struct target_file *)node;
}

static struct target_file *add_file(struct targets *targets, struct module *module)
{
	struct target_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->module = module;
	if (!hash__add(&targets->files, &file->node, file_hash(module)))
		return file;
	free(file);
	return NULL;
}

static int scan_file(
	const struct targets *targets, const struct module *module, struct probe_sites *ret_sites)
{
	if (targets->spied)
		return probe_sites__scan_spied(
			module->fd, module->path, targets->with_mapping, targets->spied, ret_sites);
	return probe_sites__scan(module->fd, module->path, targets->with_mapping, ret_sites);
}

static void scan_points(const struct targets *targets, struct target_file *file)
{
	const struct module *module = file->module;
	int err = points__scan(targets->points, module->fd, module->path, &file->points);

	if (err == -E2BIG)
		log_warn("%s: too many functions of these names: none of them is probed",
			module->path);
}

static void scan(const struct targets *targets, struct target_file *file)
{
	struct module *module = file->module;

	file->is_scanned = module->fd >= 0;
	file->err = module->fd < 0 ? module->error : scan_file(targets, module, &file->sites);
	if (file->is_scanned && targets->points)
		scan_points(targets, file);
	log_debug(2, "%s: %zu probe sites", module->path, file->sites.cnt);
	if (*file->sites.unseen)
		log_debug(1, "%s: %s", module->path, file->sites.unseen);
	if (*file->sites.missing)
		log_warn("%s: %s", module->path, file->sites.missing);
}

struct twin_search {
	struct target_file *file, *found;
};

static bool note_twin(struct hash_node *node, void *arg)
{
	struct target_file *other = (struct target_file *)node;
	struct twin_search *search = arg;

	if (other != search->file && !other->twin_of && other->inode == search->file->inode &&
		other->dev == search->file->dev)
		search->found = other;
	return false;
}

/* Without an answer of the kernel it is its own file. */
static void identify(struct targets *targets, struct target_file *file)
{
	struct twin_search search = {.file = file};

	if (tracer__identify(targets->tracer, file->module->fd, &file->dev, &file->inode)) {
		file->dev = file->module->dev;
		file->inode = file->module->inode;
	}
	hash__filter(&targets->files, note_twin, &search);
	file->twin_of = search.found;
}

/* One that could not be opened may be open by now. NULL without memory. */
static struct target_file *find_sites(struct targets *targets, struct module *module)
{
	struct target_file *file = find_file(targets, module);

	if (!file)
		file = add_file(targets, module);
	if (file && !file->is_scanned && !file->twin_of) {
		if (module->fd >= 0)
			identify(targets, file);
		if (!file->twin_of)
			scan(targets, file);
	}
	return file && file->twin_of ? file->twin_of : file;
}

static bool is_attached(const struct target_file *file, const struct probe_sites *sites, pid_t pid)
{
	for (size_t i = 0; i < file->attachment_cnt; i++) {
		const struct attachment *attachment = &file->attachments[i];

		if (attachment->sites == sites &&
			(attachment->pid == pid || attachment->pid == ALL_PROCESSES))
			return true;
	}
	return false;
}

static void note_attached(struct targets *targets, struct target_file *file)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	targets->attached_ns = file->attached_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	if (targets->on_attached)
		targets->on_attached(targets->on_attached_arg, file->module);
}

static int attach(struct targets *targets, struct target_file *file,
	const struct probe_sites *sites, pid_t pid)
{
	struct attachment *attachments =
		reallocarray(file->attachments, file->attachment_cnt + 1, sizeof(*attachments));
	struct attachment *attachment;
	int err;

	if (!attachments)
		return -ENOMEM;
	file->attachments = attachments;
	attachment = &attachments[file->attachment_cnt];
	err = tracer__attach_file(
		targets->tracer, file->module->fd, sites, pid, &attachment->links);
	if (err)
		return err;
	attachment->pid = pid;
	attachment->sites = sites;
	file->attachment_cnt++;
	targets->site_cnt += sites->cnt;
	log_debug(1, "probing %zu sites of %s", sites->cnt, file->module->path);
	if (sites == &file->sites)
		note_attached(targets, file);
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
	pid_t pid = bystanders__find(module->inode, &exe);

	if (!pid)
		return true;
	if (reason)
		snprintf(reason, REASON_SZ,
			"a probe on %3$.60s would kill process %1$d (%2$.40s), which translates "
			"code or "
			"has a seccomp filter: wait for its end, or trace single processes "
			"(attach, "
			"run --no-children)",
			pid, exe, module->path);
	free(exe);
	return false;
}

static int add_sites_for(struct targets *targets, struct target_file *file,
	const struct probe_sites *sites, pid_t pid, char *reason)
{
	int err;

	if (!tracer__probes_by_process(targets->tracer))
		pid = ALL_PROCESSES; /* the kernel side's own filter is exact, only dearer */
	if (is_attached(file, sites, pid))
		return 0;
	if (pid == ALL_PROCESSES && !spares_bystanders(file->module, reason))
		return -EBUSY;
	err = attach(targets, file, sites, pid);
	return err ? fail(reason, err, file->module, NULL) : (int)sites->cnt;
}

/* 0 or -errno. */
static int add_points_for(
	struct targets *targets, struct target_file *file, pid_t pid, char *reason)
{
	int ret = 0;

	if (file->points.cnt)
		ret = add_sites_for(targets, file, &file->points, pid, reason);
	return ret < 0 ? ret : 0;
}

int targets__add_points(struct targets *targets, struct module *module, pid_t pid, char *reason)
{
	struct target_file *file = targets->points ? find_sites(targets, module) : NULL;

	if (!targets->points)
		return 0;
	return file ? add_points_for(targets, file, pid, reason) : -ENOMEM;
}

int targets__add_module(struct targets *targets, struct module *module, pid_t pid, char *reason)
{
	struct target_file *file = find_sites(targets, module);

	if (!file)
		return -ENOMEM;
	if (add_points_for(targets, file, pid, reason))
		log_warn("%s", reason);
	if (file->err)
		return fail(reason, file->err, module, file->sites.reason);
	if (file->sites.cnt)
		return add_sites_for(targets, file, &file->sites, pid, reason);
	fail(reason, 0, module, file->sites.reason);
	return 0;
}

bool targets__is_failure(int ret)
{
	return ret < 0 && ret != -ENOEXEC && ret != -ENOTSUP;
}

struct add_process {
	struct targets *targets;
	pid_t pid, for_pid;
	uint64_t began_ns;
	char *reason;
	struct process_probes probes;
	size_t mapping_cnt;
	int err;
};

static bool is_late(const struct add_process *add, uint64_t attached_ns)
{
	return add->began_ns && attached_ns > add->began_ns;
}

static int add_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct file_id id = {.inode = mapping->inode, .dev = mapping->dev};
	struct add_process *add = arg;
	struct module *module = modules__add(add->targets->modules, id, mapping->path, add->pid);
	const struct target_file *file;
	int ret;

	add->mapping_cnt++;
	if (!module)
		return -ENOMEM;
	ret = targets__add_module(add->targets, module, add->for_pid, add->reason);
	if (ret >= 0) {
		file = find_sites(add->targets, module);
		add->probes.late_cnt += ret || is_late(add, file->attached_ns);
		add->probes.probed_cnt += file->sites.cnt > 0;
		return 0;
	}
	if (add->err != -EBUSY)
		add->err = ret; /* of this file: others may do */
	if (targets__is_failure(ret)) {
		add->probes.failed_cnt++;
		log_debug(1, "process %d: %s", add->pid, add->reason);
	}
	return 0;
}

int targets__add_process(struct targets *targets, pid_t pid, pid_t for_pid, uint64_t began_ns,
	char *reason, struct process_probes *ret_probes)
{
	struct add_process add = {.targets = targets,
		.pid = pid,
		.for_pid = for_pid,
		.began_ns = began_ns,
		.reason = reason};
	int err = proc__each_executable(pid, add_mapping, &add);

	if (!add.mapping_cnt) /* it has ended: what it had is not known any more */
		add.probes.late_cnt = is_late(&add, targets->attached_ns);
	*ret_probes = add.probes;
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	return add.probes.probed_cnt && add.err != -EBUSY ? 0 : add.err;
}

struct add_points {
	struct targets *targets;
	pid_t pid, for_pid;
};

static int add_points_of_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct file_id id = {.inode = mapping->inode, .dev = mapping->dev};
	struct add_points *add = arg;
	struct module *module = modules__add(add->targets->modules, id, mapping->path, add->pid);
	char reason[REASON_SZ] = "";

	if (module && targets__add_points(add->targets, module, add->for_pid, reason) < 0)
		log_warn("%s", reason);
	return 0;
}

void targets__add_points_of(struct targets *targets, pid_t pid, pid_t for_pid)
{
	struct add_points add = {.targets = targets, .pid = pid, .for_pid = for_pid};

	if (targets->points)
		proc__each_executable(pid, add_points_of_mapping, &add);
}

struct add_known {
	struct targets *targets;
	pid_t pid;
	char *reason;
	int err;
};

static bool add_known(struct hash_node *node, void *arg)
{
	struct target_file *file = (struct target_file *)node;
	struct add_known *known = arg;
	int ret = 0;

	if (!file->err && file->sites.cnt)
		ret = add_sites_for(known->targets, file, &file->sites, known->pid, known->reason);
	if (ret >= 0)
		ret = add_points_for(known->targets, file, known->pid, known->reason);
	if (ret < 0)
		known->err = ret;
	return false;
}

int targets__add_known(struct targets *targets, pid_t pid, char *reason)
{
	struct add_known known = {.targets = targets, .pid = pid, .reason = reason};

	hash__filter(&targets->files, add_known, &known);
	return known.err;
}

bool targets__is_probed(struct targets *targets, const struct module *module)
{
	const struct target_file *file = find_file(targets, module);

	return file && (file->twin_of ? file->twin_of : file)->attachment_cnt;
}

struct inheritance {
	struct target_file *from, *heir;
};

/* The first twin takes over what there is, and the others'. */
static bool inherit(struct hash_node *node, void *arg)
{
	struct target_file *file = (struct target_file *)node;
	struct inheritance *inheritance = arg;

	if (file->twin_of != inheritance->from)
		return false;
	if (!inheritance->heir)
		inheritance->heir = file;
	file->twin_of = file == inheritance->heir ? NULL : inheritance->heir;
	return false;
}

static void hand_over(struct target_file *from, struct target_file *heir)
{
	for (size_t i = 0; i < from->attachment_cnt; i++) {
		struct attachment *attachment = &from->attachments[i];

		attachment->sites = attachment->sites == &from->sites ? &heir->sites : &heir->points;
	}
	heir->sites = from->sites;
	heir->points = from->points;
	heir->err = from->err;
	heir->is_scanned = from->is_scanned;
	heir->attached_ns = from->attached_ns;
	heir->attachments = from->attachments;
	heir->attachment_cnt = from->attachment_cnt;
	from->sites = from->points = (struct probe_sites){0};
	from->attachments = NULL;
	from->attachment_cnt = 0;
}

void targets__forget(struct targets *targets, const struct module *module)
{
	struct target_file *file = find_file(targets, module);
	struct inheritance inheritance = {.from = file};

	if (!file)
		return;
	hash__filter(&targets->files, inherit, &inheritance);
	if (inheritance.heir)
		hand_over(file, inheritance.heir);
	for (size_t i = 0; i < file->attachment_cnt; i++) {
		tracer__detach_file(targets->tracer, file->attachments[i].links);
		targets->site_cnt -= file->attachments[i].sites->cnt;
	}
	hash__remove(&targets->files, &file->node);
	file__free(&file->node);
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
	if (!module)
		return -ENOMEM;
	module->is_pinned = true; /* it was asked for: also if nobody executes it yet */
	return targets__add_module(targets, module, for_pid, reason);
}

size_t targets__site_cnt(const struct targets *targets)
{
	return targets->site_cnt;
}
