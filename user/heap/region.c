/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Regions: see region.h.
 *
 * From REGION_MAPPED_MIN on a region is its own mapping. Its pages come when they are touched, so
 * the new part of a region that has just grown takes no memory yet; and when it shrinks they go
 * back to the kernel at once, which free(3) does not promise.
 */
#include "heap/region.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION_MAPPED_MIN (128 << 10)

static bool region__is_mapped(size_t sz)
{
	return sz >= REGION_MAPPED_MIN;
}

static size_t region__mapped_sz(size_t sz)
{
	size_t page_sz = sysconf(_SC_PAGESIZE);

	return (sz + page_sz - 1) & ~(page_sz - 1);
}

static void *region__new(size_t sz)
{
	void *region;

	if (!region__is_mapped(sz))
		return calloc(1, sz);
	region = mmap(NULL, region__mapped_sz(sz), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return region == MAP_FAILED ? NULL : region;
}

static void *region__remap(void *old, size_t old_sz, size_t new_sz)
{
	size_t mapped_sz = region__mapped_sz(new_sz);
	char *region = mremap(old, region__mapped_sz(old_sz), mapped_sz, MREMAP_MAYMOVE);

	if (region == MAP_FAILED)
		return NULL;
	/* What stays in the last page would come back when the region grows again. */
	if (new_sz < old_sz)
		memset(region + new_sz, 0, mapped_sz - new_sz);
	return region;
}

static void *region__realloc(void *old, size_t old_sz, size_t new_sz)
{
	char *region = realloc(old, new_sz);

	if (region && new_sz > old_sz)
		memset(region + old_sz, 0, new_sz - old_sz);
	return region;
}

static void *region__move(void *old, size_t old_sz, size_t new_sz)
{
	void *region = region__new(new_sz);

	if (!region)
		return NULL;
	memcpy(region, old, old_sz < new_sz ? old_sz : new_sz);
	region__free(old, old_sz);
	return region;
}

void *region__resize(void *old, size_t old_sz, size_t new_sz)
{
	if (!old)
		return region__new(new_sz);
	if (region__is_mapped(old_sz) != region__is_mapped(new_sz))
		return region__move(old, old_sz, new_sz);
	if (region__is_mapped(old_sz))
		return region__remap(old, old_sz, new_sz);
	return region__realloc(old, old_sz, new_sz);
}

void region__free(void *region, size_t sz)
{
	if (!region)
		return;
	if (region__is_mapped(sz))
		munmap(region, region__mapped_sz(sz));
	else
		free(region);
}

size_t region__memory(size_t sz)
{
	return region__is_mapped(sz) ? region__mapped_sz(sz) : sz;
}
