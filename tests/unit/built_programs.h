/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that tests compile for themselves, in a directory that goes away with the test. */
#ifndef HEAPTAP_TESTS_BUILT_PROGRAMS_H
#define HEAPTAP_TESTS_BUILT_PROGRAMS_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BUILT_PATH_SZ 256
#define HELPER static __attribute__((unused)) /* not every test needs all of them */

static char built_dir[] = "/tmp/heaptap-test-XXXXXX";

HELPER int built__setup(void **state)
{
	(void)state;
	return mkdtemp(built_dir) ? 0 : -1;
}

__attribute__((format(printf, 1, 2))) HELPER bool built__try(const char *format, ...)
{
	char command[4096];
	va_list args;
	int len = snprintf(command, sizeof(command), "cd %s && ", built_dir);

	va_start(args, format);
	vsnprintf(command + len, sizeof(command) - len, format, args);
	va_end(args);
	return system(command) == 0;
}

/* Runs a shell command in the directory; it has to succeed. */
#define built__run(...) assert_true(built__try(__VA_ARGS__))

HELPER int built__teardown(void **state)
{
	(void)state;
	return built__try("rm -rf %s", built_dir) ? 0 : -1;
}

HELPER const char *built__path(const char *name, char path[BUILT_PATH_SZ])
{
	snprintf(path, BUILT_PATH_SZ, "%s/%s", built_dir, name);
	return path;
}

HELPER void built__write(const char *name, const void *bytes, size_t sz)
{
	char path[BUILT_PATH_SZ];
	FILE *file = fopen(built__path(name, path), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sz, file), sz);
	assert_int_equal(fclose(file), 0);
}

HELPER int built__open(const char *name)
{
	char path[BUILT_PATH_SZ];
	int fd = open(built__path(name, path), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A file's bytes: free() them. */
HELPER unsigned char *built__read(const char *name, size_t *ret_sz)
{
	int fd = built__open(name);
	unsigned char *bytes;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc(st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, st.st_size), st.st_size);
	close(fd);
	*ret_sz = st.st_size;
	return bytes;
}

/* xorshift64 (Marsaglia 2003): the same bytes are hit in every run. */
HELPER uint64_t built__random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

#endif
