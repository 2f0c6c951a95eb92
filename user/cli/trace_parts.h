/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of a trace share among themselves. */
#ifndef HEAPTAP_CLI_TRACE_PARTS_H
#define HEAPTAP_CLI_TRACE_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct control_answer;
struct event;
struct module;
struct point_event;
struct process;
struct stop;
struct trace;

#define PIDFD_BIT (1ull << 32) /* in epoll's data: a pidfd; the lower half is the pid */

/* 0 or -errno. A pidfd is told of once: it stays readable for good. */
int trace__epoll_add(struct trace *trace, int fd, uint64_t data);

/* A file's allocator has just been probed (targets__tell_attached): late for all that have it mapped. */
void trace__mark_late(void *arg, const struct module *module);

/* The image's books are open: it gets the marks that were given before. */
void trace__take_marks(struct trace *trace, struct process *process);

/* What the kernel side counted of all images; and of this one, and of who ran in its memory. */
struct counters trace__all_counters(const struct trace *trace);
struct counters trace__counters_of(const struct trace *trace, struct process *process);
/* The image is gone: what was counted of it is in the sums alone; or also in the owner's, in whose
 * memory it ran. */
void trace__forget_counters(struct trace *trace, pid_t tgid, uint32_t image);
void trace__forget_guest(struct trace *trace, struct process *owner, pid_t tgid, uint32_t image);

/* Puts right what the books say of processes whose turns were lost, if anything was. */
void trace__find_lost_turns(struct trace *trace);

/* Takes in what is in the ring at this moment. False: more came all the time, and some may be left.
 */
bool trace__drain(struct trace *trace);

/* A step of it: false if there may be more. Takes the checkpoint that it comes to. */
bool trace__drain_some(struct trace *trace);

/* A thread has come to a point (ingest_hooks.on_point); one that was stopped there, or may have to be. */
void trace__note_point(void *arg, struct process *process, const struct point_event *record);
void trace__note_stop(struct trace *trace, const struct point_event *record);
/* Watches the sections' calls in these books, if there are any. 0 or -ENOMEM. */
int trace__start_sections(struct trace *trace, struct process *process);
/* At the end: points whose function did not appear. */
void trace__tell_unmet_points(const struct trace *trace);
/* The process waits at its end, and may go on when what its blocks hold is kept. */
void trace__keep_contents(
	struct trace *trace, struct process *process, const struct event *record);
/* Judges the stacks that threads wait for, or have waited for (--stop-when). */
void trace__put_off(struct trace *trace, const struct stop *stop);
void trace__judge_stacks(struct trace *trace);
/* A process that was sent a SIGSTOP: true when it has stopped; false if it ends instead, or takes long
 * (in a system call that is not interrupted). */
bool trace__await_stop(pid_t tgid);
void trace__add_stop(struct trace *trace, const struct stop *stop);
/* Those that were stopped since; and at the end those that still are. */
void trace__tell_stops(struct trace *trace);
void trace__tell_still_stopped(const struct trace *trace);

/* What is asked from outside (control.h): each fills in the answer. */
void trace__answer_checkpoint(struct trace *trace, const char *name, struct control_answer *answer);
void trace__answer_stop_at(
	struct trace *trace, const char *argument, struct control_answer *answer);
/* Lets itself be asked. */
void trace__open_control(struct trace *trace);

/* Forgets files that nobody needs any more; now and then, and called between summaries. */
void trace__forget_files(struct trace *trace);

/* Are stacks taken by call frame information? */
bool trace__needs_rows(const struct trace *trace);

/* Loads the rows and names of the code that the kernel maps into each process. */
void trace__preload_vdso(struct trace *trace);

/* The kernel side forgets the sampled blocks that a process which has ended did not free. */
void trace__forget_samples(struct trace *trace, struct process *process);

#endif
