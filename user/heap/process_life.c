/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The turns of a process's life: a fork's child begins with a copy of the books, and an exec, an
 * exit or what has made the process vanish ends them.
 */
#include "heap/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* The outstanding blocks are what was allocated. */
static void process__restart_sampled(struct process *process)
{
	const struct block *block;
	size_t cursor = 0;

	process->sampled = (struct heap_sampled){};
	while (process->sampling_mean && (block = blocks__next(&process->blocks, &cursor)))
		process__count_sampled(process, block, process__weight(process, block));
}

/* Totals that begin with the outstanding blocks as allocated. */
static void process__restart_totals(struct process *process)
{
	struct heap_totals *totals = &process->totals;

	*totals = (struct heap_totals){
		.allocs = totals->outstanding_blocks,
		.bytes_allocated = totals->outstanding_bytes,
		.outstanding_blocks = totals->outstanding_blocks,
		.outstanding_bytes = totals->outstanding_bytes,
		.peak_outstanding_bytes = totals->outstanding_bytes,
	};
	process->anomalies = (struct heap_anomalies){};
	process__restart_sampled(process);
	sites__restart(&process->sites);
	for (uint32_t i = 0; i < process->sites.cnt; i++) {
		struct site *site = &process->sites.sites[i];

		if (site->frameless)
			process->anomalies.unknown_stacks += site->allocs;
	}
}

static int process__copy_info(const struct process_info *info, struct process_info *copy)
{
	*copy = (struct process_info){
		.from_birth = info->from_birth,
		.incomplete = info->incomplete,
	};
	memcpy(copy->comm, info->comm, sizeof(copy->comm));
	if (!info->exe)
		return 0;
	copy->exe = strdup(info->exe);
	return copy->exe ? 0 : -ENOMEM;
}

struct process *process__copy(const struct process *parent, uint64_t *seed)
{
	struct process *child = process__new(parent->sites.stacks, parent->sampling_mean, seed);

	if (!child)
		return NULL;
	if (process__copy_info(&parent->info, &child->info) ||
		check__copy(parent->check, &child->check) ||
		sections__begin_copy(parent->sections, &child->sections) ||
		blocks__copy(&parent->blocks, &child->blocks) ||
		arenas__copy(&parent->arenas, &child->arenas) ||
		sites__copy(&parent->sites, &child->sites) ||
		mapped__copy(&parent->mapped, &child->mapped)) {
		process__free(child);
		return NULL;
	}
	child->last_number = parent->last_number;
	child->checkpoint = parent->checkpoint;
	child->base_ns = parent->base_ns;
	child->has_base = parent->has_base;
	child->totals = parent->totals;
	child->sampling_seed = parent->sampling_seed;
	child->inherited_doubt = process__doubt(parent);
	process__copy_pending(child, parent);
	process__restart_totals(child);
	return child;
}

/* Only the first end of a process is one. */
static void process__end(struct process *process, enum process_state state, uint64_t time_ns)
{
	process->info.state = state;
	process->info.end_ns = time_ns;
	process__put_all_back(process);
	mapped__end(&process->mapped);
}

/* A thread can still be ending when the process's end is told (pthread_join returns before). The
 * main thread's frees are its own: exit hands nothing back. */
static void process__end_threads(struct process *process)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	while ((entry = index__next(&process->unmatched, &cursor))) {
		if (entry->key == (uint32_t)process->info.tgid)
			continue;
		process->anomalies.unmatched_frees -= entry->value;
		process->anomalies.thread_cache_frees += entry->value;
	}
	index__destroy(&process->unmatched);
	index__destroy(&process->followed);
}

void process__exit(struct process *process, int status, uint64_t time_ns)
{
	if (process->info.state != PROCESS_RUNNING)
		return;
	process__end_threads(process);
	process__end(process, WIFSIGNALED(status) ? PROCESS_KILLED : PROCESS_EXITED, time_ns);
	if (WIFSIGNALED(status))
		process->info.signal = WTERMSIG(status);
	else
		process->info.exit_code = WEXITSTATUS(status);
}

void process__replace(struct process *process, uint64_t time_ns)
{
	if (process->info.state == PROCESS_RUNNING)
		process__end(process, PROCESS_REPLACED, time_ns);
}

void process__vanish(struct process *process, uint64_t time_ns)
{
	if (process->info.state != PROCESS_RUNNING)
		return;
	process__mark_incomplete(process);
	process__end_threads(process);
	process__end(process, PROCESS_VANISHED, time_ns);
}
