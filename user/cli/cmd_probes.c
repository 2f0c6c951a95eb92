// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* probes: a dry run of the choice of sites. Needs no privilege for files that can be read. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "probe/closure.h"
#include "probe/scan.h"
#include "probe/tracer.h"
#include "symbol/module.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/text.h"

struct probes {
	struct modules *modules;
	pid_t pid;
	bool with_mapping;
	enum link_kind link; /* LINK_AUTO: not to be found out without privileges */
	bool told_head;
	size_t site_cnt;
};

static const char *const kinds[] = {
	[SITE_CALL] = "both",
	[SITE_ENTRY] = "entry",
	[SITE_RETURN] = "ret",
	[SITE_FREE] = "entry",
	[SITE_QUERY] = "entry",
	[SITE_FOLLOWED_FREE] = "both",
};

static const char *const costs[] = {
	[SITE_EMULATED] = "emulated",
	[SITE_SINGLE_STEPPED] = "stepped",
};

/* A session serves entry and return together; where there is one alone, it is a multi link's. */
static const char *link_name(enum link_kind link, enum site_kind kind)
{
	if (link == LINK_AUTO)
		return "?";
	return link_kind__name(link == LINK_SESSION && kind != SITE_CALL ? LINK_MULTI : link);
}

static enum link_kind best_link(void)
{
	struct tracer_config config = {.ring_sz = 1 << 20};
	enum link_kind kind = LINK_AUTO;
	struct tracer *tracer = NULL;

	if (!tracer__new(&config, &tracer, NULL))
		kind = tracer__link_kind(tracer);
	tracer__free(tracer);
	return kind;
}

/* The name may be one that a file of declarations gives to an offset. */
static void print_site(struct probes *probes, const struct probe_site *site, const char *path)
{
	char *name = text__printable(site->name);

	if (!probes->told_head)
		printf("%-22s %-6s %-8s %10s %4s  %-9s %-30s %s\n", "FUNCTION", "PROBE", "LINK",
			"OFFSET", "+", "COST", "INSTRUCTION", "FILE");
	probes->told_head = true;
	probes->site_cnt++;
	printf("%-22s %-6s %-8s %#10llx %4u  %-9s %-30s %s\n", name ? name : "?",
		kinds[site->kind], link_name(probes->link, site->kind),
		(unsigned long long)site->file_offset, site->entry_delta, costs[site->cost],
		site->instruction, path);
	free(name);
}

static int print_module(struct probes *probes, const struct module *module)
{
	struct probe_sites sites = {0};
	char *path = text__printable(module->path);
	int err = module->fd < 0 ? module->error
				 : probe_sites__scan(module->fd, module->path,
					   probes->with_mapping, &sites);

	for (size_t i = 0; !err && i < sites.cnt; i++)
		print_site(probes, &sites.sites[i], path);
	if (err)
		log_error("%s: %s", path, *sites.reason ? sites.reason : strerror(-err));
	else if (*sites.unseen)
		log_warn("%s: %s", path, sites.unseen);
	if (*sites.missing)
		log_warn("%s: %s", path, sites.missing);
	probe_sites__destroy(&sites);
	free(path);
	return err;
}

static int print_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct probes *probes = arg;
	struct file_id id = {.inode = mapping->inode, .dev = mapping->dev};
	struct module *module = modules__find(probes->modules, id);

	if (module)
		return 0; /* another mapping of a file that was shown */
	module = modules__add(probes->modules, id, mapping->path, probes->pid);
	if (module)
		print_module(probes, module);
	return 0;
}

static int print_process(struct probes *probes, long number)
{
	size_t before = probes->site_cnt;
	pid_t pid = number;
	int err;

	if (pid != number || !proc__exists(pid)) {
		log_error("there is no process %ld", number);
		return EXIT_TARGET;
	}
	probes->pid = pid;
	err = proc__each_executable(pid, print_mapping, probes);
	if (err) {
		log_error("process %d cannot be read: %s", pid, strerror(-err));
		return err == -EACCES ? EXIT_PRIVILEGE : EXIT_TARGET;
	}
	if (probes->site_cnt > before)
		return EXIT_OK;
	log_error("process %d: no allocator function in the files that it executes", pid);
	return EXIT_TARGET;
}

/* A program without an allocator of its own: what it loads has one. */
static void print_closure(struct probes *probes, const char *path)
{
	struct paths paths = {0};

	if (!closure__add(&paths, path, environ)) {
		for (size_t i = 0; i < paths.cnt; i++) {
			int fd = open(paths.paths[i],
				O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
			struct module *module =
				fd < 0 ? NULL : modules__add_fd(probes->modules, fd, paths.paths[i]);

			if (module)
				print_module(probes, module);
			if (fd >= 0)
				close(fd);
		}
	}
	paths__destroy(&paths);
}

static int print_path(struct probes *probes, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t before = probes->site_cnt;
	struct module *module;
	int err = 0;

	if (fd < 0) {
		log_error("%s: %s", path, strerror(errno));
		return EXIT_TARGET;
	}
	module = modules__add_fd(probes->modules, fd, path);
	close(fd);
	if (module)
		err = print_module(probes, module);
	if (!err && probes->site_cnt == before)
		print_closure(probes, path);
	if (probes->site_cnt > before)
		return EXIT_OK;
	if (!err)
		log_error("%s: no allocator function in it, nor in what it loads", path);
	return EXIT_TARGET;
}

static int print_installed(struct probes *probes)
{
	struct paths paths = {0};
	int exit_code = closure__add_installed_allocators(&paths) ? EXIT_TRACING : EXIT_OK;

	for (size_t i = 0; i < paths.cnt; i++)
		print_path(probes, paths.paths[i]);
	paths__destroy(&paths);
	return exit_code;
}

static bool is_number(const char *text)
{
	return *text && !text[strspn(text, "0123456789")];
}

int cmd_probes(const struct options *options)
{
	struct probes probes = {
		.modules = modules__new(), .with_mapping = options->mmap, .link = best_link()};
	int exit_code = probes.modules ? EXIT_OK : EXIT_TRACING;

	if (!exit_code && !options->arg_cnt)
		exit_code = print_installed(&probes);
	for (int i = 0; !exit_code && i < options->arg_cnt; i++)
		exit_code = is_number(options->args[i]) ?
				    print_process(&probes, strtol(options->args[i], NULL, 10)) :
				    print_path(&probes, options->args[i]);
	modules__free(probes.modules);
	return exit_code;
}
