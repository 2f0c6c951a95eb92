/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A process apart that reads the debug info of targets' files, so that a file made to crash, hang
 * or bloat elfutils takes nothing with it but its own names.
 *
 *   heaptap ◄── socket ──► worker      answers; limited in memory and in time per question
 *                          ▲ fork
 *                          keeper      forks the next worker when one dies, and says so
 */
#ifndef HEAPTAP_SYMBOL_WORKER_H
#define HEAPTAP_SYMBOL_WORKER_H

#include <stdint.h>
#include "symbol/symbolize.h"

struct worker;

/* Forks; call it early, while the process is small and has no threads. NULL with errno set. */
struct worker *worker__new(void);
void worker__free(struct worker *worker);

/* The keeper's pid, which is the worker's parent, whichever worker it is. */
pid_t worker__keeper(const struct worker *worker);

struct question {
	uint64_t address;
	int fd;		  /* the file */
	uint32_t file;	  /* a number for it, always the same */
	const char *path; /* of the file */
	bool is_return;
	bool with_dwarf; /* false: symbol tables only */
};

/* Demangled symbols in *ret_symbols: one allocation with its strings, free() it. Returns how many,
 * -EIO if the worker died over the question or took too long, or another -errno. */
int worker__ask(
	struct worker *worker, const struct question *question, struct symbol **ret_symbols);

#endif
