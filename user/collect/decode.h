/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the ring's bytes to records that can be trusted to be whole. */
#ifndef HEAPTAP_COLLECT_DECODE_H
#define HEAPTAP_COLLECT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <heaptap/event.h>
#include "symbol/module.h"

/* The record, if `sz` bytes hold all that its kind and its own counts promise; else NULL. The
 * pointer is into data. */
const struct event *decode__event(const void *data, size_t sz);

/* A file event's path as one string ("/usr/lib/libc.so.6"), into buf: false if it is malformed or
 * does not fit. */
bool decode__path(const struct file_event *record, char *buf, size_t buf_sz);

static inline struct file_id file_event__id(const struct file_event *record)
{
	return (struct file_id){
		.inode = record->inode, .dev = record->dev, .generation = record->generation};
}

#endif
