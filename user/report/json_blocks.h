/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kinds of blocks, and blocks one by one, in the JSON form of a process. */
#ifndef HEAPTAP_REPORT_JSON_BLOCKS_H
#define HEAPTAP_REPORT_JSON_BLOCKS_H

#include "report/json_fields.h"
#include "report/summary.h"

/* "kinds": { … } */
void json_kinds__add(struct fields *fields, const struct summary_process *process);
/* The listed blocks as the elements of an array. */
void json_blocks__put(struct output *out, const struct summary_process *process);

#endif
