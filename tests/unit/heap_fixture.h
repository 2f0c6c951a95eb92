/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Books with one process in them, for each test: set_up, tear_down. */
#ifndef HEAP_FIXTURE_H
#define HEAP_FIXTURE_H

#include <stdlib.h>
#include "heap/heap.h"

#define MAIN_TID 100
#define OTHER_TID 101
#define SEC 1000000000ULL

struct fixture {
	struct heap *heap;
	struct process *process;
};

#define PROCESS(state) (((struct fixture *)*(state))->process)
#define SCENARIO(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
