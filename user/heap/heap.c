/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All processes that are known: found by {tgid, image}, listed in order of birth.
 *
 * A vfork child has no books of its own: its {tgid, image} is an alias, one more key of the index
 * that leads to the parent's process. Aliases go when they are unshared, or with their process. One
 * that outlives its parent (clone with CLONE_VM alone) inherits the books.
 *
 * Limits: a fork copies the parent's table of blocks, whose size it pays for. When frames come late
 * for a stack that allocations were seen with, every process is asked whether it was one of them;
 * the kernel side sends a stack's frames before its first allocation, so that is rare.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "heap/process.h"

struct heap {
	struct index processes; /* {tgid, image} → struct process * */
	struct stacks stacks;
	struct process *first, *last;
	uint64_t sampling_mean;
	uint64_t seed;
};

static uint64_t process_key(pid_t tgid, uint32_t image)
{
	return (uint64_t)(uint32_t)tgid << 32 | image;
}

struct heap *heap__new(void)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap || getrandom(&heap->seed, sizeof(heap->seed), 0) != sizeof(heap->seed)) {
		free(heap);
		return NULL;
	}
	index__init(&heap->processes, seed__next(&heap->seed));
	stacks__init(&heap->stacks, seed__next(&heap->seed));
	return heap;
}

void heap__free(struct heap *heap)
{
	if (!heap)
		return;
	while (heap->first)
		heap__forget(heap, heap->first);
	index__destroy(&heap->processes);
	stacks__destroy(&heap->stacks);
	free(heap);
}

void heap__set_sampling(struct heap *heap, uint64_t mean)
{
	heap->sampling_mean = mean;
}

static struct process *heap__find_key(struct heap *heap, uint64_t key)
{
	return (struct process *)index__find(&heap->processes, key);
}

struct process *heap__find(struct heap *heap, pid_t tgid, uint32_t image)
{
	return heap__find_key(heap, process_key(tgid, image));
}

struct process *heap__next(struct heap *heap, struct process *process)
{
	return process ? process->next : heap->first;
}

/* ---- life of processes ---- */

static void heap__link(struct heap *heap, struct process *process)
{
	process->prev = heap->last;
	if (heap->last)
		heap->last->next = process;
	else
		heap->first = process;
	heap->last = process;
}

static void heap__unlink(struct heap *heap, struct process *process)
{
	if (process->prev)
		process->prev->next = process->next;
	else
		heap->first = process->next;
	if (process->next)
		process->next->prev = process->prev;
	else
		heap->last = process->prev;
}

/* Takes a new process, NULL too, into the heap; frees it if that fails. */
static struct process *heap__adopt(
	struct heap *heap, struct process *process, pid_t tgid, uint32_t image)
{
	uint64_t key = process_key(tgid, image);

	if (!process || index__add(&heap->processes, key, (uintptr_t)process)) {
		process__free(process);
		return NULL;
	}
	process->key = key;
	process->info.tgid = tgid;
	process->info.image = image;
	heap__link(heap, process);
	return process;
}

struct process *heap__begin(struct heap *heap, pid_t tgid, uint32_t image)
{
	if (heap__find(heap, tgid, image))
		return NULL;
	return heap__adopt(
		heap, process__new(&heap->stacks, heap->sampling_mean, &heap->seed), tgid, image);
}

struct process *heap__fork(
	struct heap *heap, struct process *parent, pid_t child_tgid, uint32_t child_image)
{
	if (heap__find(heap, child_tgid, child_image))
		return NULL;
	return heap__adopt(heap, process__copy(parent, &heap->seed), child_tgid, child_image);
}

int heap__share(struct heap *heap, struct process *parent, pid_t child_tgid, uint32_t child_image)
{
	uint64_t key = process_key(child_tgid, child_image);
	struct alias *alias;

	if (heap__find_key(heap, key))
		return -EEXIST;
	alias = malloc(sizeof(*alias));
	if (!alias || index__add(&heap->processes, key, (uintptr_t)parent)) {
		free(alias);
		return -ENOMEM;
	}
	*alias = (struct alias){.next = parent->aliases, .key = key};
	parent->aliases = alias;
	return 0;
}

void heap__unshare(struct heap *heap, pid_t child_tgid, uint32_t child_image)
{
	uint64_t key = process_key(child_tgid, child_image);
	struct process *parent = heap__find_key(heap, key);
	struct alias **link, *alias;

	if (!parent || parent->key == key)
		return;
	for (link = &parent->aliases; (*link)->key != key; link = &(*link)->next)
		;
	alias = *link;
	*link = alias->next;
	free(alias);
	index__remove(&heap->processes, key);
	/* If it ended inside a realloc or an unmap, then that will not return. */
	process__realloc_failed(parent, child_tgid);
	process__unmap_failed(parent, child_tgid);
}

/* Leads the other names of `process` to its heir. Without memory for one it is forgotten. */
static void heap__rename(struct heap *heap, struct process *process, struct process *heir)
{
	struct alias *alias;

	while ((alias = process->aliases)) {
		process->aliases = alias->next;
		index__remove(&heap->processes, alias->key);
		if (index__add(&heap->processes, alias->key, (uintptr_t)heir)) {
			free(alias);
			continue;
		}
		alias->next = heir->aliases;
		heir->aliases = alias;
	}
}

struct process *heap__bequeath(struct heap *heap, struct process *process)
{
	struct alias *alias = process->aliases;
	struct process *heir = alias ? process__copy(process, &heap->seed) : NULL;
	uint64_t key;

	if (!heir)
		return NULL;
	key = alias->key;
	process->aliases = alias->next;
	free(alias);
	index__remove(&heap->processes, key);
	heir = heap__adopt(heap, heir, key >> 32, (uint32_t)key);
	if (heir)
		heap__rename(heap, process, heir);
	return heir;
}

void heap__forget(struct heap *heap, struct process *process)
{
	struct alias *alias;

	while ((alias = process->aliases)) {
		process->aliases = alias->next;
		index__remove(&heap->processes, alias->key);
		free(alias);
	}
	index__remove(&heap->processes, process->key);
	heap__unlink(heap, process);
	process__free(process);
}

/* ---- stacks ---- */

int heap__add_stack(struct heap *heap, struct process *process, uint64_t hash,
	const struct heap_frame *frames, uint32_t frame_cnt, uint32_t end)
{
	struct site *site = sites__get(&process->sites, hash);
	bool was_frameless;
	int err;

	if (!site)
		return -ENOMEM;
	was_frameless = !site->stack->stack.frame_cnt;
	err = stack__improve(site->stack, frames, frame_cnt, end);
	if (err || !was_frameless || !frame_cnt)
		return err;
	for (process = heap->first; process; process = process->next)
		process__stack_is_known(process, hash);
	return 0;
}

void heap__each_stack(const struct heap *heap,
	void (*visit)(const struct heap_stack *stack, void *arg), void *arg)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&heap->stacks.by_hash, &cursor)))
		visit(&((const struct stack *)entry->value)->stack, arg);
}

const struct heap_stack *heap__stack(const struct heap *heap, uint64_t hash)
{
	const struct stack *stack = stacks__find(&heap->stacks, hash);

	return stack ? &stack->stack : NULL;
}
