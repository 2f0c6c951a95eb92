// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One process_vm_readv(2) for each block, which neither stops the process nor writes into it. A
 * block that was freed since the books were read can show what came after it. Bytes travel as
 * hexadecimal digits, which no format has to escape.
 */
#include "cli/contents.h"

#include <stdlib.h>
#include <sys/uio.h>

char *contents__hex(const unsigned char *bytes, size_t sz)
{
	static const char digits[] = "0123456789abcdef";
	char *text = malloc(2 * sz + 1), *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < sz; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 0xf];
	}
	*to = '\0';
	return text;
}

static void read_block(pid_t pid, struct summary_block *block, size_t max_sz)
{
	unsigned char bytes[CONTENTS_MAX];
	size_t sz = block->size < max_sz ? block->size : max_sz;
	struct iovec local = {bytes, sz}, remote = {(void *)block->addr, sz};
	ssize_t have = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (have >= 0)
		block->contents = contents__hex(bytes, have);
}

void contents__read(struct summary_process *process, size_t max_sz)
{
	for (size_t i = 0; i < process->block_cnt; i++)
		read_block(process->info.tgid, &process->blocks[i], max_sz);
}
