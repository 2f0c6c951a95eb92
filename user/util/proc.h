/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc tells of a process; of one that is gone, nothing (see proc(5)). */
#ifndef HEAPTAP_UTIL_PROC_H
#define HEAPTAP_UTIL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

bool proc__exists(pid_t pid);		 /* as a process, not as one of its threads */
char proc__state(pid_t pid);		 /* 'R', 'S', 'T' (stopped) …; 0: there is none */
uint64_t proc__pc(pid_t pid, pid_t tid); /* where a thread that does not run stands; 0: unknown */
/* The first mapping of this name. 0 or -ENOENT. */
int proc__find_mapping(pid_t pid, const char *name, uint64_t *ret_start, uint64_t *ret_end);
/* The number behind `key` ("Tgid:") in /proc/PID/status; -1: there is none. */
long proc__status(pid_t pid, const char *key);
char *proc__exe(pid_t pid); /* the program's path: a new string, or NULL */
bool proc__comm(pid_t pid, char *buf, size_t buf_sz);
uint64_t proc__start_ns(pid_t pid); /* CLOCK_BOOTTIME, to a clock tick; 0: unknown */
/* The pid is still that of the process which started then (CLOCK_BOOTTIME; 0: of any). */
bool proc__is_same(pid_t pid, uint64_t start_ns);
int proc__pids(pid_t **ret_pids, size_t *ret_cnt); /* all processes: 0 or -errno; free() */

struct proc_mapping {
	uint64_t start, end;
	uint32_t dev; /* major << 20 | minor */
	uint64_t inode;
	bool executable;
	const char *path; /* or "[vdso]" and the like, or ""; only during the call */
};
/* The file that heaptap itself has mapped, executable, at this address: false if there is none. */
bool proc__mapping_at(uint64_t address, uint32_t *ret_dev, uint64_t *ret_inode);
/* Calls visit for each mapping until it returns non-zero, which is returned; -errno if the list
 * cannot be read (-EACCES, -ENOENT). */
int proc__each_mapping(
	pid_t pid, int (*visit)(const struct proc_mapping *mapping, void *arg), void *arg);
/* As well, of files, and executable. */
int proc__each_executable(
	pid_t pid, int (*visit)(const struct proc_mapping *mapping, void *arg), void *arg);
/* Does it execute a file with this inode number? (The device tells nothing: each mount of overlayfs
 * has its own.) False also if that cannot be told. */
bool proc__executes(pid_t pid, uint64_t inode);

#endif
