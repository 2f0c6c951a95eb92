// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The turns of a process's life. Its books are begun by its exec or its parent's fork; those of one
 * that was there before heaptap by its first record. If the record of a turn was lost, the image
 * number still tells its lives apart.
 */
#include <stdlib.h>
#include <string.h>
#include "collect/ingest_parts.h"
#include "util/proc.h"

static void own_traced(struct process *process, struct traced *traced)
{
	struct process_info *info = process__info(process);

	traced->memory_tgid = info->tgid;
	traced->memory_image = info->image;
	info->user = traced;
}

static struct process *begin(struct ingest *ingest, pid_t tgid, uint32_t image)
{
	struct traced *traced = calloc(1, sizeof(*traced));
	struct process *process = traced ? heap__begin(ingest->heap, tgid, image) : NULL;

	if (!process) {
		free(traced);
		ingest->no_memory++;
		return NULL;
	}
	own_traced(process, traced);
	return process;
}

static void tell_begin(struct ingest *ingest, struct process *process)
{
	if (ingest->hooks.on_begin)
		ingest->hooks.on_begin(ingest->hooks.arg, process);
}

static void tell_end(struct ingest *ingest, struct process *process)
{
	if (ingest->hooks.on_end)
		ingest->hooks.on_end(ingest->hooks.arg, process);
}

/* Another image of this process that still seems to run: its end was lost. */
static void end_others(struct ingest *ingest, pid_t tgid)
{
	struct process *process = NULL;

	while ((process = heap__next(ingest->heap, process))) {
		struct process_info *info = process__info(process);

		if (info->tgid != tgid || info->state != PROCESS_RUNNING)
			continue;
		process__mark_incomplete(process);
		process__replace(process, info->end_ns);
		tell_end(ingest, process);
	}
}

struct process *ingest__begin(struct ingest *ingest, pid_t tgid, uint32_t image)
{
	struct process_info *info;
	struct process *process;

	end_others(ingest, tgid);
	process = begin(ingest, tgid, image);

	if (!process)
		return NULL;
	info = process__info(process);
	proc__comm(tgid, info->comm, sizeof(info->comm));
	info->exe = proc__exe(tgid);
	info->start_ns = proc__start_ns(tgid);
	tell_begin(ingest, process);
	return process;
}

struct process *ingest__begin_unseen(struct ingest *ingest, pid_t tgid, uint32_t image)
{
	struct process *process = begin(ingest, tgid, image);

	if (!process)
		return NULL;
	process__mark_incomplete(process);
	tell_begin(ingest, process);
	return process;
}

void ingest__vanish(struct ingest *ingest, struct process *process, uint64_t time_ns)
{
	ingest->last = NULL;
	process__vanish(process, time_ns);
	tell_end(ingest, process);
}

void ingest__forget(struct ingest *ingest, struct process *process)
{
	if (ingest->last == process)
		ingest->last = NULL;
	free(traced__of(process)->exit_contents);
	free(traced__of(process));
	heap__forget(ingest->heap, process);
}

/* What an image lost, books that are shared or copied from it lack too. */
static void take_over_loss(
	struct ingest *ingest, struct process *process, pid_t tgid, uint32_t image)
{
	if (ingest->hooks.note_losses)
		ingest->hooks.note_losses(ingest->hooks.arg, process, tgid, image);
}

/* `child` has a copy of the books that `traced` belonged to. */
static void begin_copy(struct ingest *ingest, struct process *child, struct traced *traced,
	const struct traced *parents, uint64_t start_ns)
{
	traced->late_probes = parents->late_probes;
	traced->unprobed = parents->unprobed;
	own_traced(child, traced);
	process__info(child)->start_ns = start_ns;
	tell_begin(ingest, child);
}

/* The child runs in the parent's memory (vfork, clone with CLONE_VM). */
static void share(struct ingest *ingest, const struct fork_event *record)
{
	pid_t tgid = record->event.tgid;
	struct process *parent = heap__find(ingest->heap, tgid, record->event.image);

	if (!parent)
		parent = ingest__begin(ingest, tgid, record->event.image);
	if (!parent || heap__share(ingest->heap, parent, record->child_tgid, record->child_image))
		ingest->no_memory++;
}

void ingest__fork(struct ingest *ingest, const struct fork_event *record)
{
	pid_t tgid = record->event.tgid;
	struct process *parent = heap__find(ingest->heap, tgid, record->event.image), *child;
	struct traced *traced;

	if (record->event.flags & EVENT_F_SHARED_VM) {
		share(ingest, record);
		return;
	}
	if (!parent)
		return; /* it never allocated since tracing began: the child will begin itself */
	take_over_loss(ingest, parent, tgid, record->event.image);
	traced = calloc(1, sizeof(*traced));
	child = traced ? heap__fork(ingest->heap, parent, record->child_tgid, record->child_image)
		       : NULL;
	if (!child) {
		free(traced);
		ingest->no_memory++;
		return;
	}
	traced->began_ns = record->time_ns;
	begin_copy(ingest, child, traced, traced__of(parent), record->child_start_ns);
}

void ingest__thread_exit(struct ingest *ingest, const struct event *record)
{
	struct process *process = heap__find(ingest->heap, record->tgid, record->image);

	if (process)
		process__thread_exit(process, record->tid);
}

/* Whose books {tgid, image} are: its own, or (vfork) another's. */
static bool owns_books(struct process *process, pid_t tgid, uint32_t image)
{
	struct process_info *info = process__info(process);

	return info->tgid == tgid && info->image == image;
}

/* The file of this number, which is executed. NULL: not known. */
static struct module *module_seen(struct ingest *ingest, uint32_t file)
{
	struct module *module = files__get(ingest->files, file);

	if (module)
		module->is_seen = true;
	return module;
}

static void unshare(struct ingest *ingest, struct process *owner, pid_t tgid, uint32_t image)
{
	take_over_loss(ingest, owner, tgid, image);
	heap__unshare(ingest->heap, tgid, image);
	if (ingest->hooks.on_guest_end)
		ingest->hooks.on_guest_end(ingest->hooks.arg, owner, tgid, image);
}

/* Others may go on in the memory that a process leaves. */
static void bequeath(struct ingest *ingest, struct process *process)
{
	struct traced *traced = calloc(1, sizeof(*traced)), *old = traced__of(process);
	struct process *heir = traced ? heap__bequeath(ingest->heap, process) : NULL;

	if (!heir) {
		free(traced);
		return;
	}
	begin_copy(ingest, heir, traced, old, proc__start_ns(process__info(heir)->tgid));
	traced->memory_tgid = old->memory_tgid;
	traced->memory_image = old->memory_image;
	old->has_heir = true;
	take_over_loss(ingest, heir, process__info(process)->tgid, process__info(process)->image);
}

void ingest__exec(struct ingest *ingest, const struct exec_event *record)
{
	pid_t tgid = record->event.tgid;
	struct process *old = heap__find(ingest->heap, tgid, record->old_image);
	struct module *exe = module_seen(ingest, record->exe);
	struct process *process;
	struct process_info *info;
	uint32_t exec = 0;

	ingest->last = NULL;
	if (old && owns_books(old, tgid, record->old_image)) {
		exec = process__info(old)->exec + 1;
		bequeath(ingest, old);
		process__replace(old, record->time_ns);
		tell_end(ingest, old);
	} else if (old) {
		unshare(ingest, old, tgid, record->old_image);
	}
	if (record->event.flags & EVENT_F_LEFT)
		return;
	process = begin(ingest, tgid, record->event.image);
	if (!process)
		return;
	info = process__info(process);
	info->exec = exec;
	info->start_ns = record->start_ns;
	info->from_birth = true;
	traced__of(process)->began_ns = record->time_ns;
	memcpy(info->comm, record->comm, sizeof(info->comm));
	info->comm[sizeof(info->comm) - 1] = '\0';
	info->exe = exe && exe->path ? strdup(exe->path) : proc__exe(tgid);
	tell_begin(ingest, process);
}

/* The image that has ended: one of which nothing was heard is that of an exec in which the process died,
 * or whose record was lost. */
static uint32_t image_of_exit(struct ingest *ingest, const struct exit_event *record)
{
	struct process *old = heap__find(ingest->heap, record->event.tgid, record->old_image);

	if (!old || process__info(old)->state != PROCESS_RUNNING ||
		heap__find(ingest->heap, record->event.tgid, record->event.image))
		return record->event.image;
	take_over_loss(ingest, old, record->event.tgid, record->event.image);
	return record->old_image;
}

void ingest__exit(struct ingest *ingest, const struct exit_event *record)
{
	pid_t tgid = record->event.tgid;
	uint32_t image = image_of_exit(ingest, record);
	struct process *process = heap__find(ingest->heap, tgid, image);
	struct process_info *info;

	ingest->last = NULL;
	if (!process && ingest->tells_silent)
		process = ingest__begin(ingest, tgid, image);
	if (!process)
		return;
	if (!owns_books(process, tgid, image)) {
		unshare(ingest, process, tgid, image);
		return;
	}
	bequeath(ingest, process);
	info = process__info(process);
	memcpy(info->comm, record->comm, sizeof(info->comm));
	info->comm[sizeof(info->comm) - 1] = '\0';
	process__exit(process, record->status, record->time_ns);
	tell_end(ingest, process);
}
