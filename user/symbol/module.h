/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files that targets execute. A module is opened when it is first seen and held open, so that
 * a file that is deleted, replaced or in a container that ends still gives its names later.
 *
 *   {dev, inode} ──► module ──► fd, build ID, load segments (file offset ──► address in the file)
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
	char *path;    /* as the target sees it; the name shown */
	int fd;	       /* -1: it could not be opened; `error` says why */
	int error;     /* -errno of opening or of reading it as an ELF file; 0: fine */
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

/*
 * The module of {dev, inode}, opened as `path` in the root of process `pid` (/proc/PID/root), then
 * in heaptap's own; pid 0: only in heaptap's own. What opens is compared by inode: another file
 * there sets `replaced`. Owned by `modules`. NULL only without memory; look at fd and error.
 */
struct module *modules__add(
	struct modules *modules, uint32_t dev, uint64_t inode, const char *path, pid_t pid);

/* The same for a file that is open already (the fd is dup'ed). */
struct module *modules__add_fd(struct modules *modules, int fd, const char *path);

struct module *modules__find(struct modules *modules, uint32_t dev, uint64_t inode);

/*
 * What the kernel calls the file: its own device number and inode, as they stand in /proc/PID/maps.
 * On overlayfs and btrfs stat(2) tells others. False: fd is no open file.
 */
bool module__identify(int fd, uint32_t *ret_dev, uint64_t *ret_inode);

/* A file offset as the file's own address (what addr2line takes): false where no segment has it. */
bool module__address(const struct module *module, uint64_t file_offset, uint64_t *ret_address);

#endif
