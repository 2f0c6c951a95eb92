/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See ldcache.h. No offset or count of the file is believed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/ldcache.h"

#define CACHE_SZ_MAX (64 << 20)

#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define FLAG_MACHINE_MASK 0xff00
#define FLAG_MACHINE_X86_64 0x0300 /* FLAG_X8664_LIB64 */

struct ldcache_header {
	char magic[sizeof(CACHE_MAGIC) - 1];
	uint32_t entry_cnt;
	uint32_t strings_sz;
	uint8_t flags, padding[3];
	uint32_t extensions, unused[3];
};
_Static_assert(sizeof(struct ldcache_header) == 48, "ld.so.cache header");

struct ldcache_raw_entry {
	int32_t flags;
	uint32_t name, path, os_version;
	uint64_t hwcap;
};
_Static_assert(sizeof(struct ldcache_raw_entry) == 24, "ld.so.cache entry");

int ldcache__parse(uint8_t *bytes, size_t sz, struct ldcache *ret_cache)
{
	struct ldcache_header header;

	if (sz < sizeof(header))
		return -EINVAL;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, CACHE_MAGIC, sizeof(header.magic)) != 0 ||
		header.entry_cnt > (sz - sizeof(header)) / sizeof(struct ldcache_raw_entry))
		return -EINVAL;
	*ret_cache = (struct ldcache){bytes, sz, header.entry_cnt};
	return 0;
}

static int read_whole(int fd, uint8_t **ret_bytes, size_t *ret_sz)
{
	struct stat stat;
	uint8_t *bytes;
	ssize_t got;

	if (fstat(fd, &stat) != 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_size > CACHE_SZ_MAX)
		return -EINVAL;
	bytes = malloc(stat.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	got = pread(fd, bytes, stat.st_size, 0);
	if (got < 0) {
		int err = -errno;

		free(bytes);
		return err;
	}
	*ret_bytes = bytes;
	*ret_sz = got;
	return 0;
}

int ldcache__open(const char *path, struct ldcache *ret_cache)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t *bytes = NULL;
	size_t sz = 0;
	int err;

	if (fd < 0)
		return -errno;
	err = read_whole(fd, &bytes, &sz);
	close(fd);
	if (!err)
		err = ldcache__parse(bytes, sz, ret_cache);
	if (err)
		free(bytes);
	return err;
}

void ldcache__close(struct ldcache *cache)
{
	if (!cache)
		return;
	free(cache->bytes);
	*cache = (struct ldcache){0};
}

/* The string at an offset, if it ends in the file and is no longer than a path. */
static const char *ldcache__string(const struct ldcache *cache, uint32_t offset)
{
	size_t left = offset < cache->sz ? cache->sz - offset : 0;
	const char *string = (const char *)cache->bytes + offset;

	if (left > PATH_MAX)
		left = PATH_MAX;
	return left > 0 && memchr(string, '\0', left) ? string : NULL;
}

bool ldcache__get(const struct ldcache *cache, size_t i, struct ldcache_entry *ret_entry)
{
	struct ldcache_raw_entry raw;
	struct ldcache_entry entry;

	memcpy(&raw, cache->bytes + sizeof(struct ldcache_header) + i * sizeof(raw), sizeof(raw));
	if ((raw.flags & FLAG_MACHINE_MASK) != FLAG_MACHINE_X86_64)
		return false;
	entry.name = ldcache__string(cache, raw.name);
	entry.path = ldcache__string(cache, raw.path);
	entry.has_hwcap = raw.hwcap != 0;
	if (!entry.name || !entry.path)
		return false;
	*ret_entry = entry;
	return true;
}
