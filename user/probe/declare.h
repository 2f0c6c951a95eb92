/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Allocators that a user declares: a file in the format of docs/allocators.md becomes rows for the
 * table of functions.h. The grammar is libconfig's; what it means is read here, from tables.
 */
#ifndef HEAPTAP_PROBE_DECLARE_H
#define HEAPTAP_PROBE_DECLARE_H

#include <stddef.h>

#include "probe/functions.h"

struct declarations;

/*
 * Reads a file, or a text that came from `file`. 0; -EINVAL, it is no such file; -errno of reading
 * it; -ENOMEM. On failure *ret_problem is what is wrong, for people ("FILE:LINE: …"), or NULL
 * without memory; free().
 */
int declarations__read(
	const char *file, struct declarations **ret_declarations, char **ret_problem);
int declarations__parse(const char *file, const char *text, size_t text_sz,
	struct declarations **ret_declarations, char **ret_problem);

/* Its rows, in the order in which they are to be probed. They live as long as it does. */
const struct allocator_function *declarations__rows(
	const struct declarations *declarations, size_t *ret_cnt);
void declarations__free(struct declarations *declarations);

#endif
