/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a reader reads, record by record. A reader that is slow keeps the writer waiting (then the
 * kernel's ring fills, and losses are counted there); one that takes nothing for a second after the
 * end was asked for is given up, and what it did not get is counted.
 */
#ifndef HEAPTAP_SPY_FEED_H
#define HEAPTAP_SPY_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct feed;

/* Writes to fd, which stays the caller's. is_ending: has somebody asked for the end? NULL without
 * memory. */
struct feed *feed__new(int fd, bool (*is_ending)(void *arg), void *arg);
void feed__free(struct feed *feed); /* what was not flushed is dropped; takes NULL */

/* Adds a record; may wait for the reader. 0, or the -errno of writing, which stays: nothing is
 * written after it. */
int feed__put(struct feed *feed, const char *text, size_t sz);
int feed__flush(struct feed *feed);

/* Records that the reader did not get whole. */
uint64_t feed__unwritten(const struct feed *feed);

#endif
