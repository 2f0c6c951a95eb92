/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which files are probed, for whom. Each file is scanned once, and attached once for a process or
 * once for all processes.
 */
#ifndef HEAPTAP_PROBE_TARGETS_H
#define HEAPTAP_PROBE_TARGETS_H

#include <sys/types.h>
#include "probe/points.h"
#include "probe/scan.h"
#include "probe/tracer.h"
#include "symbol/module.h"

#define ALL_PROCESSES (-1)

struct targets;

/* with_mapping: as of probe_sites__scan. NULL without memory. */
struct targets *targets__new(struct tracer *tracer, struct modules *modules, bool with_mapping);
void targets__free(struct targets *targets);

/* Who wants to know of each file whose allocator functions have just been probed. */
void targets__tell_attached(
	struct targets *targets, void (*on_attached)(void *arg, const struct module *module), void *arg);

/* From now on sites are a spy's, of these functions (borrowed). */
void targets__spy(struct targets *targets, const struct spied_functions *functions);

/* From now on these are looked for, too (borrowed), in every file that is probed. */
void targets__wait_at(struct targets *targets, struct points *points);
/* Probes what a file has of them, for `pid` or ALL_PROCESSES. 0 or -errno; then `reason` as below. */
int targets__add_points(struct targets *targets, struct module *module, pid_t pid, char *reason);
/* The same for every file that process `pid` executes; what fails is logged. */
void targets__add_points_of(struct targets *targets, pid_t pid, pid_t for_pid);

/*
 * Probes the allocator functions of a file, and its points, for `pid` or ALL_PROCESSES. Returns the
 * number of sites that were attached now (0: none in it, or attached before), or -errno of reading or
 * attaching; then `reason` (if not NULL, 256 bytes) says it for people. -EBUSY: probing it for all
 * processes would kill one (bystanders.h).
 */
int targets__add_module(struct targets *targets, struct module *module, pid_t pid, char *reason);
/* Is this what targets__add_module gives for a file that may have an allocator? Code that is no
 * program of this machine's kind has none that could be missed. */
bool targets__is_failure(int ret);

struct process_probes {
	int late_cnt;	/* files with allocators that were probed now, or since it began */
	int probed_cnt; /* files with allocators, now or before */
	int failed_cnt; /* files that may have an allocator and could not be probed (logged with -v)
			 */
};

/* The same for every file that process `pid` executes, for that process only or ALL_PROCESSES. 0,
 * also if only some could be probed; else the -errno of one (-EBUSY at once, as above); then
 * *reason says it, which may be set anyhow. -ESRCH: there is no such process; -EACCES: its mappings
 * cannot be read. began_ns: CLOCK_MONOTONIC, when it began to execute them; 0: long ago. */
int targets__add_process(struct targets *targets, pid_t pid, pid_t for_pid, uint64_t began_ns,
	char *reason, struct process_probes *ret_probes);
/* The same for every file that is probed for somebody else: the process may load it one day, and
 * nobody would be told of that, as the file is known. 0 or the -errno of one. */
int targets__add_known(struct targets *targets, pid_t pid, char *reason);
/* The same for a path. */
int targets__add_path(struct targets *targets, const char *path, pid_t for_pid, char *reason);

bool targets__is_probed(struct targets *targets, const struct module *module);

/* The module's probes are detached, from about now on. */
void targets__forget(struct targets *targets, const struct module *module);

/* All sites that are attached. */
size_t targets__site_cnt(const struct targets *targets);

#endif
