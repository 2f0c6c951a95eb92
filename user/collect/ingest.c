// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The order of records is the order of things (event.h), so each is applied as it comes. A process
 * is begun by its exec or its parent's fork; one that was there before heaptap by its first record.
 * If the record of a turn was lost, the image number still tells its lives apart.
 */
#include <stdlib.h>
#include <string.h>
#include "collect/decode.h"
#include "collect/ingest.h"
#include "heap/check.h"
#include "util/proc.h"

struct traced *traced__of(struct process *process)
{
	return process__info(process)->user;
}

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

static bool is_of_last(const struct ingest *ingest, const struct event *event)
{
	return ingest->last && ingest->last_tgid == (pid_t)event->tgid &&
	       ingest->last_image == event->image;
}

/* Only for the process that is at hand: looking for another would cost what it is to save. */
void ingest__prefetch(const struct ingest *ingest, const struct event *event, uint64_t addr)
{
	if (is_of_last(ingest, event))
		process__prefetch(ingest->last, addr);
}

/* The process of a record. One that nobody announced is begun now. */
static struct process *process_of(struct ingest *ingest, const struct event *event)
{
	struct process *process = ingest->last;

	if (!is_of_last(ingest, event)) {
		process = heap__find(ingest->heap, event->tgid, event->image);
		if (!process)
			process = ingest__begin(ingest, event->tgid, event->image);
		ingest->last = process;
		ingest->last_tgid = event->tgid;
		ingest->last_image = event->image;
	}
	if (process)
		traced__of(process)->received++;
	return process;
}

/* Whose block it is; NULL: there is none, or the process is not known. */
static struct process *on_alloc(struct ingest *ingest, const struct alloc_event *record)
{
	struct process *process = process_of(ingest, &record->event);

	if (!process)
		return NULL;
	if (record->event.flags & EVENT_F_REALLOC)
		process__realloc_done(process, record->event.tid);
	if (record->event.flags & EVENT_F_UNSAMPLED)
		return NULL;
	if (process__alloc(process, record->addr, record->size, record->stack, record->time_ns,
		    record->event.tid))
		ingest->no_memory++;
	return process;
}

static void on_arena_alloc(struct ingest *ingest, const struct arena_alloc_event *record)
{
	struct process *process = on_alloc(ingest, &record->alloc);

	if (process && process__own(process, record->alloc.addr, record->arena))
		ingest->no_memory++;
}

static bool is_declared(const struct event *event)
{
	return event->function >= BUILTIN_FUNCTION_CNT;
}

/* An exception that leaves operator new was allocated inside it, so it is in no books, and is freed
 * outside: one such free for each call that was left is no wrong one. */
static bool is_explained(struct ingest *ingest, struct process *process, const struct event *event)
{
	struct traced *traced = traced__of(process);

	if (traced->unprobed)
		return true; /* an allocator that nobody could look at gave it out, perhaps */
	if (!ingest->hooks.left_calls ||
		traced->explained_frees >=
			ingest->hooks.left_calls(ingest->hooks.arg, event->tgid, event->image))
		return false;
	traced->explained_frees++;
	return true;
}

static void check_free(
	struct ingest *ingest, struct process *process, const struct checked_free_event *record)
{
	const struct event *event = &record->free.event;

	if (process__check_free(process, record->free.addr, record->stack, event->tid) ==
			CHECK_UNKNOWN &&
		!is_explained(ingest, process, event))
		process__add_invalid_free(process, record->free.addr, record->stack);
}

static void on_free(struct ingest *ingest, const struct free_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	pid_t tid = record->event.tid;

	if (!process)
		return;
	if (record->event.flags & EVENT_F_CHECKED)
		check_free(ingest, process, (const void *)record);
	if (record->event.flags & EVENT_F_INSIDE)
		process__release_inside(process, record->addr, tid);
	else if (record->event.flags & EVENT_F_REALLOC)
		process__realloc_begin(process, record->addr, tid);
	else if (is_declared(&record->event))
		process__release_followed(process, record->addr, tid);
	else
		process__release(
			process, record->addr, record->event.flags & EVENT_F_NESTED_HINT, tid);
}

static void on_arena(struct ingest *ingest, const struct arena_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	bool inside = record->event.flags & EVENT_F_INSIDE;
	int err = 0;

	if (!process)
		return;
	switch (record->op) {
	case ARENA_CREATED:
		err = process__arena_made(process, record->arena, record->parent, record->stack);
		break;
	case ARENA_RESET:
		process__arena_emptied(process, record->arena, record->event.tid);
		break;
	case ARENA_DESTROYED:
		process__arena_ended(process, record->arena, inside, record->event.tid);
		break;
	case ARENA_MOVED:
		err = process__arena_moved(process, record->arena, record->parent);
		break;
	}
	if (err)
		ingest->no_memory++;
}

/* realloc(p, 0) that returns NULL has freed p (C17 7.22.3.5, glibc); any other failure has not. A
 * NULL for no bytes is no failure. */
static void on_alloc_failed(struct ingest *ingest, const struct alloc_failed_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	bool is_realloc = record->event.flags & EVENT_F_REALLOC;

	if (!process)
		return;
	if (is_realloc && record->size)
		process__realloc_failed(process, record->event.tid);
	else if (is_realloc)
		process__realloc_freed(process, record->event.tid);
	if (record->size)
		process__alloc_failed(process);
}

static void on_map(struct ingest *ingest, const struct map_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	struct mapping mapping = {
		.addr = record->addr,
		.size = record->size,
		.old_addr = record->old_addr,
		.stack_hash = record->stack,
		.time_ns = record->time_ns,
		.kind = record->kind,
		.fixed = record->fixed,
	};

	if (process && process__map(process, &mapping, record->event.tid))
		ingest->no_memory++;
}

static void on_unmap(struct ingest *ingest, const struct unmap_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	pid_t tid = record->event.tid;

	if (!process)
		return;
	if (record->step == UNMAP_DONE)
		process__unmap_done(process, tid);
	else if (record->step == UNMAP_FAILED)
		process__unmap_failed(process, tid);
	else if (process__unmap_begin(process, record->addr, record->size, tid))
		ingest->no_memory++;
}

static void on_point(struct ingest *ingest, const struct point_event *record)
{
	struct process *process = process_of(ingest, &record->event);

	if (process && ingest->hooks.on_point)
		ingest->hooks.on_point(ingest->hooks.arg, process, record);
}

static void on_stack(struct ingest *ingest, const struct stack_event *record)
{
	struct process *process = process_of(ingest, &record->event);
	struct heap_frame frames[STACK_FRAMES_MAX];

	if (!process)
		return;
	for (uint32_t i = 0; i < record->frame_cnt; i++)
		frames[i] = (struct heap_frame){
			.address = record->frames[i].address,
			.file_offset = record->frames[i].file_offset,
			.file = record->frames[i].file,
		};
	if (heap__add_stack(
		    ingest->heap, process, record->stack, frames, record->frame_cnt, record->end))
		ingest->no_memory++;
	if (record->event.flags)
		process__set_families(process, record->stack, record->event.flags);
}

static void on_file(struct ingest *ingest, const struct file_event *record)
{
	char path[FILE_PATH_MAX + 2] = "";
	struct module *module;

	if (!decode__path(record, path, sizeof(path)))
		ingest->malformed++;
	module = modules__add(ingest->modules, file_event__id(record), path, record->event.tgid);
	if (!module || files__set(ingest->files, record->file, module)) {
		ingest->no_memory++;
		return;
	}
	if (ingest->hooks.on_file)
		ingest->hooks.on_file(ingest->hooks.arg, module, record);
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

static void on_fork(struct ingest *ingest, const struct fork_event *record)
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

static void on_thread_exit(struct ingest *ingest, const struct event *record)
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

static void on_exec(struct ingest *ingest, const struct exec_event *record)
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

static void on_exit_event(struct ingest *ingest, const struct exit_event *record)
{
	pid_t tgid = record->event.tgid;
	struct process *process = heap__find(ingest->heap, tgid, record->event.image);
	struct process_info *info;

	ingest->last = NULL;
	if (!process && ingest->tells_silent)
		process = ingest__begin(ingest, tgid, record->event.image);
	if (!process)
		return;
	if (!owns_books(process, tgid, record->event.image)) {
		unshare(ingest, process, tgid, record->event.image);
		return;
	}
	bequeath(ingest, process);
	info = process__info(process);
	memcpy(info->comm, record->comm, sizeof(info->comm));
	info->comm[sizeof(info->comm) - 1] = '\0';
	process__exit(process, record->status, record->time_ns);
	tell_end(ingest, process);
}

static void on_spied(struct ingest *ingest, const struct spy_event *record)
{
	struct process *process = process_of(ingest, &record->event);

	if (process && ingest->hooks.on_spied)
		ingest->hooks.on_spied(ingest->hooks.arg, process, record);
}

void ingest__record(struct ingest *ingest, const void *data, size_t sz)
{
	const struct event *event = decode__event(data, sz);

	ingest->received++;
	if (!event) {
		ingest->malformed++;
		return;
	}
	switch (event->kind) {
	case EVENT_ALLOC:
		on_alloc(ingest, (const void *)event);
		return;
	case EVENT_ARENA_ALLOC:
		return on_arena_alloc(ingest, (const void *)event);
	case EVENT_ARENA:
		return on_arena(ingest, (const void *)event);
	case EVENT_FREE:
		return on_free(ingest, (const void *)event);
	case EVENT_ALLOC_FAILED:
		return on_alloc_failed(ingest, (const void *)event);
	case EVENT_STACK:
		return on_stack(ingest, (const void *)event);
	case EVENT_FILE:
		return on_file(ingest, (const void *)event);
	case EVENT_FORK:
		return on_fork(ingest, (const void *)event);
	case EVENT_EXEC:
		return on_exec(ingest, (const void *)event);
	case EVENT_EXIT:
		return on_exit_event(ingest, (const void *)event);
	case EVENT_THREAD_EXIT:
		return on_thread_exit(ingest, event);
	case EVENT_MAP:
		return on_map(ingest, (const void *)event);
	case EVENT_UNMAP:
		return on_unmap(ingest, (const void *)event);
	case EVENT_POINT:
		return on_point(ingest, (const void *)event);
	case EVENT_SPY_ENTER:
	case EVENT_SPY_RETURN:
		return on_spied(ingest, (const void *)event);
	}
}
