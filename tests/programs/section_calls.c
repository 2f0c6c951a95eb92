/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Functions that count themselves what each call of theirs allocates, frees and leaves behind, and
 * a line for each at the end:
 *
 *   SECTION NAME calls=N abandoned_calls=N threads=N allocs=N allocs_max=N …
 *
 *   request    by several threads: allocates, frees some of it, frees older blocks, reallocates
 * both recursive  calls itself jumping    leaves every third call by longjmp shared     what it
 * allocates another thread frees in part, before it returns several    has several returns endless
 * calls _exit
 *
 *   section_calls ROUNDS THREADS [endless]
 */
#include <pthread.h>
#include <setjmp.h>
#include "expect.h"

enum quantity { ALLOCS, BYTES, LEFT_BLOCKS, LEFT_BYTES, FREED_BLOCKS, FREED_BYTES, QUANTITY_CNT };

static const char *const keys[QUANTITY_CNT] = {
	"allocs", "bytes_allocated", "left_blocks", "left_bytes", "freed_blocks", "freed_bytes"};

struct count {
	unsigned long of[QUANTITY_CNT];
};

struct section {
	const char *name;
	unsigned long calls, abandoned, threads;
	struct count sums, most;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void end_call(struct section *section, const struct count *count)
{
	pthread_mutex_lock(&lock);
	section->calls++;
	for (int i = 0; i < QUANTITY_CNT; i++) {
		section->sums.of[i] += count->of[i];
		if (section->most.of[i] < count->of[i])
			section->most.of[i] = count->of[i];
	}
	pthread_mutex_unlock(&lock);
}

static void add(struct line *line, const char *key, const char *suffix, unsigned long value)
{
	line_add(line, " ");
	line_add(line, key);
	line_add(line, suffix);
	line_add(line, "=");
	line_add_number(line, value, 10);
}

static void section_print(const struct section *section)
{
	struct line line = {.sz = 0};

	line_add(&line, "SECTION ");
	line_add(&line, section->name);
	add(&line, "calls", "", section->calls);
	add(&line, "abandoned_calls", "", section->abandoned);
	add(&line, "threads", "", section->threads);
	for (int i = 0; i < QUANTITY_CNT; i++) {
		add(&line, keys[i], "", section->sums.of[i]);
		add(&line, keys[i], "_max", section->most.of[i]);
	}
	line_print(&line);
}

/* ---- blocks of a call ---- */

static void *take(struct count *count, size_t n)
{
	void *p = escape(malloc(n));

	require(p != NULL, "no memory");
	count->of[ALLOCS]++;
	count->of[BYTES] += n;
	count->of[LEFT_BLOCKS]++;
	count->of[LEFT_BYTES] += n;
	return p;
}

static void give_own(struct count *count, void *p, size_t n)
{
	free(p);
	count->of[LEFT_BLOCKS]--;
	count->of[LEFT_BYTES] -= n;
}

static void give_older(struct count *count, void *p, size_t n)
{
	free(p);
	count->of[FREED_BLOCKS]++;
	count->of[FREED_BYTES] += n;
}

/* ---- the functions ---- */

static struct section request_section = {.name = "request"};

struct older {
	void *p;
	size_t n;
	int is_own; /* of this call, which has resized it */
};

static void resize(struct count *count, struct older *older)
{
	volatile size_t too_much = (size_t)1 << 62;
	size_t n = older->n + 1;
	void *p = escape(realloc(older->p, n));

	require(p != NULL, "no memory");
	count->of[FREED_BLOCKS]++;
	count->of[FREED_BYTES] += older->n;
	count->of[ALLOCS]++;
	count->of[BYTES] += n;
	count->of[LEFT_BLOCKS]++;
	count->of[LEFT_BYTES] += n;
	*older = (struct older){p, n, 1};
	require(!escape(realloc(older->p, too_much)), "that much memory?");
}

NOINLINE void request(struct count *count, struct older *older, size_t i)
{
	size_t n = 10 + i % 7;
	void *own = take(count, n);

	for (size_t k = 0; k < i % 4; k++)
		take(count, 100 + k);
	give_own(count, own, n);
	if (i % 5 == 0)
		resize(count, older);
	if (i % 6 != 5)
		return;
	if (older->is_own)
		give_own(count, older->p, older->n);
	else
		give_older(count, older->p, older->n);
	older->p = NULL;
}

static void *request_all(void *arg)
{
	size_t rounds = *(size_t *)arg;

	for (size_t i = 0; i < rounds; i++) {
		struct older older = {escape(malloc(33)), 33, 0};
		struct count count = {{0}};

		request(&count, &older, i);
		end_call(&request_section, &count);
		free(older.p);
	}
	return NULL;
}

static struct section recursive_section = {.name = "recursive", .threads = 1};

NOINLINE void recursive(struct count *count, size_t depth)
{
	take(count, 20 + depth);
	if (depth)
		recursive(count, depth - 1);
	take(count, 40 + depth);
}

static struct section jumping_section = {.name = "jumping", .threads = 1};
static jmp_buf back;

static NOINLINE void leave(size_t i)
{
	if (i % 3 == 2)
		longjmp(back, 1);
}

NOINLINE void jumping(struct count *count, size_t i)
{
	take(count, 50 + i % 3);
	leave(i);
	take(count, 60 + i % 3);
}

static void jump_all(volatile size_t rounds)
{
	for (volatile size_t i = 0; i < rounds; i++) {
		struct count count = {{0}};

		if (setjmp(back)) {
			jumping_section.abandoned++;
			free(escape(malloc(5)));
			continue;
		}
		jumping(&count, i);
		end_call(&jumping_section, &count);
	}
}

static struct section shared_section = {.name = "shared", .threads = 1};

static void *free_it(void *p)
{
	free(p);
	free(escape(malloc(70))); /* of no call */
	return NULL;
}

/* pthread_create allocates, too: the thread is there before. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *p;
	int is_over;
} handed = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *free_all(void *unused)
{
	pthread_mutex_lock(&handed.lock);
	while (!handed.is_over) {
		if (handed.p) {
			free_it(handed.p);
			handed.p = NULL;
			pthread_cond_broadcast(&handed.changed);
		}
		pthread_cond_wait(&handed.changed, &handed.lock);
	}
	pthread_mutex_unlock(&handed.lock);
	return unused;
}

static NOINLINE void have_freed(void *p)
{
	pthread_mutex_lock(&handed.lock);
	handed.p = p;
	pthread_cond_broadcast(&handed.changed);
	while (handed.p)
		pthread_cond_wait(&handed.changed, &handed.lock);
	pthread_mutex_unlock(&handed.lock);
}

NOINLINE void shared(struct count *count)
{
	void *p = take(count, 80);

	take(count, 90);
	have_freed(p);
	count->of[LEFT_BLOCKS]--;
	count->of[LEFT_BYTES] -= 80;
}

static struct section several_section = {.name = "several", .threads = 1};

NOINLINE int several(struct count *count, size_t i)
{
	if (i % 3 == 0)
		return 0;
	take(count, 7);
	if (i % 3 == 1)
		return 1;
	take(count, 8);
	return 2;
}

NOINLINE void endless(void)
{
	escape(malloc(9));
	_exit(0);
}

/* ---- */

static void call_all(size_t rounds)
{
	for (size_t i = 0; i < rounds; i++) {
		struct count count = {{0}}, other = {{0}}, third = {{0}};

		recursive(&count, i % 4);
		end_call(&recursive_section, &count);
		shared(&other);
		end_call(&shared_section, &other);
		several(&third, i);
		end_call(&several_section, &third);
	}
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
	size_t thread_cnt = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	pthread_t threads[8], freeing;

	require(thread_cnt <= 8, "too many threads");
	require(!pthread_create(&freeing, NULL, free_all, NULL), "no thread");
	for (size_t i = 0; i < thread_cnt; i++)
		require(!pthread_create(&threads[i], NULL, request_all, &rounds), "no thread");
	request_section.threads = thread_cnt;
	call_all(rounds);
	jump_all(rounds);
	for (size_t i = 0; i < thread_cnt; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_lock(&handed.lock);
	handed.is_over = 1;
	pthread_cond_broadcast(&handed.changed);
	pthread_mutex_unlock(&handed.lock);
	pthread_join(freeing, NULL);
	section_print(&request_section);
	section_print(&recursive_section);
	section_print(&jumping_section);
	section_print(&shared_section);
	section_print(&several_section);
	if (argc > 3)
		endless();
	return 0;
}
