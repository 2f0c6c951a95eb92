/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* leak ROW: exact leaks through one function of malloc's family (leak_rows.h). */
#include <malloc.h>
#include "leak_rows.h"

void cfree(void *p) WEAK;
void free_sized(void *p, size_t n) WEAK;
void free_aligned_sized(void *p, size_t alignment, size_t n) WEAK;
/* not in every C library, and not in every other allocator by a name of its own (programs.mk) */
void *reallocarray(void *p, size_t count, size_t n) WEAK;
void *aligned_alloc(size_t alignment, size_t n) WEAK;
void *memalign(size_t alignment, size_t n) WEAK;
void *pvalloc(size_t n) WEAK;
void *valloc(size_t n) WEAK;

static NOINLINE void *by_malloc(size_t n)
{
	return tally_alloc(malloc(n), n);
}

/* malloc(0) gives a block of no bytes, which counts as a block. */
static NOINLINE void *by_malloc_zero(size_t n)
{
	(void)n;
	return tally_alloc(malloc(0), 0);
}

static NOINLINE void *by_calloc(size_t n)
{
	return tally_alloc(calloc(3, n / 3), n);
}

static NOINLINE void *by_realloc_null(size_t n)
{
	return tally_alloc(realloc(NULL, n), n);
}

static NOINLINE void *resize(void *p, size_t old_sz, size_t n)
{
	p = escape(realloc(p, n));
	tally_free(old_sz);
	return tally_alloc(p, n);
}

static NOINLINE void *by_realloc_grow(size_t n)
{
	return resize(by_malloc(n / 3), n / 3, n);
}

static NOINLINE void *by_realloc_shrink(size_t n)
{
	return resize(by_malloc(n * 3), n * 3, n);
}

/* A block behind it keeps it from growing in place. */
static NOINLINE void *by_realloc_move(size_t n)
{
	void *p = by_malloc(n), *wall = by_malloc(n), *moved = resize(p, n, n * 64);

	require(moved != p, "realloc did not move the block");
	free(wall);
	tally_free(n);
	return resize(moved, n * 64, n);
}

/* realloc(p, 0) frees in glibc, and gives NULL; elsewhere it gives a block of no bytes. */
static NOINLINE void *by_realloc_zero(size_t n)
{
	void *p = escape(realloc(by_malloc(n / 3), 0));

	tally_free(n / 3);
	if (p) {
		tally_alloc(p, 0);
		free(p);
		tally_free(0);
	}
	return by_malloc(n);
}

static NOINLINE void *by_reallocarray(size_t n)
{
	void *p = escape(reallocarray(by_malloc(n / 3), 3, n / 3));

	tally_free(n / 3);
	return tally_alloc(p, n);
}

static NOINLINE void *by_posix_memalign(size_t n)
{
	void *p = NULL;

	return posix_memalign(&p, ALIGNMENT, n) == 0 ? tally_alloc(p, n) : NULL;
}

static NOINLINE void *by_aligned_alloc(size_t n)
{
	return tally_alloc(aligned_alloc(ALIGNMENT, n), n);
}

static NOINLINE void *by_memalign(size_t n)
{
	return tally_alloc(memalign(ALIGNMENT, n), n);
}

static NOINLINE void *by_valloc(size_t n)
{
	return tally_alloc(valloc(n), n);
}

static NOINLINE void *by_pvalloc(size_t n)
{
	return tally_alloc(pvalloc(n), n);
}

static NOINLINE void give_free(void *p, size_t n)
{
	free(p);
	tally_free(n);
}

static NOINLINE void give_free_zero(void *p, size_t n)
{
	(void)n;
	free(p);
	free(escape(NULL)); /* counts for nothing */
	tally_free(0);
}

static NOINLINE void give_cfree(void *p, size_t n)
{
	cfree(p);
	tally_free(n);
}

static NOINLINE void give_free_sized(void *p, size_t n)
{
	free_sized(p, n);
	tally_free(n);
}

static NOINLINE void give_free_aligned_sized(void *p, size_t n)
{
	free_aligned_sized(p, ALIGNMENT, n);
	tally_free(n);
}

static NOINLINE void give_realloc_zero(void *p, size_t n)
{
	p = escape(realloc(p, 0));
	tally_free(n);
	if (p)
		give_free(tally_alloc(p, 0), 0);
}

int main(int argc, char **argv)
{
	const struct row rows[] = {
		{"malloc", by_malloc, give_free, malloc},
		{"malloc-zero", by_malloc_zero, give_free_zero, malloc},
		{"calloc", by_calloc, give_free, calloc},
		{"realloc-null", by_realloc_null, give_free, realloc},
		{"realloc-grow", by_realloc_grow, give_free, realloc},
		{"realloc-shrink", by_realloc_shrink, give_free, realloc},
		{"realloc-move", by_realloc_move, give_free, realloc},
		{"realloc-zero", by_realloc_zero, give_realloc_zero, realloc},
		{"reallocarray", by_reallocarray, give_free, reallocarray},
		{"posix_memalign", by_posix_memalign, give_free, posix_memalign},
		{"aligned_alloc", by_aligned_alloc, give_free, aligned_alloc},
		{"memalign", by_memalign, give_free, memalign},
		{"valloc", by_valloc, give_free, valloc},
		{"pvalloc", by_pvalloc, give_free, pvalloc},
		{"cfree", by_malloc, give_cfree, cfree},
		{"free_sized", by_calloc, give_free_sized, free_sized},
		{"free_aligned_sized", by_aligned_alloc, give_free_aligned_sized,
			free_aligned_sized},
	};

	return leak_main(rows, sizeof(rows) / sizeof(*rows), argc, argv);
}
