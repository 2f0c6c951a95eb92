/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process's books keep for sections: of sections.c, and (its life and events) process.c. */
#ifndef HEAPTAP_HEAP_SECTION_BOOKS_H
#define HEAPTAP_HEAP_SECTION_BOOKS_H

#include "heap/blocks.h"
#include "heap/sections.h"

struct sections;

void sections__free(struct sections *sections); /* NULL too */
/* For a fork's child, with no calls. NULL: *ret_copy stays as it is. 0 or -ENOMEM. */
int sections__begin_copy(const struct sections *sections, struct sections **ret_copy);
size_t sections__memory(const struct sections *sections);

/* A block was allocated; it is freed by a thread (0: nobody knows by which); it is not, after all.
 * 0 or -ENOMEM. */
int sections__note_alloc(struct sections *sections, const struct block *block);
void sections__note_free(struct sections *sections, const struct block *block, pid_t tid);
void sections__take_free_back(struct sections *sections, const struct block *block, pid_t tid);
/* The thread has ended. */
void sections__end_thread(struct sections *sections, pid_t tid);

#endif
