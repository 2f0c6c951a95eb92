/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A wrapper library: each allocator function hands on to the next one of its name. A tracer that
 * probes both counts twice, unless it sees that the inner call is part of the outer one. Built
 * twice: with calls, and with tail calls (then the wrapper's frame is gone when the real function
 * runs).
 */
#include <dlfcn.h>
#include <stddef.h>

struct functions {
	void *(*malloc)(size_t n);
	void *(*calloc)(size_t count, size_t n);
	void *(*realloc)(void *p, size_t n);
	int (*posix_memalign)(void **out, size_t alignment, size_t n);
	void *(*aligned_alloc)(size_t alignment, size_t n);
	void (*free)(void *p);
};

static struct functions next;

__attribute__((constructor)) static void find_next(void)
{
	next.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	next.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next.posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
	next.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
	next.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	next.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

/* Libraries' constructors may allocate before ours has run. */
static inline const struct functions *ready(void)
{
	if (__builtin_expect(!next.malloc, 0))
		find_next();
	return &next;
}

void *malloc(size_t n)
{
	return ready()->malloc(n);
}

void *calloc(size_t count, size_t n)
{
	return ready()->calloc(count, n);
}

void *realloc(void *p, size_t n)
{
	return ready()->realloc(p, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
	return ready()->posix_memalign(out, alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return ready()->aligned_alloc(alignment, n);
}

void free(void *p)
{
	ready()->free(p);
}
