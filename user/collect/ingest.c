// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The order of records is the order of things (event.h), so each is applied as it comes. Those of a
 * process's life are in ingest_life.c.
 */
#include "collect/decode.h"
#include "collect/ingest_parts.h"
#include "heap/check.h"

struct traced *traced__of(struct process *process)
{
	return process__info(process)->user;
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
		return ingest__fork(ingest, (const void *)event);
	case EVENT_EXEC:
		return ingest__exec(ingest, (const void *)event);
	case EVENT_EXIT:
		return ingest__exit(ingest, (const void *)event);
	case EVENT_THREAD_EXIT:
		return ingest__thread_exit(ingest, event);
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
