/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef HEAPTAP_REPORT_GZIP_H
#define HEAPTAP_REPORT_GZIP_H

#include "report/output.h"

/* Writes the bytes as a gzip file (RFC 1952), without a name or time in its head: the same bytes
 * give the same file. */
void gzip__put(struct output *out, const uint8_t *bytes, size_t sz);

#endif
