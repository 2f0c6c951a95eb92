// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --contents-at-exit: which blocks will be listed is known only when the stacks have names, which
 * takes longer than a process should wait at its end. So the first bytes of all its blocks are read
 * (of very many, of the first in the order of the list), a thousand with each call.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include "cli/block_picking.h"
#include "cli/contents.h"
#include "cli/trace.h"
#include "cli/trace_parts.h"
#include "util/log.h"

#define BATCH 1024 /* UIO_MAXIOV */

struct kept {
	uint64_t addr;
	size_t sz; /* bytes that could be read */
};

/* bytes of block i: from i * stride */
struct exit_contents {
	size_t cnt, stride;
	unsigned char *bytes; /* behind blocks */
	struct kept blocks[];
};

static int pick(const struct heap_block *block, void *arg)
{
	return block_picking__add(arg, block);
}

static int compare(const void *a, const void *b)
{
	const struct kept *one = a, *other = b;

	return (one->addr > other->addr) - (one->addr < other->addr);
}

static struct exit_contents *make(const struct block_picking *picking, size_t stride)
{
	struct exit_contents *contents = calloc(
		1, sizeof(*contents) + picking->cnt * (sizeof(contents->blocks[0]) + stride));

	if (!contents)
		return NULL;
	contents->cnt = picking->cnt;
	contents->stride = stride;
	contents->bytes = (unsigned char *)&contents->blocks[picking->cnt];
	for (size_t i = 0; i < picking->cnt; i++)
		contents->blocks[i] = (struct kept){
			.addr = picking->blocks[i].addr,
			.sz = picking->blocks[i].size < stride ? picking->blocks[i].size : stride,
		};
	qsort(contents->blocks, contents->cnt, sizeof(contents->blocks[0]), compare);
	return contents;
}

/* From block `first` on: how many are done with. The call ends at the first that cannot be read as
 * a whole. */
static size_t read_some(struct exit_contents *contents, pid_t pid, size_t first)
{
	struct iovec local[BATCH] = {0}, remote[BATCH] = {0};
	size_t cnt = contents->cnt - first < BATCH ? contents->cnt - first : BATCH, i;
	struct kept *blocks = &contents->blocks[first];
	ssize_t have;

	for (i = 0; i < cnt; i++) {
		local[i] = (struct iovec){
			contents->bytes + (first + i) * contents->stride, blocks[i].sz};
		remote[i] = (struct iovec){(void *)blocks[i].addr, blocks[i].sz};
	}
	have = process_vm_readv(pid, local, cnt, remote, cnt, 0);
	if (have < 0)
		have = 0;
	for (i = 0; i < cnt && (size_t)have >= blocks[i].sz; i++)
		have -= blocks[i].sz;
	if (i < cnt)
		blocks[i++].sz = have;
	return i;
}

struct exit_contents *exit_contents__read(
	struct process *process, enum block_order order, size_t max_sz)
{
	size_t fitting = EXIT_BYTES_MAX / max_sz;
	struct block_picking picking = {
		.order = order, .max = fitting < EXIT_BLOCKS_MAX ? fitting : EXIT_BLOCKS_MAX};
	struct exit_contents *contents = NULL;

	if (!process__each_block(process, pick, &picking))
		contents = make(&picking, max_sz);
	for (size_t i = 0; contents && i < contents->cnt;)
		i += read_some(contents, process__info(process)->tgid, i);
	free(picking.blocks);
	return contents;
}

void exit_contents__tell(const struct exit_contents *contents, struct summary_process *process)
{
	for (size_t i = 0; contents && i < process->block_cnt; i++) {
		struct kept key = {.addr = process->blocks[i].addr};
		const struct kept *kept = bsearch(&key, contents->blocks, contents->cnt,
			sizeof(contents->blocks[0]), compare);

		if (kept && (kept->sz || !process->blocks[i].size))
			process->blocks[i].contents = contents__hex(
				contents->bytes + (kept - contents->blocks) * contents->stride,
				kept->sz);
	}
}

static void tell_late(const struct event *record)
{
	log_warn("what the blocks of process %d held at its exit was not read: heaptap came to it "
		 "too late (it is held for a second at most)",
		(int)record->tgid);
}

/* A process that did not wait for the answer may be gone, and its number another's. One that ends
 * in another's memory (its parent's, with CLONE_VM) leaves that one's blocks alone. */
void trace__keep_contents(struct trace *trace, struct process *process, const struct event *record)
{
	const struct block_listing *listing = &trace->options->blocks;
	struct exit_contents *contents = NULL;
	bool is_late;

	if (process__info(process)->tgid == (pid_t)record->tgid)
		contents = exit_contents__read(process, listing->order, listing->contents_sz);
	is_late = tracer__answer(
		trace->tracer, EXIT_QUESTION(record->tgid, record->image), ANSWER_GO_ON);
	if (is_late && contents)
		tell_late(record);
	if (is_late || !contents)
		free(contents);
	else
		traced__of(process)->exit_contents = contents;
}
