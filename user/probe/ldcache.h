/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The dynamic linker's cache of libraries, /etc/ld.so.cache, in the format "glibc-ld.so.cache1.1"
 * (glibc: sysdeps/generic/dl-cache.h; what ldconfig writes by default since 2.32):
 *
 *   0  char magic[20]; u32 entry_cnt; u32 strings_sz; u8 flags, padding[3]; u32 extensions,
 * unused[3] 48  entry_cnt times: s32 flags; u32 name, path (from the start of the file); u32 os;
 * u64 hwcap
 */
#ifndef HEAPTAP_PROBE_LDCACHE_H
#define HEAPTAP_PROBE_LDCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LDCACHE_PATH "/etc/ld.so.cache"

struct ldcache {
	uint8_t *bytes;
	size_t sz;
	size_t entry_cnt;
};

struct ldcache_entry {
	const char *name; /* "libc.so.6" */
	const char *path;
	bool has_hwcap; /* a variant for some processors only */
};

/* 0 or -errno; -EINVAL: not in this format. */
int ldcache__open(const char *path, struct ldcache *ret_cache);

/* Takes a malloc'd copy of a file over, unless it fails (-EINVAL). */
int ldcache__parse(uint8_t *bytes, size_t sz, struct ldcache *ret_cache);

void ldcache__close(struct ldcache *cache);

/* Entry i, which must be below entry_cnt. False: it is malformed, or not for x86-64. */
bool ldcache__get(const struct ldcache *cache, size_t i, struct ldcache_entry *ret_entry);

#endif
