/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of JIT code: one process's perf map (linux: tools/perf/Documentation/jit-interface.txt). */
#ifndef HEAPTAP_SYMBOL_PERFMAP_H
#define HEAPTAP_SYMBOL_PERFMAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct perfmap;

/* start_ns: the process's start (CLOCK_BOOTTIME), by which a later process of that pid is told. */
struct perfmap *perfmap__new(pid_t pid, uint64_t start_ns);
void perfmap__free(struct perfmap *map);

/* Reads what the process has written since the last call, if it is still there. 0; -ENOENT without
 * a map; -ESRCH if the process is gone; or another -errno. What was read before stays. */
int perfmap__refresh(struct perfmap *map);

/* The name at an address, the latest written if there are several; NULL: none. It stays until the
 * next refresh. */
const char *perfmap__find(const struct perfmap *map, uint64_t address, uint64_t *ret_start);

/* Bytes of memory that it has. */
size_t perfmap__sz(const struct perfmap *map);

#endif
