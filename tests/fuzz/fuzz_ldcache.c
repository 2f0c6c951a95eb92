/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Any bytes as the dynamic linker's cache. A machine's own /etc/ld.so.cache is a good seed. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/ldcache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t sz)
{
	uint8_t *copy = malloc(sz + !sz);
	struct ldcache_entry entry;
	struct ldcache cache;

	memcpy(copy, data, sz);
	if (ldcache__parse(copy, sz, &cache) != 0) {
		free(copy);
		return 0;
	}
	for (size_t i = 0; i < cache.entry_cnt; i++)
		if (ldcache__get(&cache, i, &entry) &&
			strlen(entry.name) + strlen(entry.path) >= 2 * PATH_MAX)
			abort();
	ldcache__close(&cache);
	return 0;
}
