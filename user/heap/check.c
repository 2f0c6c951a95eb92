/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A free is looked at while the books are still as they were before it:
 *
 *	outstanding ──► of the wrong family?          mismatched free
 *	not there   ──► among the blocks freed last?  double free
 *	            └─► never given out               invalid free, if all was seen from birth
 *
 * Blocks are remembered after their free until their address is given out again, the last 65,536 of
 * them; a block that is freed again later than that is told as an address that was never given out.
 *
 * The C library frees what it keeps of freed blocks for a thread (tcache) once more, at the thread's
 * end: no function of the program is in the stack of such a free. So a wrong free by another thread than
 * the first, all of whose frames lie in one file, is none. In a program that is linked statically that
 * hides those of its threads, but for the first.
 */
#include "heap/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/check_books.h"
#include "heap/process.h"

#define NO_SITE UINT32_MAX

static const struct heap_stack *stack_of(const struct process *process, uint32_t site)
{
	return site == NO_SITE ? NULL : &process->sites.sites[site].stack->stack;
}

/* ---- findings ---- */

static bool is_same(const struct noted_finding *a, const struct noted_finding *b)
{
	return a->kind == b->kind && a->free == b->free &&
	       /* what an invalid address lies in may be another block each time */
	       (a->kind == FINDING_INVALID_FREE ||
		       (a->first_free == b->first_free && a->allocation == b->allocation));
}

static struct noted_finding *check__find(struct check *check, const struct noted_finding *wanted)
{
	for (size_t i = 0; i < check->finding_cnt; i++) {
		if (is_same(&check->findings[i], wanted))
			return &check->findings[i];
	}
	return NULL;
}

/* Room for one more; NULL if there is none. */
static struct noted_finding *check__push(struct check *check)
{
	if (!check->findings)
		check->findings = calloc(FINDINGS_MAX, sizeof(*check->findings));
	if (!check->findings || check->finding_cnt == FINDINGS_MAX)
		return NULL;
	return &check->findings[check->finding_cnt++];
}

/* NULL if it is no new one. */
static struct noted_finding *check__note(struct check *check, const struct noted_finding *finding)
{
	struct noted_finding *known = check__find(check, finding), *added = NULL;

	if (!known) {
		known = added = check__push(check);
		if (!known) {
			check->left_out++;
			return NULL;
		}
		*known = *finding;
	}
	known->count++;
	return added;
}

/* ---- mismatches ---- */

static uint8_t families_of(const struct process *process, uint32_t site)
{
	return process->sites.sites[site].families;
}

/* Those whose families are not known go with all others. */
static bool is_mismatched(const struct process *process, const struct block *block, uint32_t free_site)
{
	uint8_t from = families_of(process, block->site), by = families_of(process, free_site);

	return from && by && !(from & by) &&
	       process__block_ns(process, block) > process->check->since_ns;
}

static void check_outstanding(
	struct process *process, const struct block *block, uint32_t free_site)
{
	struct check *check = process->check;

	if (is_mismatched(process, block, free_site))
		check__note(check, &(struct noted_finding){
					   .kind = FINDING_MISMATCHED_FREE,
					   .addr = block->addr,
					   .size = block->size,
					   .free = free_site,
					   .first_free = NO_SITE,
					   .allocation = block->site,
				   });
	freed_blocks__put(&check->freed, &(struct freed_block){
						 .addr = block->addr,
						 .size = block->size,
						 .alloc_site = block->site,
						 .free_site = free_site,
					 });
}

/* ---- frees of what is not there ---- */

/* At the end of a thread, by the C library: see above. */
static bool is_thread_cache(const struct process *process, const struct heap_stack *stack, pid_t tid)
{
	if (tid == process->info.tgid || !stack->frame_cnt)
		return false;
	for (uint32_t i = 1; i < stack->frame_cnt; i++) {
		if (stack->frames[i].file != stack->frames[0].file)
			return false;
	}
	return true;
}

static void note_double_free(
	struct process *process, const struct freed_block *block, uint32_t free_site)
{
	check__note(process->check, &(struct noted_finding){
					    .kind = FINDING_DOUBLE_FREE,
					    .addr = block->addr,
					    .size = block->size,
					    .free = free_site,
					    .first_free = block->free_site,
					    .allocation = block->alloc_site,
				    });
}

/* The outstanding block that the address lies in. All blocks are looked at, so only once a finding. */
static void find_around(const struct process *process, struct noted_finding *finding)
{
	const struct block *block;
	size_t cursor = 0;

	while ((block = blocks__next(&process->blocks, &cursor))) {
		if (finding->addr <= block->addr || finding->addr - block->addr >= block->size)
			continue;
		finding->size = block->size;
		finding->offset = finding->addr - block->addr;
		finding->allocation = block->site;
		return;
	}
}

/* ---- the interface ---- */

int process__start_checks(struct process *process, uint64_t since_ns)
{
	if (!process->check) {
		process->check = calloc(1, sizeof(*process->check));
		if (!process->check)
			return -ENOMEM;
		freed_blocks__init(&process->check->freed, process->blocks.multiplier);
	}
	process__settle_checks(process, since_ns);
	return 0;
}

void process__settle_checks(struct process *process, uint64_t since_ns)
{
	if (process->check && process->check->since_ns < since_ns)
		process->check->since_ns = since_ns;
}

void process__set_families(struct process *process, uint64_t stack_hash, uint8_t families)
{
	struct site *site = sites__find(&process->sites, stack_hash);

	if (site)
		site->families = families;
}

enum check_result process__check_free(
	struct process *process, uint64_t addr, uint64_t stack_hash, pid_t tid)
{
	struct site *site = process->check ? sites__get(&process->sites, stack_hash) : NULL;
	const struct block *block = blocks__find(&process->blocks, addr);
	const struct freed_block *freed;

	if (!site)
		return CHECK_DONE;
	if (block) {
		check_outstanding(process, block, sites__number(&process->sites, site));
		return CHECK_DONE;
	}
	if (is_thread_cache(process, &site->stack->stack, tid))
		return CHECK_DONE;
	freed = freed_blocks__find(&process->check->freed, addr);
	if (!freed)
		return process->info.from_birth ? CHECK_UNKNOWN : CHECK_DONE;
	note_double_free(process, freed, sites__number(&process->sites, site));
	return CHECK_DONE;
}

void process__add_invalid_free(struct process *process, uint64_t addr, uint64_t stack_hash)
{
	struct site *site = process->check ? sites__get(&process->sites, stack_hash) : NULL;
	struct noted_finding *added;

	if (!site)
		return;
	added = check__note(process->check, &(struct noted_finding){
						    .kind = FINDING_INVALID_FREE,
						    .addr = addr,
						    .free = sites__number(&process->sites, site),
						    .first_free = NO_SITE,
						    .allocation = NO_SITE,
					    });
	if (added)
		find_around(process, added);
}

size_t process__finding_cnt(const struct process *process)
{
	return process->check ? process->check->finding_cnt : 0;
}

struct finding process__finding(const struct process *process, size_t number)
{
	const struct noted_finding *noted = &process->check->findings[number];

	return (struct finding){
		.kind = noted->kind,
		.count = noted->count,
		.addr = noted->addr,
		.size = noted->size,
		.offset = noted->offset,
		.stacks = {[FINDING_STACK_FREE] = stack_of(process, noted->free),
			[FINDING_STACK_FIRST_FREE] = stack_of(process, noted->first_free),
			[FINDING_STACK_ALLOCATION] = stack_of(process, noted->allocation)},
	};
}

uint64_t process__findings_left_out(const struct process *process)
{
	return process->check ? process->check->left_out : 0;
}

/* ---- its life ---- */

void check__free(struct check *check)
{
	if (!check)
		return;
	freed_blocks__destroy(&check->freed);
	free(check->findings);
	free(check);
}

int check__copy(const struct check *check, struct check **ret_copy)
{
	struct check *copy;

	if (!check)
		return 0;
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (freed_blocks__copy(&check->freed, &copy->freed)) {
		free(copy);
		return -ENOMEM;
	}
	copy->since_ns = check->since_ns;
	*ret_copy = copy;
	return 0;
}

size_t check__memory(const struct check *check)
{
	if (!check)
		return 0;
	return sizeof(*check) + freed_blocks__memory(&check->freed) +
	       (check->findings ? FINDINGS_MAX * sizeof(*check->findings) : 0);
}
