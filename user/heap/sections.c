/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Each thread that was in a section has a call for each of them, which is under way or not; a block
 * is of the call of its thread if its number is above the number at the call's entry. So nothing
 * is kept with a block, and threads that are in no section cost a look into a table.
 */
#include "heap/sections.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/process.h"
#include "heap/section_books.h"
#include "util/array.h"

/* ---- blocks and bytes by allocation site ---- */

struct site_sum {
	uint32_t site;
	uint64_t blocks, bytes;
};

struct site_sums {
	struct index by_site; /* place in sums + 1 */
	struct site_sum *sums;
	size_t cnt, cap;
};

static void site_sums__destroy(struct site_sums *sums)
{
	index__destroy(&sums->by_site);
	free(sums->sums);
	sums->sums = NULL;
	sums->cnt = sums->cap = 0;
}

/* The sum of a site, added if it is not there. NULL without memory. */
static struct site_sum *site_sums__at(struct site_sums *sums, uint32_t site)
{
	uintptr_t place = index__find(&sums->by_site, site);
	struct site_sum *grown;

	if (!place) {
		grown = array__with_room(sums->sums, sums->cnt, 1, &sums->cap, sizeof(*grown));
		if (!grown)
			return NULL;
		sums->sums = grown;
		if (index__add(&sums->by_site, site, sums->cnt + 1))
			return NULL;
		place = ++sums->cnt;
		sums->sums[place - 1] = (struct site_sum){.site = site};
	}
	return &sums->sums[place - 1];
}

/* ---- calls ---- */

struct section_call {
	uint64_t sp;	      /* at its entry; 0: none is under way */
	uint64_t last_number; /* of an allocation before it */
	uint64_t counts[SECTION_QUANTITY_CNT];
	struct site_sums left;
};

struct section_thread {
	size_t open_cnt;
	bool *was_in; /* by section: it has returned from it */
	struct section_call calls[];
};

struct section {
	struct section_totals totals;
	struct site_sums left;
};

struct sections {
	struct index threads; /* tid → struct section_thread * */
	size_t cnt;
	struct section all[];
};

static void thread__free(struct section_thread *thread, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		site_sums__destroy(&thread->calls[i].left);
	free(thread->was_in);
	free(thread);
}

static struct section_thread *thread__new(size_t cnt)
{
	struct section_thread *thread = calloc(1, sizeof(*thread) + cnt * sizeof(thread->calls[0]));

	if (!thread)
		return NULL;
	thread->was_in = calloc(cnt, sizeof(*thread->was_in));
	for (size_t i = 0; i < cnt; i++)
		index__init(&thread->calls[i].left.by_site, (uintptr_t)thread);
	if (thread->was_in)
		return thread;
	thread__free(thread, cnt);
	return NULL;
}

static struct section_thread *sections__thread(const struct sections *sections, pid_t tid)
{
	return (struct section_thread *)index__find(&sections->threads, (uint32_t)tid);
}

/* NULL: it is in no section. */
static struct section_thread *sections__thread_inside(const struct sections *sections, pid_t tid)
{
	struct section_thread *thread = sections__thread(sections, tid);

	return thread && thread->open_cnt ? thread : NULL;
}

static struct section_thread *sections__add_thread(struct sections *sections, pid_t tid)
{
	struct section_thread *thread = thread__new(sections->cnt);

	if (thread && !index__add(&sections->threads, (uint32_t)tid, (uintptr_t)thread))
		return thread;
	if (thread)
		thread__free(thread, sections->cnt);
	return NULL;
}

static void close_call(struct sections *sections, struct section_thread *thread, size_t i)
{
	struct section_call *call = &thread->calls[i];

	call->sp = 0;
	site_sums__destroy(&call->left);
	thread->open_cnt--;
	sections->all[i].totals.under_way--;
}

static void leave_call(struct sections *sections, struct section_thread *thread, size_t i)
{
	close_call(sections, thread, i);
	sections->all[i].totals.left++;
}

/* Those below `sp`: the stack that they were on is gone. */
static void leave_calls_below(struct sections *sections, struct section_thread *thread, uint64_t sp)
{
	for (size_t i = 0; i < sections->cnt && thread->open_cnt; i++)
		if (thread->calls[i].sp && thread->calls[i].sp < sp)
			leave_call(sections, thread, i);
}

/* ---- life ---- */

static struct sections *sections__new(size_t cnt)
{
	struct sections *sections = calloc(1, sizeof(*sections) + cnt * sizeof(sections->all[0]));

	if (!sections)
		return NULL;
	sections->cnt = cnt;
	index__init(&sections->threads, (uintptr_t)sections);
	for (size_t i = 0; i < cnt; i++)
		index__init(&sections->all[i].left.by_site, (uintptr_t)sections);
	return sections;
}

int process__start_sections(struct process *process, size_t cnt)
{
	process->sections = sections__new(cnt);
	return process->sections ? 0 : -ENOMEM;
}

bool process__has_sections(const struct process *process)
{
	return process->sections;
}

int sections__begin_copy(const struct sections *sections, struct sections **ret_copy)
{
	if (!sections)
		return 0;
	*ret_copy = sections__new(sections->cnt);
	return *ret_copy ? 0 : -ENOMEM;
}

void sections__free(struct sections *sections)
{
	const struct index_entry *entry;
	size_t cursor = 0;

	if (!sections)
		return;
	while ((entry = index__next(&sections->threads, &cursor)))
		thread__free((struct section_thread *)entry->value, sections->cnt);
	for (size_t i = 0; i < sections->cnt; i++)
		site_sums__destroy(&sections->all[i].left);
	index__destroy(&sections->threads);
	free(sections);
}

size_t sections__memory(const struct sections *sections)
{
	size_t bytes = 0;

	if (!sections)
		return 0;
	bytes = sizeof(*sections) + index__memory(&sections->threads);
	for (size_t i = 0; i < sections->cnt; i++)
		bytes += sizeof(sections->all[i]) + index__memory(&sections->all[i].left.by_site) +
			 sections->all[i].left.cap * sizeof(struct site_sum);
	return bytes;
}

/* ---- events of calls ---- */

void process__enter_section(struct process *process, size_t section, pid_t tid, uint64_t sp)
{
	struct sections *sections = process->sections;
	struct section_thread *thread;
	struct section_call *call;

	if (!sections || section >= sections->cnt)
		return;
	thread = sections__thread(sections, tid);
	if (!thread)
		thread = sections__add_thread(sections, tid);
	if (!thread) {
		process->info.incomplete = true;
		return;
	}
	leave_calls_below(sections, thread, sp);
	call = &thread->calls[section];
	if (call->sp > sp)
		return; /* inside itself */
	if (call->sp)
		leave_call(sections, thread, section);
	*call = (struct section_call){
		.sp = sp, .last_number = process->last_number, .left = call->left};
	thread->open_cnt++;
	sections->all[section].totals.under_way++;
}

/* What the call left behind goes to the section's. */
static int merge_left(struct section *section, const struct site_sums *left)
{
	for (size_t i = 0; i < left->cnt; i++) {
		struct site_sum *sum = site_sums__at(&section->left, left->sums[i].site);

		if (!sum)
			return -ENOMEM;
		sum->blocks += left->sums[i].blocks;
		sum->bytes += left->sums[i].bytes;
	}
	return 0;
}

static int count_call(struct section *section, struct section_thread *thread, size_t i)
{
	struct section_totals *totals = &section->totals;
	const struct section_call *call = &thread->calls[i];

	totals->calls++;
	totals->thread_cnt += !thread->was_in[i];
	thread->was_in[i] = true;
	for (int q = 0; q < SECTION_QUANTITY_CNT; q++) {
		totals->sums[q] += call->counts[q];
		if (totals->most[q] < call->counts[q])
			totals->most[q] = call->counts[q];
	}
	return merge_left(section, &call->left);
}

void process__return_section(struct process *process, size_t section, pid_t tid, uint64_t sp)
{
	struct sections *sections = process->sections;
	struct section_thread *thread = sections ? sections__thread_inside(sections, tid) : NULL;

	if (!thread || section >= sections->cnt)
		return;
	leave_calls_below(sections, thread, sp);
	if (thread->calls[section].sp != sp)
		return;
	if (count_call(&sections->all[section], thread, section))
		process->info.incomplete = true;
	close_call(sections, thread, section);
}

void sections__end_thread(struct sections *sections, pid_t tid)
{
	struct section_thread *thread =
		(struct section_thread *)index__remove(&sections->threads, (uint32_t)tid);

	if (!thread)
		return;
	leave_calls_below(sections, thread, UINT64_MAX);
	thread__free(thread, sections->cnt);
}

/* ---- events of blocks ---- */

static bool is_of_call(const struct section_call *call, const struct block *block)
{
	return call->sp && block->number > call->last_number;
}

int sections__note_alloc(struct sections *sections, const struct block *block)
{
	struct section_thread *thread = sections__thread_inside(sections, block->tid);

	for (size_t i = 0; thread && i < sections->cnt; i++) {
		struct section_call *call = &thread->calls[i];
		struct site_sum *sum;

		if (!call->sp)
			continue;
		call->counts[SECTION_ALLOCS]++;
		call->counts[SECTION_BYTES] += block->size;
		call->counts[SECTION_LEFT_BLOCKS]++;
		call->counts[SECTION_LEFT_BYTES] += block->size;
		sum = site_sums__at(&call->left, block->site);
		if (!sum)
			return -ENOMEM;
		sum->blocks++;
		sum->bytes += block->size;
	}
	return 0;
}

/* sign -1: the block goes from what its thread's calls have left; 1: it comes back. */
static void change_left(struct sections *sections, const struct block *block, int sign)
{
	struct section_thread *thread = sections__thread_inside(sections, block->tid);

	for (size_t i = 0; thread && i < sections->cnt; i++) {
		struct section_call *call = &thread->calls[i];
		struct site_sum *sum;

		if (!is_of_call(call, block))
			continue;
		call->counts[SECTION_LEFT_BLOCKS] += sign;
		call->counts[SECTION_LEFT_BYTES] += sign * block->size;
		sum = site_sums__at(&call->left, block->site);
		if (!sum)
			continue; /* it was not counted there either, without memory */
		sum->blocks += sign;
		sum->bytes += sign * block->size;
	}
}

/* What the calls of the thread that frees have freed of others. */
static void change_freed(struct sections *sections, const struct block *block, pid_t tid, int sign)
{
	struct section_thread *thread = tid ? sections__thread_inside(sections, tid) : NULL;

	for (size_t i = 0; thread && i < sections->cnt; i++) {
		struct section_call *call = &thread->calls[i];

		if (!call->sp || ((pid_t)block->tid == tid && is_of_call(call, block)))
			continue;
		call->counts[SECTION_FREED_BLOCKS] += sign;
		call->counts[SECTION_FREED_BYTES] += sign * block->size;
	}
}

void sections__note_free(struct sections *sections, const struct block *block, pid_t tid)
{
	change_left(sections, block, -1);
	change_freed(sections, block, tid, 1);
}

void sections__take_free_back(struct sections *sections, const struct block *block, pid_t tid)
{
	change_left(sections, block, 1);
	change_freed(sections, block, tid, -1);
}

/* ---- what there is to tell ---- */

struct section_totals process__section_totals(const struct process *process, size_t section)
{
	const struct sections *sections = process->sections;

	return sections && section < sections->cnt ? sections->all[section].totals
						   : (struct section_totals){0};
}

int process__section_stacks(const struct process *process, size_t section,
	struct section_stack **ret_stacks, size_t *ret_cnt)
{
	const struct site_sums *left = &process->sections->all[section].left;
	struct section_stack *stacks = calloc(left->cnt + 1, sizeof(*stacks));
	size_t cnt = 0;

	if (!stacks)
		return -ENOMEM;
	for (size_t i = 0; i < left->cnt; i++) {
		const struct site_sum *sum = &left->sums[i];

		if (sum->blocks)
			stacks[cnt++] = (struct section_stack){
				.stack = &process->sites.sites[sum->site].stack->stack,
				.blocks = sum->blocks,
				.bytes = sum->bytes,
			};
	}
	*ret_stacks = stacks;
	*ret_cnt = cnt;
	return 0;
}
