/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is given back to the kernel while tracing goes on. For each link and each file's rows it
 * keeps the caller waiting until all probes under way have ended, some 10 to 50 ms: so a thread
 * does it.
 */
#ifndef HEAPTAP_PROBE_DISPOSAL_H
#define HEAPTAP_PROBE_DISPOSAL_H

#include <stdint.h>

struct disposal;
struct file_links;

/* rows_fd: the map of unwind rows by file number (borrowed). NULL without memory. */
struct disposal *disposal__new(int rows_fd);
/* Waits until all is done. */
void disposal__free(struct disposal *disposal);

/* Detaches the links, which are the disposal's now. */
void disposal__links(struct disposal *disposal, struct file_links *links);
/* Takes the file's rows out. */
void disposal__rows(struct disposal *disposal, uint32_t number);

#endif
