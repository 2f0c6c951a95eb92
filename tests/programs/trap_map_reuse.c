/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads map and unmap at full speed, so that one is given addresses that another's munmap has
 * freed and not returned from. Books that take a range out at munmap's return take the other's
 * away. Each hundredth range stays; some calls fail.
 *
 *   EXPECT NAME pid=N ranges=N bytes=N maps=N mapped=N unmaps=N
 *
 *   trap_map_reuse THREADS CALLS
 */
#include <pthread.h>
#include <sys/mman.h>
#include "expect.h"

#define PAGE 4096ul

static unsigned long ranges, bytes, maps, mapped, unmaps;
static unsigned long call_cnt;
static pthread_barrier_t begin; /* while mappings change, call stacks can end early */

static NOINLINE char *map_here(size_t sz)
{
	return escape(
		mmap(NULL, sz, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

/* Unmaps by parts, after tries that fail. */
static void unmap_all(char *p, size_t page_cnt)
{
	require(munmap(p + 1, PAGE) != 0, "munmap at an odd address");
	require(mremap(p, PAGE, 1ul << 56, MREMAP_MAYMOVE) == MAP_FAILED, "an endless mremap");
	if (page_cnt > 1)
		require(!munmap(p + PAGE, (page_cnt - 1) * PAGE), "munmap failed");
	require(!munmap(p, PAGE), "munmap failed");
	count_up(&unmaps, 1 + (page_cnt > 1));
}

static void map_once(unsigned long i)
{
	size_t page_cnt = 1 + i % 7;
	char *p = map_here(page_cnt * PAGE);

	require(p != MAP_FAILED, "mmap failed");
	count_up(&maps, 1);
	count_up(&mapped, page_cnt * PAGE);
	if (i % 100) {
		unmap_all(p, page_cnt);
		return;
	}
	count_up(&ranges, 1);
	count_up(&bytes, page_cnt * PAGE);
}

static void *run(void *arg)
{
	pthread_barrier_wait(&begin);
	for (unsigned long i = 0; i < call_cnt; i++)
		map_once(i);
	return arg;
}

static void print_expect(void)
{
	const struct {
		const char *key;
		unsigned long value;
	} fields[] = {{" pid=", getpid()}, {" ranges=", ranges}, {" bytes=", bytes},
		{" maps=", maps}, {" mapped=", mapped}, {" unmaps=", unmaps}};
	struct line line = {};

	line_add(&line, "EXPECT map_here");
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		line_add(&line, fields[i].key);
		line_add_number(&line, fields[i].value, 10);
	}
	line_print(&line);
}

int main(int argc, char **argv)
{
	pthread_attr_t small; /* their stacks are kept for other threads, but not many large ones */
	pthread_t threads[64];
	unsigned long thread_cnt = argc == 3 ? strtoul(argv[1], NULL, 0) : 0;

	require(thread_cnt > 0 && thread_cnt <= 64, "usage: trap_map_reuse THREADS CALLS");
	call_cnt = strtoul(argv[2], NULL, 0);
	pthread_barrier_init(&begin, NULL, thread_cnt);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	for (unsigned long i = 0; i < thread_cnt; i++)
		require(!pthread_create(&threads[i], &small, run, NULL), "no thread");
	for (unsigned long i = 0; i < thread_cnt; i++)
		pthread_join(threads[i], NULL);
	print_expect();
	return 0;
}
