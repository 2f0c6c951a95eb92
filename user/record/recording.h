/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads a recording (format.h), which may be truncated, damaged or made by an enemy. */
#ifndef HEAPTAP_RECORD_RECORDING_H
#define HEAPTAP_RECORD_RECORDING_H

#include "record/snapshot.h"

struct recording;

/* 0; -EBADMSG: no recording; -EPROTONOSUPPORT: of a version that this heaptap does not know; or
 * another -errno. */
int recording__open(const char *path, struct recording **ret_recording);
void recording__close(struct recording *recording); /* takes NULL */

size_t recording__cnt(const struct recording *recording); /* snapshots */
/* What is wrong after the last snapshot, for people; NULL: nothing. */
const char *recording__damage(const struct recording *recording);

/* Snapshot i, from 0: recorded__free. 0; -EBADMSG: it is damaged; -EFBIG: it is too large; or
 * another -errno. */
int recording__read(const struct recording *recording, size_t i, struct recorded **ret_recorded);

#endif
