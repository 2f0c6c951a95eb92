/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An allocator of our own, to be linked or preloaded: it has the functions that a C library may
 * lack (cfree, free_sized, free_aligned_sized), calls itself in as many ways as real ones do
 * (calloc calls malloc, realloc calls malloc and free, posix_memalign calls memalign), and can be
 * stopped inside a call (alloc_ours.h), so that races between threads come out the same each time.
 *
 *   arena:  [header|block][header|block] …  → never given back to the system
 *   freed:  last freed first; a block is given out again for exactly the same size and alignment
 *
 * With -DWITH_NEW it also has C++'s operators, which do not go through malloc (as jemalloc's and
 * tcmalloc's). Not for anything but tests: one lock, linear search, no checks.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "alloc_ours.h"

enum { ARENA_SZ = 64 << 20, ALIGNMENT_MIN = 16, PAGE_SZ = 4096 };

struct header {
	size_t sz;
	size_t alignment;
	struct header *next; /* freed blocks */
	size_t padding;
};

struct hook {
	void (*call)(void *arg);
	void *arg;
};

static struct {
	atomic_flag lock;
	size_t used;
	struct header *freed;
	struct hook hooks[ALLOC_OURS_MOMENT_CNT];
	char memory[ARENA_SZ] __attribute__((aligned(PAGE_SZ)));
} arena;

static void arena_lock(void)
{
	while (atomic_flag_test_and_set(&arena.lock))
		;
}

static void arena_unlock(void)
{
	atomic_flag_clear(&arena.lock);
}

void alloc_ours_next(enum alloc_ours_moment moment, void (*call)(void *arg), void *arg)
{
	arena_lock();
	arena.hooks[moment] = (struct hook){call, arg};
	arena_unlock();
}

static void moment_came(enum alloc_ours_moment moment)
{
	struct hook hook;

	arena_lock();
	hook = arena.hooks[moment];
	arena.hooks[moment].call = NULL;
	arena_unlock();
	if (hook.call)
		hook.call(hook.arg);
}

static struct header *find_freed(size_t n, size_t alignment)
{
	for (struct header **at = &arena.freed; *at; at = &(*at)->next) {
		struct header *found = *at;

		if (found->sz == n && found->alignment == alignment) {
			*at = found->next;
			return found;
		}
	}
	return NULL;
}

static struct header *carve(size_t n, size_t alignment)
{
	size_t start = arena.used + sizeof(struct header);
	struct header *header;

	start = (start + alignment - 1) & ~(alignment - 1);
	if (n > ARENA_SZ || start + n > ARENA_SZ)
		return NULL;
	arena.used = start + n;
	arena.used = (arena.used + ALIGNMENT_MIN - 1) & ~(size_t)(ALIGNMENT_MIN - 1);
	header = (struct header *)(void *)&arena.memory[start] - 1;
	header->sz = n;
	header->alignment = alignment;
	return header;
}

static void *take(size_t n, size_t alignment)
{
	struct header *header;

	arena_lock();
	header = find_freed(n, alignment);
	if (!header)
		header = carve(n, alignment);
	arena_unlock();
	if (!header)
		errno = ENOMEM;
	return header ? header + 1 : NULL;
}

static void put(void *p)
{
	struct header *header = p;

	if (!p)
		return;
	header--;
	arena_lock();
	header->next = arena.freed;
	arena.freed = header;
	arena_unlock();
}

void *malloc(size_t n)
{
	moment_came(ALLOC_OURS_ENTERED);
	return take(n, ALIGNMENT_MIN);
}

void free(void *p)
{
	put(p);
	moment_came(ALLOC_OURS_FREED);
}

void *calloc(size_t count, size_t n)
{
	void *p;

	if (__builtin_mul_overflow(count, n, &n)) {
		errno = ENOMEM;
		return NULL;
	}
	p = malloc(n);
	return p ? memset(p, 0, n) : NULL;
}

void *realloc(void *old, size_t n)
{
	struct header *header = (struct header *)old - 1;
	void *p = NULL;

	if (old && n == 0) {
		free(old);
		return NULL;
	}
	p = malloc(n);
	if (p && old) {
		memcpy(p, old, header->sz < n ? header->sz : n);
		free(old);
		moment_came(ALLOC_OURS_REALLOC_MOVED);
	}
	return p;
}

void *reallocarray(void *old, size_t count, size_t n)
{
	if (__builtin_mul_overflow(count, n, &n)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, n);
}

void *memalign(size_t alignment, size_t n)
{
	return take(n, alignment < ALIGNMENT_MIN ? ALIGNMENT_MIN : alignment);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
	void *p;

	if (alignment < sizeof(void *) || (alignment & (alignment - 1)))
		return EINVAL;
	p = memalign(alignment, n);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *valloc(size_t n)
{
	return memalign(PAGE_SZ, n);
}

void *pvalloc(size_t n)
{
	return memalign(PAGE_SZ, (n + PAGE_SZ - 1) & ~(size_t)(PAGE_SZ - 1));
}

void cfree(void *p)
{
	free(p);
}

void free_sized(void *p, size_t n)
{
	(void)n;
	free(p);
}

void free_aligned_sized(void *p, size_t alignment, size_t n)
{
	(void)alignment;
	free_sized(p, n);
}

#ifdef WITH_NEW

/* By their mangled names (Itanium C++ ABI, 5.1.5), so that this stays a file of C. Those of a form
 * take the same arguments as far as they matter here: a nothrow_t behind them is not looked at. */
#define NEW(name)                                                                                  \
	void *name(size_t n);                                                                      \
	void *name(size_t n)                                                                       \
	{                                                                                          \
		moment_came(ALLOC_OURS_ENTERED);                                                   \
		return take(n, ALIGNMENT_MIN);                                                     \
	}
#define NEW_ALIGNED(name)                                                                          \
	void *name(size_t n, size_t alignment);                                                    \
	void *name(size_t n, size_t alignment)                                                     \
	{                                                                                          \
		return take(n, alignment);                                                         \
	}
#define DELETE(name)                                                                               \
	void name(void *p);                                                                        \
	void name(void *p)                                                                         \
	{                                                                                          \
		put(p);                                                                            \
	}

NEW(_Znwm)
NEW(_Znam)
NEW(_ZnwmRKSt9nothrow_t)
NEW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)

#endif
