/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef HEAPTAP_TEST_PRIVATE_ALLOC_H
#define HEAPTAP_TEST_PRIVATE_ALLOC_H

#include <stddef.h>

void *private_alloc(size_t n);
void private_free(void *p);

#endif
