/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ingesting from inside: records of a process's life (ingest_life.c), for ingest.c only. */
#ifndef HEAPTAP_COLLECT_INGEST_PARTS_H
#define HEAPTAP_COLLECT_INGEST_PARTS_H

#include "collect/ingest.h"

void ingest__fork(struct ingest *ingest, const struct fork_event *record);
void ingest__exec(struct ingest *ingest, const struct exec_event *record);
void ingest__exit(struct ingest *ingest, const struct exit_event *record);
void ingest__thread_exit(struct ingest *ingest, const struct event *record);

#endif
