/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps and unmaps at random, and keeps books of it, page by page: which call made it, through which
 * function. At the end the books are held against /proc/self/maps, then printed, a line for each
 * function and one for all:
 *
 *   EXPECT FUNCTION pid=N ranges=N bytes=N maps=N mapped=N
 *   EXPECT all pid=N ranges=N bytes=N maps=N mapped=N unmaps=N peak=N file=N break=N
 *
 *   maps SEED CALLS
 *
 * What fails is tried as well; and blocks are allocated and freed that the allocator maps and
 * unmaps, at addresses that were its own or will be.
 */
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdbool.h>
#include <sys/mman.h>
#include "expect.h"

#define PAGE 4096ul
#define SLOTS (1u << 18)       /* of the table of pages */
#define STEPS_MAX 4096	       /* moves of the break that are left */
#define LARGE_SZ (256ul << 10) /* every allocator maps a block of this size */
#ifdef __GLIBC__
#define HAS_BREAK true
#else
#define HAS_BREAK false /* musl refuses to move it */
#endif

enum by { BY_ANONYMOUS, BY_FILE, BY_MOVE, BY_BREAK, BY_CNT };
static const char *const functions[BY_CNT] = {"map_anonymous", "map_file", "move", "move_break"};

/* A page that is or was ours. */
struct page {
	uintptr_t addr;	      /* 0: an empty slot */
	unsigned long number; /* of the call that made it; 0: it is unmapped */
	enum by by;
	bool of_file, shared;
};

static struct page pages[SLOTS];
static uint32_t used[SLOTS], used_cnt; /* slots, to choose a page from */

static struct step { /* of the break, upwards */
	unsigned long sz;
} steps[STEPS_MAX];
static size_t step_cnt;
static char *first_break;

static unsigned long maps[BY_CNT], mapped[BY_CNT], unmaps, bytes, break_bytes, peak, last_number;
static uint64_t random_state;
static int file_fd;

static uint64_t random_below(uint64_t limit) /* splitmix64 */
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31) % limit;
}

/* ---- the books ---- */

static struct page *page_at(uintptr_t addr)
{
	uint32_t slot = (addr / PAGE * 0x9e3779b1u) % SLOTS;

	while (pages[slot].addr && pages[slot].addr != addr)
		slot = (slot + 1) % SLOTS;
	return &pages[slot];
}

static bool is_ours(uintptr_t addr)
{
	return page_at(addr)->number;
}

/* What is mapped there is no more; counted if there was any of ours. */
static void book_unmap(uintptr_t addr, size_t page_cnt)
{
	bool any = false;

	for (size_t i = 0; i < page_cnt; i++) {
		struct page *page = page_at(addr + i * PAGE);

		any |= page->number != 0;
		bytes -= page->number ? PAGE : 0;
		page->number = 0;
	}
	unmaps += any;
}

static void book_map(uintptr_t addr, size_t page_cnt, enum by by, bool of_file, bool shared)
{
	book_unmap(addr, page_cnt); /* MAP_FIXED */
	last_number++;
	for (size_t i = 0; i < page_cnt; i++) {
		struct page *page = page_at(addr + i * PAGE);

		if (!page->addr)
			used[used_cnt++] = page - pages;
		*page = (struct page){addr + i * PAGE, last_number, by, of_file, shared};
	}
	require(used_cnt < SLOTS / 2, "too many pages");
	maps[by]++;
	mapped[by] += page_cnt * PAGE;
	bytes += page_cnt * PAGE;
}

/* ---- what is called ---- */

static NOINLINE void *map_anonymous(void *addr, size_t sz, int flags)
{
	return escape(mmap(addr, sz, PROT_READ, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static NOINLINE void *map_file(void *addr, size_t sz, int flags)
{
	return escape(mmap(addr, sz, PROT_READ, flags, file_fd, PAGE));
}

static NOINLINE void *move(void *old, size_t old_sz, size_t new_sz, int flags, void *new)
{
	return escape(mremap(old, old_sz, new_sz, flags, new));
}

/* By sbrk, or to `end` by brk. */
static NOINLINE bool move_break(intptr_t by, void *end)
{
	return end ? !brk(end) : escape(sbrk(by)) != (void *)-1;
}

/* ---- calls at random ---- */

static size_t random_page_cnt(void)
{
	return 1 + random_below(random_below(4) ? 4 : 40);
}

/* Where one of our pages is, or was; NULL: there is none yet. */
static struct page *random_page(void)
{
	return used_cnt ? &pages[used[random_below(used_cnt)]] : NULL;
}

/* As many pages from addr on as are (or were) ours, `most` of them at most. */
static size_t known_page_cnt(uintptr_t addr, size_t most)
{
	size_t cnt = 0;

	while (cnt < most && page_at(addr + cnt * PAGE)->addr)
		cnt++;
	return cnt;
}

static void random_map(void)
{
	size_t page_cnt = random_page_cnt(), sz;
	struct page *there = random_below(3) ? NULL : random_page();
	int flags = random_below(3) ? MAP_PRIVATE : MAP_SHARED;
	bool of_file = random_below(2);
	void *addr = NULL, *got;

	if (there) {
		addr = (void *)there->addr;
		page_cnt = known_page_cnt(there->addr, page_cnt);
		flags |= MAP_FIXED;
	}
	sz = page_cnt * PAGE - random_below(PAGE); /* the kernel maps whole pages */
	got = of_file ? map_file(addr, sz, flags) : map_anonymous(addr, sz, flags);
	require(got != MAP_FAILED, "mmap failed");
	book_map((uintptr_t)got, page_cnt, of_file ? BY_FILE : BY_ANONYMOUS, of_file,
		flags & MAP_SHARED);
}

static void random_unmap(void)
{
	struct page *first = random_page();
	size_t page_cnt;

	if (!first)
		return;
	page_cnt = known_page_cnt(first->addr, random_page_cnt());
	require(!munmap((void *)first->addr, page_cnt * PAGE - random_below(PAGE)),
		"munmap failed");
	book_unmap(first->addr, page_cnt);
}

/* Pages from here on that one call made, so that they are one mapping of the kernel's. */
static size_t same_page_cnt(const struct page *first, size_t most)
{
	size_t cnt = 0;

	while (cnt < most && page_at(first->addr + cnt * PAGE)->number == first->number)
		cnt++;
	return cnt;
}

static void book_move(const struct page *old, size_t old_cnt, void *got, size_t new_cnt)
{
	struct page like = *old;

	book_unmap(like.addr, old_cnt);
	book_map((uintptr_t)got, new_cnt, BY_MOVE, like.of_file, like.shared);
}

/* To another size, perhaps to another place; or to a place of our own choice. */
static void random_move(void)
{
	struct page *old = random_page(), *to = random_below(3) ? NULL : random_page();
	size_t old_cnt, new_cnt = random_page_cnt();
	int flags = random_below(4) ? MREMAP_MAYMOVE : 0;
	void *got;

	if (!old || !old->number)
		return;
	old_cnt = same_page_cnt(old, random_page_cnt());
	if (to) {
		new_cnt = known_page_cnt(to->addr, new_cnt);
		flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	}
	got = move((void *)old->addr, old_cnt * PAGE, new_cnt * PAGE, flags,
		to ? (void *)to->addr : NULL);
	if (got != MAP_FAILED)
		book_move(old, old_cnt, got, new_cnt);
	else /* they overlap; or there is no room behind it */
		require(to || !flags, "mremap failed");
}

/* The old range stays: a shared one twice (old size 0), a private one emptied. */
static void random_duplicate(void)
{
	struct page *old = random_page();
	size_t page_cnt;
	void *got;

	if (!old || !old->number || (!old->shared && old->of_file))
		return;
	page_cnt = same_page_cnt(old, random_page_cnt());
	got = old->shared ? move((void *)old->addr, 0, page_cnt * PAGE, MREMAP_MAYMOVE, NULL)
			  : move((void *)old->addr, page_cnt * PAGE, page_cnt * PAGE,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	require(got != MAP_FAILED, "mremap of the second kind failed");
	book_map((uintptr_t)got, page_cnt, BY_MOVE, old->of_file, old->shared);
}

static void raise_break(void)
{
	size_t sz = 1 + random_below(20000);
	char *end = first_break + break_bytes;

	if (!HAS_BREAK)
		require(!move_break(sz, NULL) && !move_break(0, end + sz), "a break");
	if (!HAS_BREAK || step_cnt == STEPS_MAX)
		return;
	require(move_break(sz, random_below(2) ? end + sz : NULL), "the break cannot be raised");
	steps[step_cnt++].sz = sz;
	maps[BY_BREAK]++;
	mapped[BY_BREAK] += sz;
	bytes += sz;
	break_bytes += sz;
}

static void lower_break(void)
{
	size_t sz = random_below(30000);

	if (!break_bytes)
		return;
	sz = sz < break_bytes ? sz + 1 : break_bytes;
	break_bytes -= sz;
	bytes -= sz;
	require(move_break(-(intptr_t)sz, random_below(2) ? first_break + break_bytes : NULL),
		"the break cannot be lowered");
	unmaps++;
	while (sz) {
		struct step *top = &steps[step_cnt - 1];
		size_t part = top->sz < sz ? top->sz : sz;

		top->sz -= part;
		sz -= part;
		step_cnt -= !top->sz;
	}
}

/* Each of these must fail, or do nothing. */
static void try_nonsense(void)
{
	struct page *page = random_page();
	char *addr = page ? (char *)page->addr : NULL;

	move_break(0, NULL);
	move_break(0, (void *)PAGE); /* below where it begins: it stays */
	require(!move_break(INTPTR_MAX, NULL), "an endless break");
	require(map_anonymous(NULL, 0, MAP_PRIVATE) == MAP_FAILED, "a mapping of nothing");
	require(map_anonymous(NULL, 1ul << 56, MAP_PRIVATE) == MAP_FAILED, "an endless mapping");
	if (!addr)
		return;
	require(munmap(addr + 1, 3 * PAGE) != 0, "munmap at an odd address");
	require(munmap(addr, 0) != 0, "munmap of nothing");
	require(munmap(addr, -PAGE) != 0, "munmap of all");
	require(move(addr, PAGE, 1ul << 56, MREMAP_MAYMOVE, NULL) == MAP_FAILED,
		"an endless mremap");
	require(move(addr, PAGE, 0, MREMAP_MAYMOVE, NULL) == MAP_FAILED, "mremap to nothing");
}

static void allocate(void)
{
	void *block = escape(malloc(LARGE_SZ + random_below(LARGE_SZ)));

	block = escape(realloc(block, LARGE_SZ + random_below(2 * LARGE_SZ)));
	require(block != NULL, "no memory");
	free(block);
}

static void random_call(void)
{
	static void (*const calls[])(void) = {random_map, random_map, random_map, random_unmap,
		random_unmap, random_move, random_move, random_duplicate, raise_break, lower_break,
		try_nonsense, allocate};

	calls[random_below(sizeof(calls) / sizeof(*calls))]();
	peak = bytes > peak ? bytes : peak;
}

/* ---- the kernel's own view ---- */

struct region {
	uintptr_t start, end;
};

#define REGIONS_MAX 65536
static struct region before[REGIONS_MAX], after[REGIONS_MAX];
static char text[8 << 20];

static const char *read_hex(const char *at, uintptr_t *ret_value)
{
	*ret_value = 0;
	for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
		*ret_value = *ret_value << 4 | (*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return at;
}

/* Of the lines that are no memory of the kernel's for us ([stack], [vdso], [uprobes]). */
static size_t read_regions(struct region *regions)
{
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t sz = 0, cnt = 0;
	ssize_t got;

	require(fd >= 0, "no /proc/self/maps");
	while ((got = read(fd, text + sz, sizeof(text) - 1 - sz)) > 0)
		sz += got;
	close(fd);
	text[sz] = '\0';
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n'), *name = memchr(line, '[', end - line);

		if (name && strncmp(name, "[heap]", 6))
			continue;
		require(cnt < REGIONS_MAX, "too many mappings");
		read_hex(read_hex(line, &regions[cnt].start) + 1, &regions[cnt].end);
		cnt++;
	}
	return cnt;
}

static bool is_in(uintptr_t addr, const struct region *regions, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (addr >= regions[i].start && addr < regions[i].end)
			return true;
	return false;
}

static void check_against_kernel(size_t before_cnt)
{
	size_t after_cnt = read_regions(after), ours = 0, seen = 0;
	uintptr_t start = (uintptr_t)first_break, end = start + break_bytes;

	for (size_t i = 0; i < after_cnt; i++) {
		for (uintptr_t addr = after[i].start; addr < after[i].end; addr += PAGE) {
			bool in_break = addr >= (start & -PAGE) && addr < end;

			if (is_in(addr, before, before_cnt))
				continue;
			require(in_break || is_ours(addr), "a page that is not in the books");
			seen += !in_break;
		}
	}
	for (uint32_t i = 0; i < used_cnt; i++)
		ours += pages[used[i]].number != 0;
	require(seen == ours, "a page of the books is not there");
	require(sbrk(0) == first_break + break_bytes, "the break is elsewhere");
}

/* ---- what is expected ---- */

struct sum {
	unsigned long ranges, bytes, file_bytes;
};

static struct sum add_up(enum by by)
{
	struct sum sum = {};

	for (uint32_t i = 0; i < used_cnt; i++) {
		const struct page *page = &pages[used[i]];

		if (!page->number || page->by != by)
			continue;
		sum.ranges += page_at(page->addr - PAGE)->number != page->number;
		sum.bytes += PAGE;
		sum.file_bytes += page->of_file ? PAGE : 0;
	}
	if (by == BY_BREAK)
		sum = (struct sum){.ranges = step_cnt, .bytes = break_bytes};
	return sum;
}

static void add_field(struct line *line, const char *key, unsigned long value)
{
	line_add(line, key);
	line_add_number(line, value, 10);
}

static struct line begin_line(
	const char *name, struct sum sum, unsigned long map_cnt, unsigned long mapped_bytes)
{
	struct line line = {};

	line_add(&line, "EXPECT ");
	line_add(&line, name);
	add_field(&line, " pid=", getpid());
	add_field(&line, " ranges=", sum.ranges);
	add_field(&line, " bytes=", sum.bytes);
	add_field(&line, " maps=", map_cnt);
	add_field(&line, " mapped=", mapped_bytes);
	return line;
}

static void print_expects(void)
{
	unsigned long all_maps = 0, all_mapped = 0;
	struct sum all = {};
	struct line line;

	for (enum by by = 0; by < BY_CNT; by++) {
		struct sum sum = add_up(by);

		line = begin_line(functions[by], sum, maps[by], mapped[by]);
		line_print(&line);
		all.ranges += sum.ranges;
		all.bytes += sum.bytes;
		all.file_bytes += sum.file_bytes;
		all_maps += maps[by];
		all_mapped += mapped[by];
	}
	require(all.bytes == bytes, "the books do not add up");
	line = begin_line("all", all, all_maps, all_mapped);
	add_field(&line, " unmaps=", unmaps);
	add_field(&line, " peak=", peak);
	add_field(&line, " file=", all.file_bytes);
	add_field(&line, " break=", break_bytes);
	line_print(&line);
}

int main(int argc, char **argv)
{
	size_t before_cnt;

	require(argc == 3, "usage: maps SEED CALLS");
	random_state = strtoull(argv[1], NULL, 0);
	file_fd = open(argv[0], O_RDONLY);
	require(file_fd >= 0, "my own file cannot be opened");
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, LARGE_SZ); /* else it would learn not to */
#endif
	allocate(); /* what it keeps for itself is mapped now */
	first_break = sbrk(0);
	before_cnt = read_regions(before);
	for (unsigned long i = strtoul(argv[2], NULL, 0); i; i--)
		random_call();
	check_against_kernel(before_cnt);
	print_expects();
	return 0;
}
