/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions of the targets' own where somebody waits for a thread (--checkpoint-at, --section).
 * They are looked for by their symbols, also local ones, in every file that is probed; a name that
 * stands for several functions is each of them. C++, Rust and D functions go by their name without
 * arguments, with or without their scope, or by the symbol itself.
 *
 * Probed is a function's first instruction: to prove another one sound would be dearer than to have
 * some stepped. Of a section all places where it returns are probed, too (exits.h).
 */
#ifndef HEAPTAP_PROBE_POINTS_H
#define HEAPTAP_PROBE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "probe/scan.h"

#define PLACES_MAX 64
#define PLACE_NAME_MAX 255 /* bytes of a function's name */

struct point_place {
	enum point point; /* POINT_CHECKPOINT or POINT_SECTION_ENTER */
	char function[PLACE_NAME_MAX + 1];
	char *file;    /* own; NULL: any; with a slash: a resolved path, else the last part of one,
			 perhaps without a version */
	bool was_met;  /* a file that it is to be in */
	bool is_found; /* in one of these */
	char meant[PLACE_NAME_MAX + 1]; /* a name there that is near; "": none */
	size_t distance;		/* of that */
	const char *problem;		/* why a section's returns cannot be told; NULL: they can */
};

struct points {
	struct point_place places[PLACES_MAX];
	size_t cnt;
};

/* Adds FUNCTION[@FILE]. 0, -EINVAL, -ENOENT (there is no such path), -E2BIG or -ENOMEM. */
int points__add(struct points *points, enum point point, const char *text);
bool points__has_sections(const struct points *points);
void points__destroy(struct points *points);

/* Finds the sites of one file, by the path that its processes know it by. 0, also without any, or
 * -errno as probe_sites__scan. */
int points__scan(struct points *points, int fd, const char *path, struct probe_sites *ret_sites);

#endif
