/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process's books keep for checks: of check.c, and (its life) process.c. */
#ifndef HEAPTAP_HEAP_CHECK_BOOKS_H
#define HEAPTAP_HEAP_CHECK_BOOKS_H

#include "heap/check.h"
#include "heap/freed.h"

struct noted_finding { /* struct finding, with sites by their numbers */
	enum finding_kind kind;
	uint32_t free, first_free, allocation;
	uint64_t count, addr, size, offset;
};

struct check {
	struct freed_blocks freed;
	struct noted_finding *findings; /* FINDINGS_MAX; NULL: none */
	size_t finding_cnt;
	uint64_t left_out;
	uint64_t since_ns; /* families are known of blocks that were allocated after this */
};

void check__free(struct check *check); /* NULL too */
/* For a fork's child, without the findings: those are the parent's. NULL: *ret_copy stays as it is. 0
 * or -ENOMEM. */
int check__copy(const struct check *check, struct check **ret_copy);
size_t check__memory(const struct check *check);

#endif
