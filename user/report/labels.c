/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names for formats whose readers cut lines. */
#include "report/labels.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "util/text.h"

/* Takes `text`, which may be NULL. */
static char *escape(char *text, const char *separators)
{
	char *result = text ? calloc(strlen(text) + 1, strlen("\\xNN")) : NULL, *to = result;

	for (const char *from = text; result && *from; from++) {
		if (strchr(separators, *from))
			to += sprintf(to, "\\x%02x", (unsigned char)*from);
		else
			*to++ = *from;
	}
	free(text);
	return result;
}

__attribute__((format(printf, 2, 3))) static char *label(
	const char *separators, const char *format, ...)
{
	char *raw, *printable;
	va_list args;
	int ret;

	va_start(args, format);
	ret = vasprintf(&raw, format, args);
	va_end(args);
	if (ret < 0)
		return NULL;
	printable = text__printable(raw);
	free(raw);
	return escape(printable, separators);
}

const char *path__name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *process__comm(const struct process_info *info, char buf[static COMM_SIZE])
{
	memcpy(buf, info->comm, sizeof(info->comm));
	buf[sizeof(info->comm)] = '\0';
	return buf;
}

char *process__label(const struct summary_process *process, const char *separators)
{
	const struct process_info *info = &process->info;
	char comm[COMM_SIZE];

	return label(
		separators, "%s-%d", *info->comm ? process__comm(info, comm) : "?", info->tgid);
}

char *frame__label(const struct summary_frame *frame, const char *separators)
{
	if (frame->function && *frame->function)
		return label(separators, "%s", frame->function);
	if (frame->module && frame->module_offset)
		return label(separators, "[%s+0x%llx]", path__name(frame->module),
			(unsigned long long)frame->module_offset);
	return label(separators, "[0x%llx]", (unsigned long long)frame->address);
}
