/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The oracle: a preloaded wrapper that keeps a process's books inside the process, to compare
 * heaptap's with. Each image of each process that inherits LD_PRELOAD gets a slot in the file that
 * HEAPTAP_COUNT_FILE names (made by the harness: tests/runtime/oracle.py knows the layout), in the
 * order of their births; the totals stay there whatever way the process ends.
 *
 *   file:  {slot_cnt} {slot} {slot} …       shared by all processes
 *   table: address → size                   private, copied by fork as the heap is
 *
 * Counted as heaptap counts: the outermost call only; a realloc of a block is one alloc and one
 * free; failed calls apart; a fork's child begins with its parent's outstanding blocks as
 * allocated; operator new and delete where they are the allocator's own (jemalloc's do not go
 * through malloc), elsewhere by the malloc that they call. One lock; no operation of the C library
 * is used under it.
 *
 * What it exports are symbols without a type (EXPORT), which the dynamic linker takes as well. So
 * for heaptap there are no allocator functions in this file: it has to see the calls of the real
 * allocator, and the two have nothing in common but the program.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SLOT_CNT = 8191, TABLE_CAP_FIRST = 1 << 16, EARLY_SZ = 65536 };

struct slot {
	uint64_t pid;
	char comm[16];
	uint64_t allocs, frees, bytes_allocated;
	uint64_t blocks, bytes, peak_bytes;
	uint64_t failed, unmatched_frees;
	uint64_t early; /* calls before the real functions were found: must be 0 to compare */
	uint64_t forked; /* begun by a fork, not by an exec */
	uint64_t reserved[3];
};
_Static_assert(sizeof(struct slot) == 128, "slot layout");

struct count_file {
	_Atomic uint64_t slot_cnt;
	uint64_t reserved[15];
	struct slot slots[SLOT_CNT];
};

struct entry {
	uintptr_t address; /* 0: none */
	size_t sz;
};

struct functions {
	void *(*malloc)(size_t n);
	void *(*calloc)(size_t count, size_t n);
	void *(*realloc)(void *p, size_t n);
	void *(*reallocarray)(void *p, size_t count, size_t n);
	int (*posix_memalign)(void **out, size_t alignment, size_t n);
	void *(*aligned_alloc)(size_t alignment, size_t n);
	void *(*memalign)(size_t alignment, size_t n);
	void *(*valloc)(size_t n);
	void *(*pvalloc)(size_t n);
	void (*free)(void *p);
};

/* Begins the definition of what the file exports as `name`: an untyped symbol that goes to it. */
#define EXPORT(type, name, ...)                                                                    \
	__asm__(".text; .globl " #name "; " #name ": jmp exported_" #name);                        \
	__attribute__((used)) static type exported_##name(__VA_ARGS__)

static struct {
	struct functions real;
	struct count_file *file;
	struct slot *slot;
	struct slot nowhere; /* where no file is given, or it is full */
	struct slot at_fork; /* the child's copy: in the file, its parent goes on counting */
	atomic_flag lock;
	struct entry *table;
	size_t table_cap, table_cnt;
	size_t early_used;
	char early[EARLY_SZ] __attribute__((aligned(16)));
} books;

/* Calls inside a call are not counted. */
static __thread unsigned int depth __attribute__((tls_model("initial-exec")));

static void books_lock(void)
{
	while (atomic_flag_test_and_set_explicit(&books.lock, memory_order_acquire))
		;
}

static void books_unlock(void)
{
	atomic_flag_clear_explicit(&books.lock, memory_order_release);
}

/* ---- the table: linear probing, deletion by shifting back (Knuth, TAOCP 3, 6.4, algorithm R) ----
 */

static size_t home_of(uintptr_t address)
{
	return (address >> 4) * 0x9e3779b97f4a7c15ull >> 20 & (books.table_cap - 1);
}

static struct entry *table_find(uintptr_t address)
{
	size_t i = home_of(address);

	while (books.table[i].address && books.table[i].address != address)
		i = (i + 1) & (books.table_cap - 1);
	return &books.table[i];
}

static void table_grow(void)
{
	struct entry *old = books.table;
	size_t old_cap = books.table_cap;

	books.table_cap = old_cap ? old_cap * 2 : TABLE_CAP_FIRST;
	books.table = mmap(NULL, books.table_cap * sizeof(*old), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (books.table == MAP_FAILED)
		_exit(97);
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].address)
			*table_find(old[i].address) = old[i];
	}
	if (old)
		munmap(old, old_cap * sizeof(*old));
}

static void table_insert(uintptr_t address, size_t sz)
{
	struct entry *entry;

	if (books.table_cnt * 2 >= books.table_cap)
		table_grow();
	entry = table_find(address);
	books.table_cnt += !entry->address;
	*entry = (struct entry){address, sz};
}

static int table_remove(uintptr_t address, size_t *ret_sz)
{
	size_t mask = books.table_cap - 1, hole, i;

	if (!books.table_cap || !table_find(address)->address)
		return 0;
	hole = table_find(address) - books.table;
	*ret_sz = books.table[hole].sz;
	books.table_cnt--;
	for (i = (hole + 1) & mask; books.table[i].address; i = (i + 1) & mask) {
		if (((i - home_of(books.table[i].address)) & mask) >= ((i - hole) & mask)) {
			books.table[hole] = books.table[i];
			hole = i;
		}
	}
	books.table[hole].address = 0;
	return 1;
}

/* ---- the slot ---- */

static void open_file(void)
{
	const char *path = getenv("HEAPTAP_COUNT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mapped;

	if (fd < 0)
		return;
	mapped = mmap(NULL, sizeof(struct count_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		books.file = mapped;
}

static void take_slot(void)
{
	uint64_t i = books.file ? atomic_fetch_add(&books.file->slot_cnt, 1) : SLOT_CNT;

	books.slot = i < SLOT_CNT ? &books.file->slots[i] : &books.nowhere;
	books.slot->pid = getpid();
	prctl(PR_GET_NAME, books.slot->comm);
}

static void prepare_fork(void)
{
	books_lock();
	books.at_fork = *books.slot;
}

static void begin_fork_child(void)
{
	const struct slot *parent = &books.at_fork;

	take_slot();
	books.slot->forked = 1;
	books.slot->blocks = books.slot->allocs = parent->blocks;
	books.slot->bytes = books.slot->bytes_allocated = books.slot->peak_bytes = parent->bytes;
	books_unlock();
}

static void find_real(void)
{
#define FIND(name) books.real.name = (__typeof__(books.real.name))dlsym(RTLD_NEXT, #name)
	FIND(calloc);
	FIND(realloc);
	FIND(reallocarray);
	FIND(posix_memalign);
	FIND(aligned_alloc);
	FIND(memalign);
	FIND(valloc);
	FIND(pvalloc);
	FIND(free);
	FIND(malloc);
#undef FIND
}

/* Begins the books at the first call, which may come before any constructor. False while that is
 * under way: dlsym may allocate. */
static int ready(void)
{
	static int state;

	if (__builtin_expect(state == 2, 1))
		return 1;
	if (state == 1)
		return 0;
	state = 1;
	open_file();
	take_slot();
	find_real();
	pthread_atfork(prepare_fork, books_unlock, begin_fork_child);
	state = 2;
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	ready();
}

static void *early_alloc(size_t n)
{
	char *p = &books.early[books.early_used];

	books.slot->early++;
	n = (n + 15) & ~(size_t)15;
	if (n > EARLY_SZ - books.early_used)
		_exit(96);
	books.early_used += n;
	return p;
}

static int is_early(const void *p)
{
	return (const char *)p >= books.early && (const char *)p < books.early + EARLY_SZ;
}

/* ---- counting ---- */

static void enter_block(void *p, size_t n)
{
	struct slot *slot = books.slot;

	table_insert((uintptr_t)p, n);
	slot->blocks++;
	slot->bytes += n;
	if (slot->bytes > slot->peak_bytes)
		slot->peak_bytes = slot->bytes;
}

static void *count_alloc(void *p, size_t n)
{
	if (--depth)
		return p;
	books_lock();
	if (p) {
		enter_block(p, n);
		books.slot->allocs++;
		books.slot->bytes_allocated += n;
	} else {
		books.slot->failed++;
	}
	books_unlock();
	return p;
}

/* Takes the block out before it is given back: from then on its address may be another's. */
static int take_out(void *p, size_t *ret_sz)
{
	int known;

	books_lock();
	known = table_remove((uintptr_t)p, ret_sz);
	if (known) {
		books.slot->blocks--;
		books.slot->bytes -= *ret_sz;
	} else {
		books.slot->unmatched_frees++;
	}
	books_unlock();
	return known;
}

static void put_back(void *p, size_t sz)
{
	books_lock();
	enter_block(p, sz);
	books.slot->failed++;
	books_unlock();
}

static void count_free(void)
{
	books_lock();
	books.slot->frees++;
	books_unlock();
}

/* ---- the functions ---- */

EXPORT(void *, malloc, size_t n)
{
	if (!ready())
		return early_alloc(n);
	depth++;
	return count_alloc(books.real.malloc(n), n);
}

EXPORT(void *, calloc, size_t count, size_t n)
{
	void *p;

	if (!ready())
		return early_alloc(count * n);
	depth++;
	p = books.real.calloc(count, n);
	return count_alloc(p, count * n);
}

EXPORT(void *, memalign, size_t alignment, size_t n)
{
	ready();
	depth++;
	return count_alloc(books.real.memalign(alignment, n), n);
}

EXPORT(void *, aligned_alloc, size_t alignment, size_t n)
{
	ready();
	depth++;
	return count_alloc(books.real.aligned_alloc(alignment, n), n);
}

EXPORT(void *, valloc, size_t n)
{
	ready();
	depth++;
	return count_alloc(books.real.valloc(n), n);
}

EXPORT(void *, pvalloc, size_t n)
{
	ready();
	depth++;
	return count_alloc(books.real.pvalloc(n), n);
}

EXPORT(int, posix_memalign, void **out, size_t alignment, size_t n)
{
	int error;

	ready();
	depth++;
	error = books.real.posix_memalign(out, alignment, n);
	count_alloc(error ? NULL : *out, n);
	return error;
}

EXPORT(void, free, void *p)
{
	size_t sz;

	if (!p || is_early(p))
		return;
	ready();
	if (!depth && take_out(p, &sz))
		count_free();
	depth++;
	books.real.free(p);
	depth--;
}

/* glibc's old name for free: programs linked long ago still call it. */
EXPORT(void, cfree, void *p)
{
	exported_free(p);
}

/* How the real function is called is a count of its own: reallocarray's product may overflow. */
static void *resize(void *p, size_t count, size_t n)
{
	return count == 1 ? books.real.realloc(p, n) : books.real.reallocarray(p, count, n);
}

/* A realloc of a block that is there. */
static void *count_resize(void *p, size_t count, size_t n)
{
	size_t sz = 0, asked;
	int overflow = __builtin_mul_overflow(count, n, &asked), known = take_out(p, &sz);
	void *moved;

	depth++;
	moved = resize(p, count, n);
	depth--;
	if (!moved && (asked || overflow)) {
		if (known)
			put_back(p, sz);
		return NULL;
	}
	if (known)
		count_free();
	if (!moved)
		return NULL;
	depth++;
	return count_alloc(moved, asked);
}

static void *count_realloc(void *p, size_t count, size_t n)
{
	if (p && !depth)
		return count_resize(p, count, n);
	depth++;
	return count_alloc(resize(p, count, n), count * n);
}

EXPORT(void *, realloc, void *p, size_t n)
{
	if (!ready() || is_early(p)) {
		void *moved = exported_malloc(n);

		/* The early arena goes on behind the block, so no size is needed. */
		return p ? memcpy(moved, p, n) : moved;
	}
	return count_realloc(p, 1, n);
}

EXPORT(void *, reallocarray, void *p, size_t count, size_t n)
{
	ready();
	return count_realloc(p, count, n);
}

/* ---- C++'s operators, by their mangled names (Itanium C++ ABI, 5.1.5): (size), (size, nothrow),
 * (size, align) …, and the block in the size's place. What is behind it is handed on unseen. ----
 */

struct cxx_operator {
	const char *symbol;
	void *(*real)(uintptr_t first, uintptr_t second, uintptr_t third);
	int is_allocators; /* of the library that malloc is from, which it need not call */
};

/* Not before it is called: whoever calls it has it, and dlsym allocates for what is not there. */
static void operator_find(struct cxx_operator *op)
{
	Dl_info own, mallocs;

	ready();
	if (op->real)
		return;
	op->is_allocators = dladdr(dlsym(RTLD_NEXT, op->symbol), &own) &&
			    dladdr((void *)books.real.malloc, &mallocs) &&
			    own.dli_fbase == mallocs.dli_fbase;
	op->real = (__typeof__(op->real))dlsym(RTLD_NEXT, op->symbol);
}

static void leave(const unsigned int *entered)
{
	depth = *entered;
}

/* It may be left by an exception. */
static void *call_new(struct cxx_operator *op, size_t n, uintptr_t second, uintptr_t third)
{
	unsigned int entered __attribute__((cleanup(leave))) = depth++;

	return op->real(n, second, third);
}

static void *count_new(struct cxx_operator *op, size_t n, uintptr_t second, uintptr_t third)
{
	void *p;

	operator_find(op);
	if (!op->is_allocators)
		return op->real(n, second, third);
	p = call_new(op, n, second, third);
	depth++;
	return count_alloc(p, n);
}

static void count_delete(struct cxx_operator *op, void *p, uintptr_t second, uintptr_t third)
{
	size_t sz;

	operator_find(op);
	if (!op->is_allocators || !p) {
		op->real((uintptr_t)p, second, third);
		return;
	}
	if (!depth && take_out(p, &sz))
		count_free();
	depth++;
	op->real((uintptr_t)p, second, third);
	depth--;
}

#define NEW(name)                                                                                  \
	EXPORT(void *, name, size_t n, uintptr_t second, uintptr_t third)                          \
	{                                                                                          \
		static struct cxx_operator op = {.symbol = #name};                                 \
		return count_new(&op, n, second, third);                                           \
	}
#define DELETE(name)                                                                               \
	EXPORT(void, name, void *p, uintptr_t second, uintptr_t third)                             \
	{                                                                                          \
		static struct cxx_operator op = {.symbol = #name};                                 \
		count_delete(&op, p, second, third);                                               \
	}

NEW(_Znwm)
NEW(_Znam)
NEW(_ZnwmRKSt9nothrow_t)
NEW(_ZnamRKSt9nothrow_t)
NEW(_ZnwmSt11align_val_t)
NEW(_ZnamSt11align_val_t)
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW(_ZnamSt11align_val_tRKSt9nothrow_t)
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
