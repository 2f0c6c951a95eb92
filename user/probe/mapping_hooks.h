/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Following what processes map and unmap: by the kernel's own functions where they can be traced
 * (fentry; no cost to anybody else), else by the system calls' tracepoints. */
#ifndef HEAPTAP_PROBE_MAPPING_HOOKS_H
#define HEAPTAP_PROBE_MAPPING_HOOKS_H

struct heaptap_bpf;

/* Before loading: which of the programs are to be loaded. */
void choose_mapping_hooks(struct heaptap_bpf *skel);
/* After loading: how it is done, for people; NULL: it cannot be. */
const char *attach_mapping_hooks(struct heaptap_bpf *skel);

#endif
