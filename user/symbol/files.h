/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers that stand for files in stack frames. A file can have had several. */
#ifndef HEAPTAP_SYMBOL_FILES_H
#define HEAPTAP_SYMBOL_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include "symbol/module.h"

struct files;

struct files *files__new(void);
void files__free(struct files *files); /* not the modules */

/* 0 or -ENOMEM, -EINVAL for 0, which is no number. */
int files__set(struct files *files, uint32_t number, struct module *module);
struct module *files__get(const struct files *files, uint32_t number); /* NULL: not known */

/* A stack in the books leads through this file, by this number. */
void files__see(struct files *files, uint32_t number);

struct file_number {
	uint32_t number;
	struct module *module;
	bool is_seen;	  /* by files__see, since the last files__filter */
	bool is_unlisted; /* the kernel side gives it to nobody any more: the caller's word */
};

void files__note_unlisted(struct files *files, uint32_t number);

/* Shows each to `goes`. One for which it says true stands for no file any more. */
void files__filter(
	struct files *files, bool (*goes)(struct file_number *number, void *arg), void *arg);

#endif
