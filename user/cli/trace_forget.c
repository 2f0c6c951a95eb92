// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Forgetting files: what is kept of a file (its fd, names, unwind rows, probes, number) goes when
 * it is not needed any more, so that a watch of weeks holds what the machine runs, not all that it
 * ever ran.
 *
 * A file is needed while it is pinned (probed by name), mapped by a process, or a frame of a stack
 * in the books lies in it; also if it was mentioned (mapped, executed) since the last look. One
 * that is not, is first condemned: the kernel side gives its number to nobody any more, and
 * announces the file anew when it is mapped again, which saves it. At the next look it goes.
 *
 *   seen ──► not seen: condemned, its number unlisted ──► still not seen: forgotten
 *     ▲──────── mapped again, with a new number ◄┘
 *
 * Why nothing is lost between: whoever had the old number from the kernel side had the file mapped
 * before it was unlisted. At the next look it either still has it mapped, or has ended, and then
 * its stacks are in the books, because the ring is emptied after the mappings were read.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "util/log.h"
#include "util/proc.h"

/* A look reads the mappings of all processes (some 50 us each). There is one a minute as long as
 * there are new files, or some on their way out, and one after so many new files; or if more unwind
 * rows have come than a machine's running programs need. Many on their way out are not kept
 * waiting. */
#define LOOK_S 60
#define LOOK_SOON_S 5
#define LOOK_FILES 256
#define LOOK_ROWS_BYTES (64u << 20)

static bool is_due(const struct trace *trace)
{
	const struct forgetting *last = &trace->forgetting;
	size_t cnt = modules__cnt(trace->modules);

	if (cnt >= last->file_cnt + LOOK_FILES ||
		unwinding__cost(trace->unwinding).bytes > last->rows_bytes + LOOK_ROWS_BYTES)
		return true;
	if (!last->is_under_way && cnt <= last->file_cnt)
		return false;
	return monotonic_s() - last->at_s >
	       (last->condemned_cnt >= LOOK_FILES ? LOOK_SOON_S : LOOK_S);
}

/* ---- who needs a file ---- */

static int see_mapping(const struct proc_mapping *mapping, void *modules)
{
	modules__see(modules, mapping->inode);
	return 0;
}

/* False: some processes could not be looked at. */
static bool see_mapped(struct trace *trace)
{
	size_t pid_cnt = 0;
	pid_t *pids = NULL;
	bool all = true;

	if (proc__pids(&pids, &pid_cnt))
		return false;
	for (size_t i = 0; i < pid_cnt; i++) {
		int err = proc__each_executable(pids[i], see_mapping, trace->modules);

		all &= err != -EACCES && err != -EPERM;
	}
	free(pids);
	return all;
}

static void see_stack(const struct heap_stack *stack, void *arg)
{
	struct trace *trace = arg;

	for (uint32_t i = 0; i < stack->frame_cnt; i++)
		files__see(trace->files, stack->frames[i].file);
}

/* ---- who goes ---- */

struct look {
	struct trace *trace;
	bool saw_all; /* processes */
	size_t condemned_cnt;
};

static bool is_deleted(const struct module *module)
{
	struct stat st;

	return module->fd >= 0 && !fstat(module->fd, &st) && !st.st_nlink;
}

/* A process that could not be looked at, and that sleeps, may have an allocator mapped: without its
 * probes nobody would notice when it wakes. One that is deleted goes all the same. */
static bool is_needed(const struct look *look, const struct module *module)
{
	if (module->is_seen || module->is_pinned)
		return true;
	return !look->saw_all && targets__is_probed(look->trace->targets, module) &&
	       !is_deleted(module);
}

/* Decides; nothing goes yet. */
static bool judge(struct module *module, void *arg)
{
	struct look *look = arg;
	bool is_needed_now = is_needed(look, module);

	look->condemned_cnt += !is_needed_now && !module->is_condemned;
	module->is_forgotten = module->is_condemned && !is_needed_now;
	module->is_condemned = !is_needed_now;
	module->is_seen = false;
	return false;
}

/* One that was unlisted goes also if its file has been saved, under another number. */
static bool number_goes(struct file_number *file, void *arg)
{
	struct module *module = file->module;
	struct trace *trace = arg;
	bool goes = module->is_forgotten || (file->is_unlisted && !file->is_seen);

	if (goes) {
		unwinding__forget(trace->unwinding, module, file->number);
	} else if (module->is_condemned && !file->is_unlisted) {
		tracer__unlist_number(trace->tracer, module->dev, module->inode, module->generation,
			file->number);
		file->is_unlisted = true;
	}
	return goes;
}

static bool module_goes(struct module *module, void *arg)
{
	struct trace *trace = arg;

	if (!module->is_forgotten)
		return false;
	targets__forget(trace->targets, module);
	symbolizer__forget(trace->symbolizer, module);
	return true;
}

static void forget_names_of_ended(struct trace *trace)
{
	struct process *process = NULL;

	while ((process = heap__next(trace->heap, process))) {
		struct process_info *info = process__info(process);

		symbolizer__see_process(trace->symbolizer, info->tgid, info->start_ns);
	}
	symbolizer__forget_unseen(trace->symbolizer);
}

/* Returns how many files have been condemned. */
static size_t look(struct trace *trace)
{
	struct look look = {.trace = trace, .saw_all = see_mapped(trace)};

	trace__drain(trace);
	heap__each_stack(trace->heap, see_stack, trace);
	modules__filter(trace->modules, judge, &look);
	files__filter(trace->files, number_goes, trace);
	modules__filter(trace->modules, module_goes, trace);
	/* Who could not be looked at, and calls an allocator through one of them, announces it
	 * anew. */
	if (look.condemned_cnt)
		tracer__end_epoch(trace->tracer);
	forget_names_of_ended(trace);
	return look.condemned_cnt;
}

void trace__forget_files(struct trace *trace)
{
	struct forgetting *last = &trace->forgetting;
	size_t cnt = modules__cnt(trace->modules), condemned_cnt;

	if (!is_due(trace))
		return;
	condemned_cnt = look(trace);
	*last = (struct forgetting){
		.at_s = monotonic_s(),
		.file_cnt = modules__cnt(trace->modules),
		.condemned_cnt = condemned_cnt,
		.is_under_way = condemned_cnt || cnt > last->file_cnt,
		.rows_bytes = unwinding__cost(trace->unwinding).bytes,
	};
	log_debug(2, "%zu of %zu files are still known", last->file_cnt, cnt);
}
