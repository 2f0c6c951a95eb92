// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Forgetting files: what is kept of a file (its fd, names, unwind rows, probes, number) goes when it is
 * not needed any more, so that a watch of weeks holds what the machine runs, not all that it ever ran.
 *
 * A file is needed while it is pinned (probed by name), mapped by a process, or a frame of a stack in the
 * books lies in it; also if it was mentioned (mapped, executed) since the last look. One that is not, is
 * first condemned: the kernel side gives its number to nobody any more, and announces the file anew when
 * it is mapped again, which saves it. At the next look it goes.
 *
 *   seen ──► not seen: condemned, its number unlisted ──► still not seen: forgotten
 *     ▲──────── mapped again, with a new number ◄┘
 *
 * Why nothing is lost between: whoever had the old number from the kernel side had the file mapped before
 * it was unlisted. At the next look it either still has it mapped, or has ended, and then its stacks are in
 * the books, because the ring is emptied after the mappings were read.
 */
#include <errno.h>
#include <stdlib.h>
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "util/log.h"
#include "util/proc.h"

/* A look reads the mappings of all processes (some 50 us each). There is one a minute if there are new
 * files, and one after so many of them; or if more unwind rows have come than a machine's running programs
 * need. */
#define LOOK_S 60
#define LOOK_FILES 256
#define LOOK_ROWS_BYTES (64u << 20)

static bool is_due(const struct trace *trace)
{
	size_t cnt = modules__cnt(trace->modules);

	if (unwinding__cost(trace->unwinding).bytes > trace->forgot_rows_bytes + LOOK_ROWS_BYTES)
		return true;
	if (cnt <= trace->forgot_cnt)
		return false;
	return cnt - trace->forgot_cnt >= LOOK_FILES || monotonic_s() - trace->forgot_s > LOOK_S;
}

/* ---- who needs a file ---- */

static int see_mapping(const struct proc_mapping *mapping, void *modules)
{
	modules__see(modules, mapping->dev, mapping->inode);
	return 0;
}

/* False: not all could be looked at. */
static bool see_mapped(struct trace *trace)
{
	size_t pid_cnt = 0;
	pid_t *pids = NULL;
	int err = 0;

	if (proc__pids(&pids, &pid_cnt))
		return false;
	for (size_t i = 0; i < pid_cnt && err != -EACCES; i++)
		err = proc__each_executable(pids[i], see_mapping, trace->modules);
	free(pids);
	return err != -EACCES;
}

static void see_stack(const struct heap_stack *stack, void *arg)
{
	struct trace *trace = arg;

	for (uint32_t i = 0; i < stack->frame_cnt; i++) {
		struct module *module = files__get(trace->files, stack->frames[i].file);

		if (module)
			module->is_seen = true;
	}
}

/* ---- who goes ---- */

/* Of a file that is not needed at this look; it was condemned at the one before, or now. */
static bool goes(const struct module *module)
{
	return !module->is_seen && !module->is_pinned;
}

static bool number_goes(uint32_t number, struct module *module, void *arg)
{
	struct trace *trace = arg;

	if (!goes(module))
		return false;
	if (!module->is_condemned) {
		tracer__unlist_number(
			trace->tracer, module->dev, module->inode, module->generation, number);
		return false;
	}
	unwinding__forget(trace->unwinding, module, number);
	return true;
}

static bool module_goes(struct module *module, void *arg)
{
	struct trace *trace = arg;

	if (goes(module) && module->is_condemned) {
		targets__forget(trace->targets, module);
		symbolizer__forget(trace->symbolizer, module);
		return true;
	}
	module->is_condemned = goes(module);
	module->is_seen = false;
	return false;
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

void trace__forget_files(struct trace *trace)
{
	size_t cnt = modules__cnt(trace->modules);

	if (!is_due(trace))
		return;
	if (see_mapped(trace)) {
		trace__drain(trace);
		heap__each_stack(trace->heap, see_stack, trace);
		files__filter(trace->files, number_goes, trace);
		modules__filter(trace->modules, module_goes, trace);
		tracer__end_epoch(trace->tracer);
		forget_names_of_ended(trace);
	}
	trace->forgot_s = monotonic_s();
	trace->forgot_cnt = modules__cnt(trace->modules);
	trace->forgot_rows_bytes = unwinding__cost(trace->unwinding).bytes;
	log_debug(2, "%zu of %zu files are still needed", trace->forgot_cnt, cnt);
}
