/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From records to the books: finds the process {tgid, image} that a record belongs to, and applies
 * it. Pure of BPF: a recorded stream can be ingested as well.
 */
#ifndef HEAPTAP_COLLECT_INGEST_H
#define HEAPTAP_COLLECT_INGEST_H

#include <stdint.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "heap/heap.h"
#include "symbol/files.h"
#include "symbol/module.h"

/* Who wants to know of a process's turns. Any may be NULL. */
struct ingest_hooks {
	void (*on_begin)(void *arg, struct process *process); /* its books were opened */
	void (*on_end)(void *arg, struct process *process);   /* it does not run any more */
	/* An image that had no books of its own, but the owner's (vfork), has ended. */
	void (*on_guest_end)(void *arg, struct process *owner, pid_t tgid, uint32_t image);
	/* The kernel side has given a file, which the record's image executes, a number. */
	void (*on_file)(void *arg, struct module *module, const struct file_event *record);
	/* A thread of the process has come to a point. */
	void (*on_point)(void *arg, struct process *process, const struct point_event *record);
	/* A spied call of the process begins or ends. */
	void (*on_spied)(void *arg, struct process *process, const struct spy_event *record);
	/* What the kernel side has lost of an image is to be noted in these books: its own, or
	 * (vfork) its parent's. */
	void (*note_losses)(void *arg, struct process *process, pid_t tgid, uint32_t image);
	/* How many of its calls the kernel side has seen left without a return. */
	uint64_t (*left_calls)(void *arg, pid_t tgid, uint32_t image);
	void *arg;
};

struct ingest {
	struct heap *heap; /* all borrowed */
	struct modules *modules;
	struct files *files;
	struct ingest_hooks hooks;
	bool tells_silent;    /* open books also for a process that is first heard of at its end */
	uint64_t received;    /* records */
	uint64_t malformed;   /* of them, such that could not be understood */
	uint64_t no_memory;   /* of them, such that found no room in the books */
	/* Set by a hook: nothing more goes into the books until it is cleared, as somebody wants to
	 * see them as they are behind this record. */
	bool is_halted;
	struct process *last; /* the last record's process: most often the next one's too */
	pid_t last_tgid;
	uint32_t last_image;
};

/* What the collector keeps with a process (process_info.user). */
struct traced {
	uint64_t received;    /* records of this process */
	uint64_t shown_bytes; /* outstanding at the last summary */
	uint64_t shown_blocks;
	uint64_t shown_mapped_bytes;
	uint64_t began_ns;	  /* this image, CLOCK_MONOTONIC; 0: before tracing did */
	uint64_t explained_frees; /* of unknown addresses, that came from calls which were left */
	bool late_probes; /* an allocator of it was probed after it could have been called */
	bool is_gone;	  /* there was no such process when it was last looked for it */
	bool unprobed;	  /* one that it may have could not be probed */
	/* The image that its memory began with: in its name the kernel side keeps sampled blocks,
	 * also for those that it shares its memory with, and for who goes on in it
	 * (bpf/sample.bpf.h). */
	pid_t memory_tgid;
	uint32_t memory_image;
	bool has_heir;		/* somebody goes on in its memory */
	void *exit_contents;	/* of its blocks at its end: one piece of memory, freed with this */
	struct counters guests; /* what was counted of those that ran in its memory, and ended */
};
struct traced *traced__of(struct process *process);

void ingest__record(struct ingest *ingest, const void *data, size_t sz);
/* Some records before one about the block at addr: brings the memory near that it will look at. */
void ingest__prefetch(const struct ingest *ingest, const struct event *event, uint64_t addr);

/* Opens the books of a process that runs already; what /proc says of it is noted. NULL: no memory.
 */
struct process *ingest__begin(struct ingest *ingest, pid_t tgid, uint32_t image);
/* Opens the books of an image of which nothing was received but that something was lost; it seems
 * to run. NULL: no memory. */
struct process *ingest__begin_unseen(struct ingest *ingest, pid_t tgid, uint32_t image);
/* The process is gone, and the record of its end was lost. */
void ingest__vanish(struct ingest *ingest, struct process *process, uint64_t time_ns);
void ingest__forget(struct ingest *ingest, struct process *process);

#endif
