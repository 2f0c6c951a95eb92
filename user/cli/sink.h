/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One place that summaries go to, and how each kind of place is opened, written and ended. */
#ifndef HEAPTAP_CLI_SINK_H
#define HEAPTAP_CLI_SINK_H

#include <stdio.h>
#include "cli/options.h"
#include "record/recorder.h"
#include "report/summary.h"

struct sink {
	const struct sink_kind *kind;
	const struct renderer *format;
	const char *name;	   /* for people */
	char *path;		   /* NULL: a stream that is not ours */
	FILE *file;		   /* of streams */
	struct recorder *recorder; /* of recordings */
	char *last;		   /* what is written at the end; NULL: nothing yet */
	size_t last_sz;
	struct render_options rendering;
};

/* All return 0 or -errno. One that was not opened can be closed. */
struct sink_kind {
	int (*open)(struct sink *sink, const struct options *options);
	int (*write)(struct sink *sink, const struct summary *summary);
	int (*close)(struct sink *sink);
	bool keeps_all; /* gets the summary with all stacks, not those that are to be shown */
};

/* For a FILE of -o, or (NULL) a stream. */
const struct sink_kind *sink_kind__of(const char *path, const struct renderer *format);
bool sink__is_recording(const char *path); /* by its name */

#endif
