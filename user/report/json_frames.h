/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A stack's frames as the JSON forms of a summary and of a difference have them. */
#ifndef HEAPTAP_REPORT_JSON_FRAMES_H
#define HEAPTAP_REPORT_JSON_FRAMES_H

#include "report/json_fields.h"
#include "report/summary.h"

/* "frames": [ … ] */
void json_frames__add(struct fields *fields, const struct summary_stack *stack);

/* "complete": …, "end": …, "frames": [ … ] */
void json_frames__add_path(struct fields *fields, const struct summary_stack *stack);

#endif
