/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tokens of ld.so(8), "Dynamic string tokens": $ORIGIN, $LIB, $PLATFORM, with or without {}. */
#ifndef HEAPTAP_PROBE_EXPAND_H
#define HEAPTAP_PROBE_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

/* What $LIB may stand for (Debian, Fedora and others, Arch); NULL ends it. */
extern const char *const library_directory_names[];

/* Whether $LIB is in it, so that there are several expansions. */
bool expand__has_lib(const char *text, size_t text_sz);

/* False: it does not fit. `origin` is the directory of the object that the text came from. */
bool expand__tokens(const char *text, size_t text_sz, const char *origin, const char *lib,
	char *buf, size_t buf_sz);

#endif
