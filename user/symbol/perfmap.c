/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A JIT appends a line to /tmp/perf-PID.map for each piece of code: "START SIZE name", the numbers
 * in hex; PID is its number in its own pid namespace, the file is in its own root.
 *
 *   text    all that was read, whole lines, each name ended by a NUL
 *   ranges  value: offset of the name in text. A later line has a higher one, so that of two names
 *           for an address (code that was replaced) the later is found.
 *
 * A file that has grown is read from where it was left; one that is another by now, or shorter,
 * from its start. Lines that make no sense are left out. The file must be the process's user's:
 * /tmp is everybody's, and a link there could lead to any file.
 */
#include "symbol/perfmap.h"
#include "util/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "symbol/intervals.h"
#include "symbol/target_file.h"

#define TEXT_SZ_MAX (64UL << 20) /* of one map; what comes after it is not read */
#define RANGES_MAX (1UL << 20)	 /* the same */
#define NAME_SZ_MAX 4096
#define PROC_PATH_SZ 64

struct perfmap {
	pid_t pid;
	uint64_t start_ns;
	dev_t dev;
	ino_t inode;
	off_t read_sz; /* bytes of the file that are in text */
	char *text;
	size_t text_sz, text_cap;
	struct intervals ranges;
};

struct owner {
	pid_t pid; /* in its own namespace */
	uid_t real_uid, effective_uid;
};

struct perfmap *perfmap__new(pid_t pid, uint64_t start_ns)
{
	struct perfmap *map = calloc(1, sizeof(*map));

	if (map) {
		map->pid = pid;
		map->start_ns = start_ns;
	}
	return map;
}

static void forget(struct perfmap *map)
{
	intervals__free(&map->ranges);
	free(map->text);
	map->text = NULL;
	map->text_sz = map->text_cap = 0;
	map->read_sz = 0;
}

void perfmap__free(struct perfmap *map)
{
	if (!map)
		return;
	forget(map);
	free(map);
}

size_t perfmap__sz(const struct perfmap *map)
{
	return sizeof(*map) + map->text_cap +
	       map->ranges.cap * (sizeof(*map->ranges.list) + sizeof(*map->ranges.reach));
}

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[PROC_PATH_SZ];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

static int read_owner(pid_t pid, struct owner *ret_owner)
{
	struct owner owner = {.pid = pid};
	FILE *status = open_proc(pid, "status");
	char *line = NULL, *last;
	size_t cap = 0;

	if (!status)
		return -ESRCH;
	while (getline(&line, &cap, status) > 0) {
		sscanf(line, "Uid: %u %u", &owner.real_uid, &owner.effective_uid);
		last = strrchr(line, '\t');
		if (strncmp(line, "NSpid:", 6) == 0 && last) /* the innermost comes last */
			owner.pid = atoi(last);
	}
	free(line);
	fclose(status);
	*ret_owner = owner;
	return 0;
}

/* Opens the map, if it is one that this process may have written. */
static int open_map(const struct perfmap *map, struct stat *ret_st)
{
	char path[PROC_PATH_SZ];
	struct owner owner;
	int err = read_owner(map->pid, &owner), fd;

	if (err)
		return err;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", owner.pid);
	fd = target_file__open(map->pid, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret_st) < 0)
		err = -errno;
	else if (ret_st->st_uid != owner.real_uid && ret_st->st_uid != owner.effective_uid)
		err = -EPERM;
	else if (map->start_ns && !proc__is_same(map->pid, map->start_ns))
		err = -ESRCH;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* False without memory: then the text is as it was. */
static bool resize_text(struct perfmap *map, size_t cap)
{
	char *text = realloc(map->text, cap);

	if (!text)
		return false;
	map->text = text;
	map->text_cap = cap;
	return true;
}

/* Appends what the file has beyond read_sz up to its last newline: of a sparse file, that may be
 * next to nothing of what there was to be room for. */
static int read_lines(struct perfmap *map, int fd, off_t file_sz)
{
	size_t sz = file_sz - map->read_sz, got = 0;
	ssize_t more = 1;
	char *end;

	if (sz > TEXT_SZ_MAX - map->text_sz)
		sz = TEXT_SZ_MAX - map->text_sz;
	if (!resize_text(map, map->text_sz + sz + 1))
		return -ENOMEM;
	while (got < sz && more > 0) {
		more = pread(fd, map->text + map->text_sz + got, sz - got, map->read_sz + got);
		got += more > 0 ? more : 0;
	}
	end = memrchr(map->text + map->text_sz, '\n', got);
	got = end ? (size_t)(end + 1 - (map->text + map->text_sz)) : 0;
	map->text_sz += got;
	map->read_sz += got;
	resize_text(map, map->text_sz + 1);
	return more < 0 ? -errno : 0;
}

/* A hexadecimal number and the blanks after it; NULL if there is none. */
static char *take_number(char *at, char *end, uint64_t *ret_number)
{
	uint64_t number = 0;
	char *start, c;

	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		at += 2;
	for (start = at; at < end && at - start <= 16; at++) {
		c = *at | 0x20;
		if (c >= '0' && c <= '9')
			number = number << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			number = number << 4 | (c - 'a' + 10);
		else
			break;
	}
	if (at == start || at - start > 16 || at == end || (*at != ' ' && *at != '\t'))
		return NULL;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	*ret_number = number;
	return at;
}

/* One line, whose newline (at `end`) becomes the NUL of its name. */
static int add_line(struct perfmap *map, char *line, char *end)
{
	uint64_t start, sz;
	char *at = take_number(line, end, &start);

	if (at)
		at = take_number(at, end, &sz);
	if (!at || at == end || !*at || sz > UINT64_MAX - start)
		return 0;
	if (end - at >= NAME_SZ_MAX)
		end = at + NAME_SZ_MAX - 1;
	if (end[-1] == '\r' && end - at > 1)
		end--;
	*end = '\0';
	return intervals__add(&map->ranges, start, start + sz, at - map->text);
}

static int add_lines(struct perfmap *map, size_t from)
{
	char *line = map->text + from, *end, *stop = map->text + map->text_sz;
	int err = 0;

	while (!err && map->ranges.cnt < RANGES_MAX && line < stop &&
		(end = memchr(line, '\n', stop - line))) {
		err = add_line(map, line, end);
		line = end + 1;
	}
	return err ? err : intervals__sort(&map->ranges);
}

int perfmap__refresh(struct perfmap *map)
{
	struct stat st;
	int fd = open_map(map, &st), err = 0;
	size_t from;

	if (fd < 0)
		return fd;
	if (st.st_ino != map->inode || st.st_dev != map->dev || st.st_size < map->read_sz)
		forget(map);
	map->inode = st.st_ino;
	map->dev = st.st_dev;
	from = map->text_sz;
	if (st.st_size > map->read_sz)
		err = read_lines(map, fd, st.st_size);
	close(fd);
	if (map->text_sz > from && !err)
		err = add_lines(map, from);
	if (err)
		forget(map);
	return err;
}

const char *perfmap__find(const struct perfmap *map, uint64_t address, uint64_t *ret_start)
{
	const struct interval *found = intervals__find_latest(&map->ranges, address);

	if (!found)
		return NULL;
	*ret_start = found->start;
	return map->text + found->value;
}
