/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What heaptap says about itself, on stderr. A message is formatted whole, made harmless whole (its
 * arguments may be names out of targets), and written by one call, so that it stays one line beside
 * the output of a traced command on the same terminal. A newline inside it would be made harmless
 * too: one message is one line. errno is left as it was.
 */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "util/text.h"

int log_verbosity;

__attribute__((format(printf, 2, 0))) static void say(
	const char *prefix, const char *format, va_list args)
{
	char *raw = NULL, *printable = NULL;
	int saved_errno = errno;

	if (vasprintf(&raw, format, args) < 0)
		raw = NULL;
	printable = text__printable(raw);
	/* without memory the format still tells what happened; it is our own text */
	fprintf(stderr, "heaptap: %s%s\n", prefix, printable ? printable : format);
	free(printable);
	free(raw);
	errno = saved_errno;
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}

void log_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("warning: ", format, args);
	va_end(args);
}

void log_debug(int level, const char *format, ...)
{
	va_list args;

	if (log_verbosity < level)
		return;
	va_start(args, format);
	say("", format, args);
	va_end(args);
}
