/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The objects of one program to be: its file, then those that are found for it, in the order in
 * which the dynamic linker would map them; and the search itself, by the rules of ld.so(8) or of
 * musl.
 *
 *   glibc: DT_RPATH of the object that needs it and of those that loaded that one; LD_LIBRARY_PATH;
 *          its DT_RUNPATH; /etc/ld.so.cache; the system's directories
 *   musl:  LD_LIBRARY_PATH; DT_RUNPATH or DT_RPATH, also of those that loaded the object; the
 *          directories in /etc/ld-musl-x86_64.path, or /lib, /usr/local/lib, /usr/lib
 *
 * Variants for newer processors (glibc-hwcaps/) are added beside the plain library, never instead
 * of it: which of them is mapped depends on the processor, and probes in a file that nobody maps
 * cost nothing. Paths are canonical, as in /proc/PID/maps.
 */
#ifndef HEAPTAP_PROBE_OBJECTS_H
#define HEAPTAP_PROBE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probe/dynamic.h"
#include "probe/ldcache.h"

#define NO_LOADER SIZE_MAX

struct object {
	char *path;    /* canonical */
	char *origin;  /* its directory */
	size_t loader; /* the index of the object that needed it first, or NO_LOADER */
	dev_t dev;
	ino_t ino;
	struct dynamic dynamic;
};

struct objects {
	struct object *objects;
	size_t cnt;
	const char *library_path; /* LD_LIBRARY_PATH, or NULL */
	bool is_musl;
	char *musl_directories;
	struct ldcache cache; /* empty: there is none */
};

void objects__destroy(struct objects *objects);

/* Adds the object of a file unless it is there: 1, 0 (it is no x86-64 object), or -ENOMEM. */
int objects__add_file(struct objects *objects, const char *path, size_t loader);

/* Finds and adds what an object names: 1, 0 (not found), or -ENOMEM. */
int objects__add_library(struct objects *objects, const char *name, size_t loader);

/* Loads what the search needs, as the program's interpreter tells: the cache, or musl's path. */
void objects__prepare_search(struct objects *objects, const char *interpreter);

#endif
