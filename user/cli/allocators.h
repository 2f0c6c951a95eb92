/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* --allocators: files of declarations, or presets by name. */
#ifndef HEAPTAP_CLI_ALLOCATORS_H
#define HEAPTAP_CLI_ALLOCATORS_H

#include "cli/options.h"

/* Fills the table of allocator functions as the options say, and adds their rules of kinds to the
 * options. 0, or an exit code after saying what is wrong. */
int allocators__load(struct options *options);

#endif
