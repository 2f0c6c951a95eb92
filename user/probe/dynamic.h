/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an ELF file tells the dynamic linker: its interpreter, names, and search paths. */
#ifndef HEAPTAP_PROBE_DYNAMIC_H
#define HEAPTAP_PROBE_DYNAMIC_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/closure.h"

struct dynamic {
	char *interpreter; /* PT_INTERP, or NULL */
	char *soname;	   /* each of these NULL if there is none */
	char *rpath;	   /* NULL too if there is a runpath, which overrides it */
	char *runpath;
	struct paths needed;  /* in order, without doubles */
	bool no_default_dirs; /* DF_1_NODEFLIB */
};

/* 0, -ENOEXEC (no x86-64 program or library), -EIO, -ENOMEM. */
int dynamic__read(int fd, struct dynamic *ret_dynamic);
void dynamic__destroy(struct dynamic *dynamic);

#endif
