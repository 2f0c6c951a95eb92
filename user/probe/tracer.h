/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side, loaded: programs, maps and knobs behind one handle.
 *
 *   tracer__new (what to trace) ─► loaded, nothing attached ─► tracer__attach_file … ─►
 * tracer__free
 *
 * fork, exec and exit are followed from tracer__new on.
 */
#ifndef HEAPTAP_PROBE_TRACER_H
#define HEAPTAP_PROBE_TRACER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include <heaptap/unwind.h>
#include "probe/link.h"

/* How call stacks are taken. */
enum stack_mode {
	STACK_AUTO,  /* by call frame information, by frame pointers where a file has none */
	STACK_DWARF, /* by call frame information alone */
	STACK_FP,    /* by frame pointers alone (bpf_get_stack) */
	STACK_NONE,  /* only which allocator function it was */
};

/* What the spy tells (bpf/spy.bpf.h). */
struct spy_config {
	bool enters; /* calls at their entry, too */
	bool stacks;
	pid_t tid;  /* of this thread only; 0: any */
	bool sizes; /* only calls that ask for size_min to size_max bytes */
	uint64_t size_min, size_max;
	uint64_t slower_ns; /* only calls that took so long */
};

struct tracer_config {
	enum link_kind link;  /* LINK_AUTO: the best that works */
	uint64_t ring_sz;     /* bytes; a power of two, and pages */
	enum stack_mode stack_mode;
	uint32_t
		sample_bytes; /* between sampled bytes, on the average; 0: every block is told of */
	pid_t helper;	       /* a process of heaptap's own, with its children: never traced */
	bool targets_only;    /* only processes given to tracer__add_target */
	bool follow_children; /* and their children */
	bool filter_uid;
	uid_t uid;
	const char *comm;   /* NULL: any */
	const char *cgroup; /* path of a cgroup's folder; NULL: any */
	bool stops;	    /* allocations are numbered, for tracer__stop_at */
	bool stop_when;	    /* with stops: new stacks are to be judged, POINT_JUDGE */
	bool holds_exits;   /* processes wait at their end, POINT_EXIT */
	uint64_t stop_at;   /* each process is stopped in its allocation of this number; 0: in none */
	bool ranges;	    /* what programs map themselves is told, too */
	bool filter_exe;    /* only programs given to tracer__add_exe */
	bool points;	    /* SITE_POINT sites will be attached */
	bool check;	    /* frees come with their stacks: checked_free_event */
	const struct spy_config
		*spy; /* the spy's programs instead of those of the books; or NULL */
};

struct tracer;

/*
 * Loads the kernel side. 0, or -errno: -EPERM (capabilities), -ENOENT (the kernel has no BTF),
 * -EOPNOTSUPP (no kind of link works), others as the kernel says. On failure ret_log, if not NULL,
 * is what libbpf and the verifier said (free()).
 */
int tracer__new(const struct tracer_config *config, struct tracer **ret_tracer, char **ret_log);
void tracer__free(struct tracer *tracer);

/* Nothing is traced any more; what was recorded can still be read. */
void tracer__detach(struct tracer *tracer);

enum link_kind tracer__link_kind(const struct tracer *tracer);
/* How it follows what processes map: "fentry", "system calls", or NULL: not at all, so code that is
 * loaded at addresses where other code was may be unwound wrongly. */
const char *tracer__mapping_hook(const struct tracer *tracer);
int tracer__ring_fd(const struct tracer *tracer);
int tracer__new_files_fd(const struct tracer *tracer); /* a ring of file events alone */
int tracer__add_target(struct tracer *tracer, pid_t tgid);
/* False: it is not traced, and does not become so by itself. */
bool tracer__is_target(const struct tracer *tracer, pid_t tgid);
int tracer__add_exe(struct tracer *tracer, uint32_t dev, uint64_t inode);

/* Gives a file a number in stack frames, before the kernel side would. generation 0: any. */
int tracer__number_file(struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation,
	uint32_t *ret_number);
/* Puts unwind rows into a map of their own: its fd, to be closed by the caller, or -errno. */
int tracer__load_rows(struct tracer *tracer, const struct unwind_row *rows, size_t row_cnt);
/* Who the file is to the kernel, which probes it: *ret_dev, *ret_inode. 0 or -errno. */
int tracer__identify(struct tracer *tracer, int fd, uint32_t *ret_dev, uint64_t *ret_inode);
/* Unwinds through the file of this number by these rows; from about now on: the kernel would keep the
 * caller for some 10 ms (it waits for programs that use the old value), so a thread does it. Probes that
 * are attached later see it. */
int tracer__set_rows(struct tracer *tracer, uint32_t number, int rows_fd);
/* The kernel side does not know the file by this number any more, and gives it another when it meets it
 * again; what it remembers of addresses still leads to this one, and its rows stay. */
void tracer__unlist_number(struct tracer *tracer, uint32_t dev, uint64_t inode, uint32_t generation,
	uint32_t number);
/* The number, unlisted before, stands for no file any more: its rows are dropped, from about now on. */
void tracer__forget_number(struct tracer *tracer, uint32_t number);

/* What the kernel side remembers of addresses is asked anew. */
void tracer__end_epoch(struct tracer *tracer);

/* Can a file be probed for one process only? uprobe.multi could not before 6.10. */
bool tracer__probes_by_process(const struct tracer *tracer);
/* As file_links__attach, with the tracer's programs; what is attached is detached by tracer__free, or
 * (from about now on) by tracer__detach_file. */
int tracer__attach_file(struct tracer *tracer, int fd, const struct probe_sites *sites, pid_t pid,
	struct file_links **ret_links);
void tracer__detach_file(struct tracer *tracer, struct file_links *links);

/* What the kernel side counted for an image (all zero if nothing), and forgetting it. */
void tracer__counters(
	const struct tracer *tracer, pid_t tgid, uint32_t image, struct counters *ret_counters);
void tracer__forget_image(struct tracer *tracer, pid_t tgid, uint32_t image);
/* A sampled block of an image that has ended: its free will not come. */
void tracer__forget_block(struct tracer *tracer, pid_t tgid, uint32_t image, uint64_t addr);
/* With tracer_config.stops: the processes, or the one of this tgid (0: all), are stopped in their
 * allocation of this number, instead of the one before; 0: in none. */
void tracer__stop_at(struct tracer *tracer, uint64_t number, pid_t tgid);
/* Answers who waits at a point: for a stack, or an EXIT_QUESTION. -EEXIST: it has been answered,
 * or does not wait any more (ANSWER_LATE). */
int tracer__answer(struct tracer *tracer, uint64_t question, enum answer answer);
/* Only one stop is made by answers: true if it is the caller's to be made. */
bool tracer__claim_stop(struct tracer *tracer);
/* The number of the image's last allocation; 0: none yet. */
uint64_t tracer__alloc_number(const struct tracer *tracer, pid_t tgid, uint32_t image);
/* What the spy's programs could not tell of, so far. */
struct spy_losses tracer__spy_losses(const struct tracer *tracer);
/* Each image that something was counted for, and that is not forgotten. */
void tracer__each_counters(const struct tracer *tracer,
	void (*visit)(pid_t tgid, uint32_t image, const struct counters *counters, void *arg),
	void *arg);
/* What could not be counted for one image. */
const struct counters *tracer__stray_counters(const struct tracer *tracer);

#endif
