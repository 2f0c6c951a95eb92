/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files that targets execute. A module is opened when it is first seen and held open, so that
 * a file that is deleted, replaced or in a container that ends still gives its names later.
 *
 *   {dev, inode, generation} ──► module ──► fd, build ID, load segments (file offset ──► address)
 *
 * An inode number is used again when its file is gone, with another generation. That of a file that
 * is held open is not: so a generation that is not known (0) only matters while the file is not
 * open.
 *
 * Every byte of such a file is hostile.
 */
#ifndef HEAPTAP_SYMBOL_MODULE_H
#define HEAPTAP_SYMBOL_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BUILD_ID_MAX 64 /* bytes kept of a build ID; the field's are 16 to 20 */

struct module_segment { /* one PT_LOAD */
	uint64_t file_offset;
	uint64_t address;
	uint64_t file_sz;
};

struct module {
	uint32_t dev; /* major << 20 | minor, as the kernel has it (not as stat(2) does) */
	uint64_t inode;
	uint32_t generation; /* of the inode; 0: not known, as not every file system tells */
	char *path;	     /* as the target sees it; the name shown */
	int fd;		     /* -1: it could not be opened; `error` says why */
	int error;	     /* -errno of opening or of reading it as an ELF file; 0: fine */
	bool is_pinned;	     /* never to be forgotten */
	bool is_seen;	     /* mentioned since it was last looked at whether it can be forgotten */
	bool is_condemned;   /* it was not, the time before: the next time it goes, */
	bool is_forgotten;   /* now */
	bool replaced; /* the path leads to another file by now: no names are taken from that one */
	char build_id[2 * BUILD_ID_MAX + 1]; /* lower-case hex; "": none */
	struct module_segment *segments;
	size_t segment_cnt;
	uint16_t machine;  /* EM_X86_64 … ; 0: not an ELF file */
	uint8_t elf_class; /* ELFCLASS64 … */
};

struct modules; /* all that were seen */

struct modules *modules__new(void);
void modules__free(struct modules *modules);

/* What the kernel knows a file by. generation 0: any. */
struct file_id {
	uint64_t inode;
	uint32_t dev, generation;
};

/*
 * The module of a file, opened as `path` in the root of process `pid` (/proc/PID/root), then in
 * heaptap's own; pid 0: only in heaptap's own. What opens is compared by inode and generation:
 * another file there sets `replaced`. Owned by `modules`. NULL only without memory; look at fd and
 * error.
 */
struct module *modules__add(
	struct modules *modules, struct file_id id, const char *path, pid_t pid);

/* The same for a file that is open already (the fd is dup'ed). */
struct module *modules__add_fd(struct modules *modules, int fd, const char *path);

struct module *modules__find(struct modules *modules, struct file_id id); /* NULL: not known */
size_t modules__cnt(const struct modules *modules);

/* A file of this inode number is executed at present: sets is_seen of those that are known. (On
 * overlayfs a process's list of mappings has another device than the kernel side.) */
void modules__see(struct modules *modules, uint64_t inode);

/* Shows each to `goes`. One for which it says true is closed and forgotten: nobody may refer to it.
 */
void modules__filter(
	struct modules *modules, bool (*goes)(struct module *module, void *arg), void *arg);

/*
 * What the kernel calls the file: its own device number and inode, as they stand in /proc/PID/maps.
 * On overlayfs and btrfs stat(2) tells others. False: fd is no open file.
 */
bool module__identify(int fd, uint32_t *ret_dev, uint64_t *ret_inode);

/* A file offset as the file's own address (what addr2line takes): false where no segment has it. */
bool module__address(const struct module *module, uint64_t file_offset, uint64_t *ret_address);

#endif
