/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files that a target has just mapped, each handed to a callback as fast as can be: until its
 * unwind rows are loaded, stacks through it end early. That race is against the dynamic linker,
 * which has some hundred microseconds to do before the first call into a library: so it has a ring
 * and a thread of its own, which does not wait behind events and summaries.
 */
#ifndef HEAPTAP_COLLECT_NEW_FILES_H
#define HEAPTAP_COLLECT_NEW_FILES_H

#include <stdint.h>
#include <sys/types.h>
#include "symbol/module.h"

struct new_file {
	uint32_t number; /* in stack frames */
	struct file_id id;
	pid_t pid;	  /* a process that has it mapped */
	const char *path; /* only during the call */
};

struct new_files;

/* Calls on_file in a thread of its own for each file event of the ring. NULL: it could not be
 * started; the collector meets the files all the same, later. */
struct new_files *new_files__start(
	int ring_fd, void (*on_file)(void *arg, const struct new_file *file), void *arg);
void new_files__stop(struct new_files *new_files);

#endif
