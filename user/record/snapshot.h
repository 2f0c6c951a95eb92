/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A summary as the message of a recording, and back. Pure: no I/O. */
#ifndef HEAPTAP_RECORD_SNAPSHOT_H
#define HEAPTAP_RECORD_SNAPSHOT_H

#include "report/summary.h"
#include "util/protobuf.h"

/* Adds the message to `ret_message`. 0 or -ENOMEM. */
int recorded__encode(const struct summary *summary, struct protobuf *ret_message);

/* A summary that owns its strings and arrays; equal stacks share their frames. */
struct recorded;

/*
 * Takes any bytes. 0; -EBADMSG: they are no snapshot; -EFBIG: it would take more than memory_max
 * bytes; -ENOMEM. The bytes are not needed afterwards.
 */
int recorded__decode(
	const uint8_t *bytes, size_t sz, uint64_t memory_max, struct recorded **ret_recorded);
const struct summary *recorded__summary(const struct recorded *recorded);
void recorded__free(struct recorded *recorded);

#endif
