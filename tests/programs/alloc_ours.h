/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What alloc_ours.c offers besides the allocator functions: moments at which a test may step in. */
#ifndef HEAPTAP_TEST_ALLOC_OURS_H
#define HEAPTAP_TEST_ALLOC_OURS_H

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_ours_moment {
	/* in malloc or operator new, before anything is done: the hook may leave malloc by longjmp,
	 * and operator new by an exception */
	ALLOC_OURS_ENTERED,
	ALLOC_OURS_FREED, /* in free: the address may be given out again, free will return */
	ALLOC_OURS_REALLOC_MOVED, /* in realloc: the old address may be given out again */
	ALLOC_OURS_MOMENT_CNT,
};

/* The next time the moment comes, in any thread, hook(arg) is called, once. */
void alloc_ours_next(enum alloc_ours_moment moment, void (*hook)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif
