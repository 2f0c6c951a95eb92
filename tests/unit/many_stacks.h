/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A summary of very many different stacks, as a large service has them: callers branch by the bits
 * of the stack's number. A unit test is one file, so these functions are in a header. */
#ifndef HEAPTAP_TESTS_MANY_STACKS_H
#define HEAPTAP_TESTS_MANY_STACKS_H

#include <stdio.h>
#include <stdlib.h>
#include "report/summary.h"

enum { MANY_DEPTH = 6, MANY_BRANCHES = 10, MANY_STACKS = 100000, MANY_UNDER_VALGRIND = 1000 };

struct many_stacks {
	size_t cnt;
	struct summary summary;
	struct summary_process process;
	char names[MANY_DEPTH][MANY_BRANCHES][64];
	struct summary_stack *stacks;
	struct summary_frame *frames;
};

static inline struct many_stacks *many_stacks__new(void)
{
	struct many_stacks *many = calloc(1, sizeof(*many));

	many->cnt = getenv("UNDER") ? MANY_UNDER_VALGRIND : MANY_STACKS; /* tests/unit/run */
	many->stacks = calloc(many->cnt, sizeof(*many->stacks));
	many->frames = calloc(many->cnt * MANY_DEPTH, sizeof(*many->frames));
	for (size_t i = 0; i < MANY_DEPTH * MANY_BRANCHES; i++)
		snprintf(many->names[i / MANY_BRANCHES][i % MANY_BRANCHES], 64,
			"ns::level_%zu::branch_%zu(int, char*)", i / MANY_BRANCHES,
			i % MANY_BRANCHES);
	for (size_t i = 0, number = 0; i < many->cnt * (size_t)MANY_DEPTH; i++) {
		size_t depth = i % MANY_DEPTH, branch;

		number = depth ? number / MANY_BRANCHES : i / MANY_DEPTH;
		branch = number % MANY_BRANCHES;
		many->frames[i] = (struct summary_frame){
			.address = 0x555500000000 + depth * 256 + branch * 16,
			.function = many->names[depth][branch],
			.file = "/src/many.cc",
			.line = depth + 1,
			.module = "/opt/many",
			.build_id = "00112233",
			.module_offset = 0x1000 + depth * 256 + branch * 16};
	}
	for (size_t i = 0; i < many->cnt; i++)
		many->stacks[i] = (struct summary_stack){.outstanding_bytes = 16 * (i + 1),
			.outstanding_blocks = 1,
			.allocs = 2,
			.frees = 1,
			.bytes_allocated = 32 * (i + 1),
			.complete = true,
			.id = i + 1,
			.frames = &many->frames[i * MANY_DEPTH],
			.frame_cnt = MANY_DEPTH};
	many->process = (struct summary_process){.info = {.tgid = 7, .comm = "many"},
		.complete = true,
		.totals = {.outstanding_blocks = many->cnt,
			.outstanding_bytes = 8ull * many->cnt * (many->cnt + 1)},
		.stacks = many->stacks,
		.stack_cnt = many->cnt,
		.stacks_total = many->cnt};
	many->summary = (struct summary){.kind = SUMMARY_FINAL,
		.uptime_s = 3,
		.processes = &many->process,
		.process_cnt = 1};
	return many;
}

static inline void many_stacks__free(struct many_stacks *many)
{
	free(many->stacks);
	free(many->frames);
	free(many);
}

#endif
