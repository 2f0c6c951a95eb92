/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Blocks that the C library makes: for the program, which has to free them (keeps), and for itself
 * (runtime).
 */
#include <iconv.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include "expect.h"

static NOINLINE void keeps(void)
{
	char *line = NULL;
	size_t cap = 0;

	escape(strdup("of the program"));
	escape(realpath("/", NULL));
	escape(fopen("/dev/null", "r"));
	escape(open_memstream(&line, &cap));
	require(asprintf(&line, "%d", 4711) == 4, "asprintf");
	escape(line);
}

static void *nothing(void *arg)
{
	return arg;
}

static NOINLINE void runtime(void)
{
	time_t then = 0;
	pthread_t thread;

	puts("a stream's buffer");
	setlocale(LC_ALL, "C.UTF-8");
	escape(localtime(&then));
	escape(getpwnam("root"));
	setenv("HEAPTAP_TEST", "1", 1);
	require(pthread_create(&thread, NULL, nothing, NULL) == 0, "pthread_create");
	pthread_join(thread, NULL);
}

int main(void)
{
	keeps();
	runtime();
	return 0;
}
