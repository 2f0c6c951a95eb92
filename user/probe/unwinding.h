/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives the kernel side what it needs to unwind through a file: the file's number in stack frames,
 * and its rows under that number. Each file's rows are built and loaded once, for all processes.
 * Safe to be called from several threads.
 */
#ifndef HEAPTAP_PROBE_UNWINDING_H
#define HEAPTAP_PROBE_UNWINDING_H

#include <stdint.h>
#include "probe/tracer.h"
#include "symbol/module.h"

struct unwinding;

struct unwinding_cost {
	uint64_t file_cnt, row_cnt; /* loaded */
	uint64_t bytes;		    /* of rows, in the kernel */
	double seconds;		    /* of building and loading them */
};

struct unwinding *unwinding__new(struct tracer *tracer);
void unwinding__free(struct unwinding *unwinding);

/* The kernel side has given `module` this number; nothing is done if that is known. 0 or -errno; a
 * file whose rows cannot be built gets none, so that stacks end there for that reason. */
int unwinding__add(struct unwinding *unwinding, const struct module *module, uint32_t number);

/* Gives it a number and its rows before it is seen, so that its first stack is whole already.
 * ret_number: 0 if it has one already. */
int unwinding__preload(
	struct unwinding *unwinding, const struct module *module, uint32_t *ret_number);

/* The number, which the kernel side gives away no more, stands for no file any more. A file's rows
 * are dropped with its last number. */
void unwinding__forget(struct unwinding *unwinding, const struct module *module, uint32_t number);

struct unwinding_cost unwinding__cost(struct unwinding *unwinding);

#endif
