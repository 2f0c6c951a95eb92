/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A tracer from inside: tracer*.c only. */
#ifndef HEAPTAP_PROBE_TRACER_PARTS_H
#define HEAPTAP_PROBE_TRACER_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <heaptap/event.h>
#include <heaptap/keys.h>

#include "probe/link.h"
#include "probe/tracer.h"
#include "heaptap.skel.h"

struct tracer {
	struct heaptap_bpf *skel;
	enum link_kind kind;
	const char *mapping_hook;
	bool is_spy;
	bool multi_pid_is_thread; /* uprobe.multi's pid filter matches one thread only */
	struct file_links **files;
	size_t file_cnt, file_cap;
	struct disposal *disposal;
	struct file_links *trial;      /* of the kind of link, until there is a disposal */
	pthread_mutex_t settings_lock; /* of the next */
	size_t settings_cnt;	       /* threads that set a file's rows */
	pthread_cond_t settings_done;
	FILE *log;
	char *log_text;
	size_t log_sz;
};

/* Loads the programs, with the best kind of link that works or the one that is asked for. */
int tracer__load(struct tracer *tracer, const struct tracer_config *config);
/* What is attached to a file's functions. */
struct link_programs tracer__programs(const struct tracer *tracer);
/* Until no thread of tracer__set_rows is at work. */
void tracer__wait_for_rows(struct tracer *tracer);

#endif
