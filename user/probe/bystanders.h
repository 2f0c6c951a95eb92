/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Processes that a probe would kill, through no fault of theirs.
 *
 * A uprobe without a process puts a breakpoint into a file's code wherever it is mapped. A program
 * that runs it natively traps into the kernel, which goes on as if nothing was; one that translates
 * code (valgrind, qemu-user) reads the breakpoint as an instruction, and hands its program a SIGTRAP.
 *
 * From 6.11 on, return probes come back by a system call of their own, uretprobe, for which seccomp
 * filters killed the process until "seccomp: passthrough uretprobe systemcall without filtering"
 * (cf6cb56ef244: 6.14, 6.13.3, 6.12.14).
 */
#ifndef HEAPTAP_PROBE_BYSTANDERS_H
#define HEAPTAP_PROBE_BYSTANDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Why a probe would kill the process that runs `exe` ("translates code …"), or NULL. */
const char *would_be_killed(pid_t pid, const char *exe);

/* A process that runs now, has this file mapped, and would be killed by a probe in it: its pid and
 * its program (free()); 0: there is none. */
pid_t bystanders__find(uint64_t inode, char **ret_exe);

#endif
