/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arrays that grow. */
#ifndef HEAPTAP_UTIL_ARRAY_H
#define HEAPTAP_UTIL_ARRAY_H

#include <stddef.h>

/*
 * The array of cnt elements, with room for `more`: moved, and *cap doubled, where it had not. NULL
 * without memory: then it is as it was.
 */
void *array__with_room(void *array, size_t cnt, size_t more, size_t *cap, size_t element_sz);

#endif
