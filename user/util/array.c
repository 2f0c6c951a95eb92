// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "util/array.h"

#include <stdlib.h>

#define CAP_MIN 64

void *array__with_room(void *array, size_t cnt, size_t more, size_t *cap, size_t element_sz)
{
	size_t new_cap = *cap ? *cap : CAP_MIN;

	if (*cap - cnt >= more)
		return array;
	while (new_cap - cnt < more)
		new_cap *= 2;
	array = reallocarray(array, new_cap, element_sz);
	if (array)
		*cap = new_cap;
	return array;
}
