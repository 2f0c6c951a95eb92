/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the renderers share. */
#include "report/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "report/summary.h"

const struct stack_end_row stack_end_rows[STACK_END_CNT] = {
#define STACK_END(name, key, text) {key, text},
#include <heaptap/stack_ends.def>
#undef STACK_END
};

const struct range_kind_row range_kind_rows[RANGE_KIND_CNT] = {
#define RANGE_KIND(name, key, text) {key, text},
#include <heaptap/range_kinds.def>
#undef RANGE_KIND
};

uint64_t summary__outstanding_bytes(const struct summary *summary)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < summary->process_cnt; i++) {
		const struct summary_process *process = &summary->processes[i];

		sum += summary->min_age_s > 0 ? process->filtered_bytes
					      : process->totals.outstanding_bytes;
	}
	return sum;
}

static int errno_or_eio(void)
{
	return errno ? -errno : -EIO;
}

void output__write(struct output *output, const char *text, size_t sz)
{
	errno = 0;
	if (!output->err && fwrite(text, 1, sz, output->file) < sz)
		output->err = errno_or_eio();
}

void output__puts(struct output *output, const char *text)
{
	output__write(output, text, strlen(text));
}

void output__printf(struct output *output, const char *format, ...)
{
	va_list args;
	char *text;
	int sz;

	va_start(args, format);
	sz = vasprintf(&text, format, args);
	va_end(args);
	if (sz < 0) {
		output->err = output->err ? output->err : -ENOMEM;
		return;
	}
	output__write(output, text, sz);
	free(text);
}

int output__finish(struct output *output)
{
	errno = 0;
	if (fflush(output->file) && !output->err)
		output->err = errno_or_eio();
	clearerr(output->file);
	return output->err;
}
