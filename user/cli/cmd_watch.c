// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * watch: files are probed for every process, also for those that start later. Without a FILE, the
 * allocators of all running programs and all that the dynamic linker knows; with libraries, those;
 * with programs, what these will allocate from, filtered by program.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cli/trace.h"
#include "probe/closure.h"
#include "util/log.h"
#include "util/proc.h"

/* Ended processes wait for the next summary; beyond this many one is made. */
#define ENDED_MAX 10000

struct watch {
	bool everything; /* no FILE was given */
	size_t ended_cnt;
};

static int parse_user(const char *name, uid_t *ret_uid)
{
	const struct passwd *entry = getpwnam(name);
	char *end;
	unsigned long value = strtoul(name, &end, 10);

	if (entry) {
		*ret_uid = entry->pw_uid;
		return 0;
	}
	if (*end || end == name || value > UINT32_MAX) {
		log_error("there is no user '%s'", name);
		return EXIT_USAGE;
	}
	*ret_uid = value;
	return 0;
}

static int add_exe(struct trace *trace, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err = fd < 0 ? -errno : 0;
	uint64_t inode;
	uint32_t dev;

	if (!err && module__identify(fd, &dev, &inode))
		err = tracer__add_exe(trace->tracer, dev, inode);
	if (fd >= 0)
		close(fd);
	if (err)
		log_error("%s: %s", path, strerror(-err));
	return err ? EXIT_TARGET : 0;
}

/* ---- which files ---- */

static void add_quietly(int ret, const char *reason)
{
	if (ret < 0 && *reason)
		log_debug(1, "%s", reason);
}

static int add_closure(struct trace *trace, const char *program)
{
	struct paths paths = {0};
	char reason[256] = "";
	int err = closure__add(&paths, program, environ);

	for (size_t i = 0; !err && i < paths.cnt; i++) {
		trace__preload_path(trace, paths.paths[i]);
		add_quietly(
			targets__add_path(trace->targets, paths.paths[i], ALL_PROCESSES, reason),
			reason);
	}
	paths__destroy(&paths);
	return err;
}

/* It has no allocator of its own. */
static bool is_program_for_filter(const struct options *options, const char *path)
{
	struct probe_sites sites = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), ret;

	if (fd < 0)
		return false;
	ret = probe_sites__scan(fd, path, options->mmap, &sites);
	close(fd);
	ret = !ret && (!sites.cnt || sites.operators_only);
	probe_sites__destroy(&sites);
	return ret;
}

/* A library or a program with an allocator of its own is probed itself; any other program by what
 * it will map, and then only for that program (returns 1). */
static int add_file(struct trace *trace, const char *path)
{
	char reason[256] = "";
	size_t before = targets__site_cnt(trace->targets);
	int ret;

	trace__preload_path(trace, path);
	ret = targets__add_path(trace->targets, path, ALL_PROCESSES, reason);
	if (ret > 0 && !is_program_for_filter(trace->options, path))
		return 0;
	if (ret >= 0)
		ret = add_closure(trace, path);
	if (!ret && targets__site_cnt(trace->targets) > before)
		return 1;
	log_error("%s cannot be watched: %s", path,
		ret == -ENOENT ? strerror(ENOENT) : *reason ? reason : "no allocator function in it");
	return -1;
}

/* -EBUSY, after saying why, or 0. */
static int add_installed(struct trace *trace)
{
	struct paths paths = {0};
	char reason[256] = "";
	int err = 0;

	closure__add_installed_allocators(&paths);
	for (size_t i = 0; i < paths.cnt && err != -EBUSY; i++) {
		err = targets__add_path(trace->targets, paths.paths[i], ALL_PROCESSES, reason);
		add_quietly(err, reason);
	}
	paths__destroy(&paths);
	if (err == -EBUSY)
		log_error("%s", reason);
	return err == -EBUSY ? err : 0;
}

static void show_progress(size_t done, size_t all)
{
	if (isatty(STDERR_FILENO) && done % 64 == 0)
		fprintf(stderr, "\rheaptap: looking for allocators: %zu of %zu processes ", done,
			all);
	if (isatty(STDERR_FILENO) && done == all)
		fputs("\r\033[K", stderr);
}

/* What they execute is made ready for unwinding, and allocators among it are probed if `is_probed`.
 * -EBUSY, after saying why, or 0. */
static int add_processes(struct trace *trace, const pid_t *pids, size_t pid_cnt, bool is_probed)
{
	struct process_probes probes;
	char reason[256] = "";
	size_t unreadable = 0;
	int ret = 0;

	for (size_t i = 0; i < pid_cnt && ret != -EBUSY; i++) {
		trace__preload_process(trace, pids[i]);
		targets__add_points_of(trace->targets, pids[i], ALL_PROCESSES);
		show_progress(i + 1, pid_cnt);
		if (!is_probed)
			continue;
		ret = targets__add_process(
			trace->targets, pids[i], ALL_PROCESSES, 0, reason, &probes);
		unreadable += ret == -EACCES || ret == -EPERM;
		if (probes.failed_cnt)
			trace__mark(trace, pids[i], 0, MARK_UNPROBED);
		add_quietly(ret, reason);
	}
	if (unreadable)
		log_warn("%zu processes could not be read (CAP_SYS_PTRACE is missing): allocators "
			 "of "
			 "their own are not traced",
			unreadable);
	if (ret == -EBUSY)
		log_error("%s", reason);
	return ret == -EBUSY ? ret : 0;
}

static int add_running(struct trace *trace, bool probes)
{
	size_t pid_cnt = 0;
	pid_t *pids = NULL;
	int err = proc__pids(&pids, &pid_cnt);

	if (err)
		log_error("cannot list processes: %s", strerror(-err));
	else
		err = add_processes(trace, pids, pid_cnt, probes);
	free(pids);
	return err;
}

static int add_files(struct trace *trace)
{
	const struct options *options = trace->options;

	if (add_running(trace, false))
		return EXIT_TARGET;
	for (int i = 0; i < options->arg_cnt; i++) {
		int ret = add_file(trace, options->args[i]);

		if (ret < 0)
			return EXIT_TARGET;
		if (ret && add_exe(trace, options->args[i]))
			return EXIT_TARGET;
	}
	return 0;
}

static int add_everything(struct trace *trace)
{
	if (add_installed(trace) || add_running(trace, true))
		return EXIT_TARGET;
	if (targets__site_cnt(trace->targets))
		return 0;
	log_error("no allocator was found on this machine");
	return EXIT_TARGET;
}

/* ---- turns ---- */

/* A new program may have an allocator that nobody had before it. */
static void on_exec(struct trace *trace, struct process *process)
{
	const struct process_info *info = process__info(process);
	struct watch *watch = trace->arg;
	struct process_probes probes;
	char reason[256] = "";

	if (!watch->everything)
		return;
	targets__add_process(trace->targets, info->tgid, ALL_PROCESSES,
		traced__of(process)->began_ns, reason, &probes);
	trace__mark_process(trace, info, &probes);
}

static void on_file(struct trace *trace, struct module *module, pid_t tgid, uint32_t image)
{
	struct watch *watch = trace->arg;
	char reason[256] = "";
	int ret = 0;

	if (watch->everything)
		ret = targets__add_module(trace->targets, module, ALL_PROCESSES, reason);
	else if (targets__add_points(trace->targets, module, ALL_PROCESSES, reason))
		log_warn("%s", reason);
	add_quietly(ret, reason);
	trace__mark_module(trace, tgid, image, ret);
}

static void on_ended(struct trace *trace, size_t ended_cnt)
{
	struct watch *watch = trace->arg;

	watch->ended_cnt += ended_cnt;
	if (watch->ended_cnt <= ENDED_MAX)
		return;
	trace__summarize(trace, SUMMARY_PERIODIC);
	watch->ended_cnt = 0;
}

static int set_up(struct trace *trace, struct watch *watch)
{
	const struct options *options = trace->options;
	int exit_code = trace__foresee_points(trace, ALL_PROCESSES);

	trace->arg = watch;
	if (!exit_code && options->exe)
		exit_code = add_exe(trace, options->exe);
	if (!exit_code)
		exit_code = watch->everything ? add_everything(trace) : add_files(trace);
	trace__settle(trace);
	if (!exit_code)
		exit_code = trace__check_points(trace);
	if (!exit_code)
		log_debug(1, "watching %zu sites by %s links", targets__site_cnt(trace->targets),
			link_kind__name(tracer__link_kind(trace->tracer)));
	return exit_code;
}

static bool filters_by_exe(const struct options *options)
{
	int programs = 0;

	for (int i = 0; i < options->arg_cnt; i++)
		programs += is_program_for_filter(options, options->args[i]);
	return options->exe || (programs && programs == options->arg_cnt);
}

static int check_cgroup(const char *path)
{
	struct stat st;

	if (!path || (!stat(path, &st) && S_ISDIR(st.st_mode)))
		return 0;
	log_error("%s is no cgroup's folder (they are below /sys/fs/cgroup)", path);
	return EXIT_TARGET;
}

int cmd_watch(const struct options *options)
{
	struct tracer_config config = {
		.link = options->link,
		.ring_sz = options->ring_size,
		.stack_mode = options->stack,
		.filter_uid = options->user != NULL,
		.comm = options->comm,
		.cgroup = options->cgroup,
		.filter_exe = filters_by_exe(options),
	};
	struct trace_hooks hooks = {

		.on_exec = on_exec,
		.on_file = on_file,
		.on_ended = on_ended,
		.hides_silent = true,
	};
	struct watch watch = {.everything = !options->arg_cnt};
	struct trace trace;
	int exit_code = options->user ? parse_user(options->user, &config.uid) : 0;

	if (!exit_code)
		exit_code = check_cgroup(options->cgroup);
	if (exit_code)
		return exit_code;
	exit_code = trace__open(&trace, options, &config, stdout, &hooks);
	if (!exit_code)
		exit_code = set_up(&trace, &watch);
	if (!exit_code) {
		trace__loop(&trace);
		trace__summarize(&trace, SUMMARY_FINAL);
		exit_code = trace.exit_code;
	}
	exit_code = trace__close(&trace, exit_code);
	return exit_code;
}
