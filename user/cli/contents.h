/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What blocks hold, read from their process. */
#ifndef HEAPTAP_CLI_CONTENTS_H
#define HEAPTAP_CLI_CONTENTS_H

#include "cli/options.h"
#include "heap/heap.h"
#include "report/summary.h"

#define CONTENTS_MAX 4096

/* Gives each of the process's listed blocks its first max_sz bytes (CONTENTS_MAX at most), as new
 * strings of hexadecimal digits: what can be read of them. The process runs. */
void contents__read(struct summary_process *process, size_t max_sz);

/* What blocks hold at their process's end, by address: one piece of memory (free()). */
struct exit_contents;

/* Reads the first max_sz bytes (CONTENTS_MAX at most) of a process's blocks, by their order the
 * first EXIT_BLOCKS_MAX of them, or as many as fit into EXIT_BYTES_MAX. NULL without memory. */
#define EXIT_BLOCKS_MAX 65536
#define EXIT_BYTES_MAX (16u << 20)
struct exit_contents *exit_contents__read(
	struct process *process, enum block_order order, size_t max_sz);
/* The same as contents__read, of what was read then; NULL: nothing was. */
void exit_contents__tell(const struct exit_contents *contents, struct summary_process *process);

/* bytes as hexadecimal digits: a new string, or NULL without memory. */
char *contents__hex(const unsigned char *bytes, size_t sz);

#endif
