/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Zeroed memory that changes its size without a second copy: small regions come from malloc, large
 * ones are mappings, which mremap(2) moves by moving page tables. The caller remembers the size.
 */
#ifndef HEAPTAP_HEAP_REGION_H
#define HEAPTAP_HEAP_REGION_H

#include <stddef.h>

/* The region with its new size; bytes past the old size are 0. old NULL, old_sz 0: a new one.
 * NULL without memory: then the old one is as it was. */
void *region__resize(void *old, size_t old_sz, size_t new_sz);
void region__free(void *region, size_t sz);
/* Bytes of memory that a region of this size takes. */
size_t region__memory(size_t sz);

#endif
