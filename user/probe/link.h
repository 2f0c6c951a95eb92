/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Links between probe sites and BPF programs: one interface, three kinds, from the best to the
 * oldest. A link ends with its file descriptor, so a heaptap that is killed leaves none behind.
 */
#ifndef HEAPTAP_PROBE_LINK_H
#define HEAPTAP_PROBE_LINK_H

#include <sys/types.h>
#include "probe/scan.h"

struct bpf_program;

enum link_kind {
	LINK_AUTO,
	LINK_SESSION, /* one program for entry and return: kernel 6.13 */
	LINK_MULTI,   /* one link for many sites: kernel 6.6 */
	LINK_PERF,    /* a perf event per site: kernel 5.15 */
	LINK_KIND_CNT,
};

/* Of include/uapi/linux/bpf.h, which older systems do not have so far. */
#define ATTACH_TYPE_UPROBE_MULTI 48   /* BPF_TRACE_UPROBE_MULTI */
#define ATTACH_TYPE_UPROBE_SESSION 57 /* BPF_TRACE_UPROBE_SESSION */

const char *link_kind__name(enum link_kind kind); /* "session", "multi", "perf", "auto" */
int link_kind__parse(const char *name, enum link_kind *ret_kind); /* 0 or -EINVAL */

/* The programs of one kind; a session's `enter` sees the return as well. `return_site` is for
 * functions without a return probe (exits.h). */
struct link_programs {
	struct bpf_program *enter, *call_return, *return_site, *free, *query, *point;
};

struct file_links; /* all links into one file */

/*
 * Attaches the file at `fd` for process `pid`, or for all processes (-1). 0 or -errno; on failure
 * nothing stays attached.
 */
int file_links__attach(enum link_kind kind, const struct link_programs *programs, int fd,
	const struct probe_sites *sites, pid_t pid, struct file_links **ret_links);
void file_links__detach(struct file_links *links);
/* The kernel waits for all probes under way before a link is gone: some 50 ms each. Side by side
 * they wait together. */
void file_links__detach_all(struct file_links **links, size_t cnt);

/* Does this kernel have the kind? Tried, on a file that nobody maps: 0 or -errno. To be detached
 * when there is time: the kernel waits. */
int link_kind__try(
	enum link_kind kind, const struct link_programs *programs, struct file_links **ret_links);

#endif
