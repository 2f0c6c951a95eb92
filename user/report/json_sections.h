/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sections as the JSON form of a summary has them. */
#ifndef HEAPTAP_REPORT_JSON_SECTIONS_H
#define HEAPTAP_REPORT_JSON_SECTIONS_H

#include "report/output.h"
#include "report/summary.h"

/* ,"sections":[ … ] */
void json_sections__put(struct output *out, const struct summary_process *process);

#endif
