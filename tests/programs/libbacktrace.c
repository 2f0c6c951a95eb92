/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reference for call stacks: a preloaded wrapper that takes backtrace(3) in each allocation, and
 * counts each different stack in the file that HEAPTAP_STACKS_FILE names (tests/runtime/reference.py
 * knows the layout). backtrace() is the unwinder of the compiler's run-time library, which knows
 * nothing of heaptap.
 *
 * Not recorded, but counted, is what backtrace() itself allocates, and what comes before it is ready.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRAME_MAX = 127, STACK_CAP = 1 << 14, EARLY_SZ = 65536 };

struct stack {
	uint64_t cnt; /* allocations; 0: a free slot */
	uint64_t frame_cnt;
	uint64_t frames[FRAME_MAX + 1]; /* [0] lies in this library */
};

struct stacks_file {
	uint64_t recorded, unrecorded, overflow;
	uint64_t reserved[13];
	struct stack stacks[STACK_CAP];
};

static struct {
	void *(*malloc)(size_t n);
	void *(*calloc)(size_t count, size_t n);
	void *(*realloc)(void *p, size_t n);
	void *(*reallocarray)(void *p, size_t count, size_t n);
	void *(*aligned_alloc)(size_t alignment, size_t n);
	int (*posix_memalign)(void **out, size_t alignment, size_t n);
	void (*free)(void *p);
	struct stacks_file *file;
	pthread_mutex_t lock;
	size_t early_used;
	char early[EARLY_SZ] __attribute__((aligned(16)));
} real = {.lock = PTHREAD_MUTEX_INITIALIZER};

static __thread int busy __attribute__((tls_model("initial-exec")));

/* dlsym(3) allocates before it has found the allocator. */
static void *early(size_t n)
{
	void *p = real.early + real.early_used;

	real.early_used += (n + 15) & ~(size_t)15;
	if (real.early_used > EARLY_SZ)
		abort();
	return p;
}

static int is_early(const void *p)
{
	return (const char *)p >= real.early && (const char *)p < real.early + EARLY_SZ;
}

static void open_file(void)
{
	const char *path = getenv("HEAPTAP_STACKS_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(struct stacks_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	real.file = map == MAP_FAILED ? NULL : map;
}

/* At the first call, which can come before any constructor. False: it is being done just now. */
static int ready(void)
{
	void *frames[2];

	if (real.malloc)
		return 1;
	if (busy)
		return 0;
	busy++;
	real.free = dlsym(RTLD_NEXT, "free");
	real.calloc = dlsym(RTLD_NEXT, "calloc");
	real.realloc = dlsym(RTLD_NEXT, "realloc");
	real.reallocarray = dlsym(RTLD_NEXT, "reallocarray");
	real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
	real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
	real.malloc = dlsym(RTLD_NEXT, "malloc");
	open_file();
	backtrace(frames, 2); /* loads what it needs */
	busy--;
	return 1;
}

static struct stack *slot_of(void *const frames[], size_t frame_cnt)
{
	uint64_t hash = frame_cnt;

	for (size_t i = 0; i < frame_cnt; i++)
		hash = (hash ^ (uintptr_t)frames[i]) * 0x100000001b3u;
	for (size_t i = 0; i < STACK_CAP; i++) {
		struct stack *stack = &real.file->stacks[(hash + i) % STACK_CAP];

		if (!stack->cnt || (stack->frame_cnt == frame_cnt &&
					   !memcmp(stack->frames, frames, frame_cnt * 8)))
			return stack;
	}
	return NULL;
}

/* [0] is here, and of no use to a comparison: the wrapper that was called. */
__attribute__((noinline)) static void record(void)
{
	void *frames[FRAME_MAX + 1];
	struct stack *stack;
	int frame_cnt;

	if (!real.file)
		return;
	if (busy) {
		__atomic_fetch_add(&real.file->unrecorded, 1, __ATOMIC_RELAXED);
		return;
	}
	busy++;
	frame_cnt = backtrace(frames, FRAME_MAX + 1);
	pthread_mutex_lock(&real.lock);
	stack = slot_of(frames + 1, frame_cnt - 1);
	if (stack) {
		stack->cnt++;
		stack->frame_cnt = frame_cnt - 1;
		memcpy(stack->frames, frames + 1, (frame_cnt - 1) * 8);
		real.file->recorded++;
	} else {
		real.file->overflow++;
	}
	pthread_mutex_unlock(&real.lock);
	busy--;
}

static void *wrapped_malloc(size_t n)
{
	void *p;

	if (!ready())
		return early(n);
	record();
	p = real.malloc(n);
	return p;
}

static void *wrapped_calloc(size_t count, size_t n)
{
	void *p;

	if (!ready())
		return early(count * n);
	record();
	p = real.calloc(count, n);
	return p;
}

static void *wrapped_realloc(void *p, size_t n)
{
	void *q;

	if (!ready() || is_early(p)) {
		q = wrapped_malloc(n);
		return q && p ? memcpy(q, p, n < EARLY_SZ ? n : EARLY_SZ) : q;
	}
	record();
	q = real.realloc(p, n);
	return q;
}

static void *wrapped_reallocarray(void *p, size_t count, size_t n)
{
	void *q;

	ready();
	record();
	q = real.reallocarray(p, count, n);
	return q;
}

static void *wrapped_aligned_alloc(size_t alignment, size_t n)
{
	void *p;

	ready();
	record();
	p = real.aligned_alloc(alignment, n);
	return p;
}

static int wrapped_posix_memalign(void **out, size_t alignment, size_t n)
{
	int error;

	ready();
	record();
	error = real.posix_memalign(out, alignment, n);
	return error;
}

static void wrapped_free(void *p)
{
	if (!is_early(p) && ready())
		real.free(p);
}

/*
 * Indirect functions, which heaptap does not probe: a return probe on the wrapper would put the kernel's
 * trampoline into the stack that backtrace() sees.
 */
#define INDIRECT(type, name, ...)                                                                  \
	static type (*name##_resolve(void))(__VA_ARGS__)                                           \
	{                                                                                          \
		return wrapped_##name;                                                             \
	}                                                                                          \
	type name(__VA_ARGS__) __attribute__((ifunc(#name "_resolve")))

INDIRECT(void *, malloc, size_t n);
INDIRECT(void *, calloc, size_t count, size_t n);
INDIRECT(void *, realloc, void *p, size_t n);
INDIRECT(void *, reallocarray, void *p, size_t count, size_t n);
INDIRECT(void *, aligned_alloc, size_t alignment, size_t n);
INDIRECT(int, posix_memalign, void **out, size_t alignment, size_t n);
INDIRECT(void, free, void *p);
