/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes the ring's records to the books. While the books must rest (a summary is being made), the
 * records are taken out of the ring all the same, and kept aside until they may go in.
 */
#ifndef HEAPTAP_COLLECT_COLLECTOR_H
#define HEAPTAP_COLLECT_COLLECTOR_H

#include "collect/ingest.h"

struct collector;

/* Reads the ring at ring_fd into `ingest` (borrowed). NULL with errno. */
struct collector *collector__new(int ring_fd, struct ingest *ingest);
void collector__free(struct collector *collector);

/* Readable when the ring is filling. */
int collector__fd(const struct collector *collector);

/* Ingests what is in the ring now, but no more than a bounded number of records, and none while the
 * ingest is halted: false if there may be more. Not to be called from a hook of the ingest. */
bool collector__drain(struct collector *collector);

/* Between these two nothing is ingested; a thread keeps records aside, 256 MiB of them at most:
 * what comes after that is lost when the ring is full, and counted. What was kept goes in at the
 * resume, or (if that halts the ingest) at the next drains. */
void collector__pause(struct collector *collector);
void collector__resume(struct collector *collector);

#endif
