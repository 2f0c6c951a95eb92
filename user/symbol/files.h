/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers that stand for files in stack frames. A file can have had several. */
#ifndef HEAPTAP_SYMBOL_FILES_H
#define HEAPTAP_SYMBOL_FILES_H

#include <stdint.h>
#include "symbol/module.h"

struct files;

struct files *files__new(void);
void files__free(struct files *files); /* not the modules */

/* 0 or -ENOMEM, -ERANGE for a number that is not believable. */
int files__set(struct files *files, uint32_t number, struct module *module);
struct module *files__get(const struct files *files, uint32_t number); /* NULL: not known */

#endif
