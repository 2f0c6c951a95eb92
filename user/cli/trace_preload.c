// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Unwind rows that are loaded before anything is probed: call stacks are whole from the first one
 * on. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "probe/vdso.h"
#include "util/proc.h"

bool trace__needs_rows(const struct trace *trace)
{
	return trace->options->stack == STACK_AUTO || trace->options->stack == STACK_DWARF;
}

static void preload(struct trace *trace, struct module *module)
{
	uint32_t number;

	unwinding__preload(trace->unwinding, module, &number);
	if (number)
		files__set(trace->files, number, module);
}

void trace__preload_path(struct trace *trace, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct module *module = NULL;

	if (fd >= 0 && trace__needs_rows(trace))
		module = modules__add_fd(trace->modules, fd, path);
	if (module)
		preload(trace, module);
	if (fd >= 0)
		close(fd);
}

void trace__preload_vdso(struct trace *trace)
{
	int fd = trace__needs_rows(trace) ? vdso__open() : -ENOENT;
	struct module *module = fd >= 0 ? modules__add_fd(trace->modules, fd, VDSO_NAME) : NULL;

	if (module)
		module->is_pinned = true; /* every process has it, but not as a file */
	if (module && !unwinding__add(trace->unwinding, module, FILE_VDSO))
		files__set(trace->files, FILE_VDSO, module);
	if (fd >= 0)
		close(fd);
}

struct preload_process {
	struct trace *trace;
	pid_t pid;
};

static int preload_mapping(const struct proc_mapping *mapping, void *arg)
{
	struct preload_process *process = arg;
	struct file_id id = {.inode = mapping->inode, .dev = mapping->dev};
	struct module *module =
		modules__add(process->trace->modules, id, mapping->path, process->pid);

	if (module)
		preload(process->trace, module);
	return 0;
}

void trace__preload_process(struct trace *trace, pid_t pid)
{
	struct preload_process process = {trace, pid};

	if (trace__needs_rows(trace))
		proc__each_executable(pid, preload_mapping, &process);
}
