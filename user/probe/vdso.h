/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The vDSO: an ELF library that the kernel maps into each process, from no file (vdso(7)). */
#ifndef HEAPTAP_PROBE_VDSO_H
#define HEAPTAP_PROBE_VDSO_H

#define VDSO_NAME "[vdso]" /* as /proc/PID/maps has it */

/* A file in memory with what the kernel gave heaptap itself: the same code for all 64-bit
 * processes. Its fd, or -errno; -ENOENT: the kernel gives none (vdso=0). */
int vdso__open(void);

#endif
