/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * leak_extended ROW: exact leaks through functions that jemalloc, tcmalloc and mimalloc have beside
 * malloc's family (jemalloc(3), gperftools/tcmalloc.h, mimalloc.h). Linked with one of them each;
 * the others' rows are absent (leak_rows.h).
 */
#include "leak_rows.h"

/* jemalloc; 6: MALLOCX_LG_ALIGN(6) is ALIGNMENT */
void *mallocx(size_t n, int flags) WEAK;
void *rallocx(void *p, size_t n, int flags) WEAK;
void dallocx(void *p, int flags) WEAK;
void sdallocx(void *p, size_t n, int flags) WEAK;

void *tc_malloc_skip_new_handler(size_t n) WEAK;
void *tc_new(size_t n) WEAK;
void *tc_newarray_nothrow(size_t n, const void *nothrow) WEAK;
void *tc_newarray_aligned(size_t n, size_t alignment) WEAK;
void tc_free_sized(void *p, size_t n) WEAK;
void tc_delete(void *p) WEAK;
void tc_deletearray_nothrow(void *p, const void *nothrow) WEAK;
void tc_deletearray_sized_aligned(void *p, size_t n, size_t alignment) WEAK;

typedef struct mi_heap_s mi_heap_t;
mi_heap_t *mi_heap_get_default(void) WEAK;
void *mi_malloc(size_t n) WEAK;
void *mi_malloc_small(size_t n) WEAK;
void *mi_zalloc(size_t n) WEAK;
void *mi_mallocn(size_t count, size_t n) WEAK;
void *mi_malloc_aligned(size_t n, size_t alignment) WEAK;
void *mi_calloc_aligned(size_t count, size_t n, size_t alignment) WEAK;
void *mi_reallocf(void *p, size_t n) WEAK;
void *mi_rezalloc(void *p, size_t n) WEAK;
void *mi_recalloc(void *p, size_t count, size_t n) WEAK;
void *mi_realloc_aligned(void *p, size_t n, size_t alignment) WEAK;
void *mi_expand(void *p, size_t n) WEAK;
void *mi_new(size_t n) WEAK;
void *mi_new_n(size_t count, size_t n) WEAK;
void *mi_new_aligned_nothrow(size_t n, size_t alignment) WEAK;
void *mi_new_realloc(void *p, size_t n) WEAK;
void *mi_heap_malloc(mi_heap_t *heap, size_t n) WEAK;
void *mi_heap_zalloc(mi_heap_t *heap, size_t n) WEAK;
void *mi_heap_calloc(mi_heap_t *heap, size_t count, size_t n) WEAK;
void *mi_heap_realloc(mi_heap_t *heap, void *p, size_t n) WEAK;
void *mi_heap_recalloc(mi_heap_t *heap, void *p, size_t count, size_t n) WEAK;
void mi_free(void *p) WEAK;
void mi_free_size(void *p, size_t n) WEAK;
void mi_free_aligned(void *p, size_t alignment) WEAK;

/* A function that makes a block of n bytes, and one that takes it back. */
#define MAKES(name, call)                                                                          \
	static NOINLINE void *name(size_t n)                                                       \
	{                                                                                          \
		return tally_alloc(call, n);                                                       \
	}
#define TAKES(name, call)                                                                          \
	static NOINLINE void name(void *p, size_t n)                                               \
	{                                                                                          \
		call;                                                                              \
		tally_free(n);                                                                     \
	}
/* A function that makes a block of n bytes from one of a third. */
#define RESIZES(name, allocate, call)                                                              \
	static NOINLINE void *name(size_t n)                                                       \
	{                                                                                          \
		void *p = tally_alloc(allocate(n / 3), n / 3);                                     \
                                                                                                   \
		p = escape(call);                                                                  \
		tally_free(n / 3);                                                                 \
		return tally_alloc(p, n);                                                          \
	}

static void *mallocx_plain(size_t n)
{
	return mallocx(n, 0);
}

MAKES(by_mallocx, mallocx(n, 6))
RESIZES(by_rallocx, mallocx_plain, rallocx(p, n, 6))
TAKES(give_dallocx, dallocx(p, 0))
TAKES(give_sdallocx, sdallocx(p, n, 6))

MAKES(by_tc_malloc_skip_new_handler, tc_malloc_skip_new_handler(n))
MAKES(by_tc_new, tc_new(n))
MAKES(by_tc_newarray_nothrow, tc_newarray_nothrow(n, ""))
MAKES(by_tc_newarray_aligned, tc_newarray_aligned(n, ALIGNMENT))
TAKES(give_tc_free_sized, tc_free_sized(p, n))
TAKES(give_tc_delete, tc_delete(p))
TAKES(give_tc_deletearray_nothrow, tc_deletearray_nothrow(p, ""))
TAKES(give_tc_deletearray_sized_aligned, tc_deletearray_sized_aligned(p, n, ALIGNMENT))

/* mi_malloc_small takes less than any of our sizes (MI_SMALL_SIZE_MAX is 1024). */
static NOINLINE void *by_mi_malloc_small(size_t n)
{
	void *p = tally_alloc(mi_malloc_small(100), 100);

	mi_free(p);
	tally_free(100);
	return tally_alloc(mi_malloc(n), n);
}

/* Shrinks in place, or not at all. */
static NOINLINE void *by_mi_expand(size_t n)
{
	void *p = tally_alloc(mi_malloc(n), n), *expanded = escape(mi_expand(p, n - 8));

	require(expanded == p, "mi_expand did not keep the block");
	tally_free(n);
	tally_alloc(p, n - 8);
	require(escape(mi_expand(p, n * 100)) == NULL, "mi_expand found room");
	count_up(&tally.failed, 1);
	return p;
}

TAKES(give_mi_expanded, mi_free(p); n -= 8)

MAKES(by_mi_zalloc, mi_zalloc(n))
MAKES(by_mi_mallocn, mi_mallocn(3, n / 3))
MAKES(by_mi_malloc_aligned, mi_malloc_aligned(n, ALIGNMENT))
MAKES(by_mi_calloc_aligned, mi_calloc_aligned(3, n / 3, ALIGNMENT))
RESIZES(by_mi_reallocf, mi_malloc, mi_reallocf(p, n))
RESIZES(by_mi_rezalloc, mi_zalloc, mi_rezalloc(p, n))
RESIZES(by_mi_recalloc, mi_zalloc, mi_recalloc(p, 3, n / 3))
RESIZES(by_mi_realloc_aligned, mi_malloc, mi_realloc_aligned(p, n, ALIGNMENT))
RESIZES(by_mi_new_realloc, mi_new, mi_new_realloc(p, n))
MAKES(by_mi_new, mi_new(n))
MAKES(by_mi_new_n, mi_new_n(3, n / 3))
MAKES(by_mi_new_aligned_nothrow, mi_new_aligned_nothrow(n, ALIGNMENT))
MAKES(by_mi_heap_malloc, mi_heap_malloc(mi_heap_get_default(), n))
MAKES(by_mi_heap_zalloc, mi_heap_zalloc(mi_heap_get_default(), n))
MAKES(by_mi_heap_calloc, mi_heap_calloc(mi_heap_get_default(), 3, n / 3))
RESIZES(by_mi_heap_realloc, mi_malloc, mi_heap_realloc(mi_heap_get_default(), p, n))
RESIZES(by_mi_heap_recalloc, mi_zalloc, mi_heap_recalloc(mi_heap_get_default(), p, 3, n / 3))
TAKES(give_mi_free, mi_free(p))
TAKES(give_mi_free_size, mi_free_size(p, n))
TAKES(give_mi_free_aligned, mi_free_aligned(p, ALIGNMENT))

int main(int argc, char **argv)
{
	const struct row rows[] = {
		{"mallocx", by_mallocx, give_dallocx, mallocx},
		{"rallocx", by_rallocx, give_sdallocx, mallocx},
		{"tc_malloc_skip_new_handler", by_tc_malloc_skip_new_handler, give_tc_free_sized,
			tc_new},
		{"tc_new", by_tc_new, give_tc_delete, tc_new},
		{"tc_newarray_nothrow", by_tc_newarray_nothrow, give_tc_deletearray_nothrow,
			tc_new},
		{"tc_newarray_aligned", by_tc_newarray_aligned, give_tc_deletearray_sized_aligned,
			tc_new},
		{"mi_malloc_small", by_mi_malloc_small, give_mi_free, mi_malloc},
		{"mi_expand", by_mi_expand, give_mi_expanded, mi_malloc},
		{"mi_zalloc", by_mi_zalloc, give_mi_free_size, mi_malloc},
		{"mi_mallocn", by_mi_mallocn, give_mi_free, mi_malloc},
		{"mi_malloc_aligned", by_mi_malloc_aligned, give_mi_free_aligned, mi_malloc},
		{"mi_calloc_aligned", by_mi_calloc_aligned, give_mi_free, mi_malloc},
		{"mi_reallocf", by_mi_reallocf, give_mi_free, mi_malloc},
		{"mi_rezalloc", by_mi_rezalloc, give_mi_free, mi_malloc},
		{"mi_recalloc", by_mi_recalloc, give_mi_free, mi_malloc},
		{"mi_realloc_aligned", by_mi_realloc_aligned, give_mi_free, mi_malloc},
		{"mi_new_realloc", by_mi_new_realloc, give_mi_free, mi_malloc},
		{"mi_new", by_mi_new, give_mi_free, mi_malloc},
		{"mi_new_n", by_mi_new_n, give_mi_free, mi_malloc},
		{"mi_new_aligned_nothrow", by_mi_new_aligned_nothrow, give_mi_free, mi_malloc},
		{"mi_heap_malloc", by_mi_heap_malloc, give_mi_free, mi_malloc},
		{"mi_heap_zalloc", by_mi_heap_zalloc, give_mi_free, mi_malloc},
		{"mi_heap_calloc", by_mi_heap_calloc, give_mi_free, mi_malloc},
		{"mi_heap_realloc", by_mi_heap_realloc, give_mi_free, mi_malloc},
		{"mi_heap_recalloc", by_mi_heap_recalloc, give_mi_free, mi_malloc},
	};

	return leak_main(rows, sizeof(rows) / sizeof(*rows), argc, argv);
}
