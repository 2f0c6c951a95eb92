/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes a recording (format.h). All errors are -errno. */
#ifndef HEAPTAP_RECORD_RECORDER_H
#define HEAPTAP_RECORD_RECORDER_H

#include "report/summary.h"

struct recorder;

/*
 * Puts a new file in the place of one that is there, whose mode it takes. max_sz: bytes that it may
 * have, 0 for no bound. When it would have more, the oldest snapshots are dropped, so that the others
 * take half of that at most: a new file with these takes the old one's place. One that is being read
 * then stays whole for its reader.
 */
int recorder__open(const char *path, uint64_t max_sz, struct recorder **ret_recorder);
/* Appends a snapshot. After an error the file is as it was, and a later one can succeed. */
int recorder__append(struct recorder *recorder, const struct summary *summary);
/* Takes NULL. Waits until all is on the disk. */
int recorder__close(struct recorder *recorder);

#endif
