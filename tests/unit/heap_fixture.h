/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Books with one process in them, for each test: set_up, tear_down. */
#ifndef HEAP_FIXTURE_H
#define HEAP_FIXTURE_H

#include <stdlib.h>
#include "heap/heap.h"

#define MAIN_TID 100
#define OTHER_TID 101

struct fixture {
	struct heap *heap;
	struct process *process;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->heap = heap__new();
	f->process = heap__begin(f->heap, MAIN_TID, 7);
	*state = f;
	return f->process ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	heap__free(f->heap);
	free(f);
	return 0;
}

#endif
