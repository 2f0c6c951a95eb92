/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names for addresses: function, file:line and inlined frames by elfutils' libdwfl (separate debug
 * info by build ID, .gnu_debuglink, debuginfod if DEBUGINFOD_URLS is set), demangled by libiberty;
 * JIT code by perf maps (/tmp/perf-PID.map, linux: tools/perf/Documentation/jit-interface.txt).
 */
#ifndef HEAPTAP_SYMBOL_SYMBOLIZE_H
#define HEAPTAP_SYMBOL_SYMBOLIZE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "symbol/module.h"

struct symbol {
	const char *function; /* demangled; NULL: unknown */
	uint64_t offset;      /* bytes from the function's start; 0 for inlined ones */
	const char *file;     /* source; NULL: unknown */
	uint32_t line, column; /* 0: unknown */
	bool inlined;	       /* this function was inlined into the next symbol's */
};

struct symbolizer;

struct symbolizer *symbolizer__new(void);
void symbolizer__free(struct symbolizer *symbolizer);

/*
 * symbolizer__new forks: debug info is read in processes apart (worker.h). Call it early, before
 * threads and large tables. They end with the symbolizer or with the caller. This is the pid that
 * all of them have or have as parent, so that a tracer can leave out its own.
 */
pid_t symbolizer__keeper(const struct symbolizer *symbolizer);

/*
 * What stands at an address: innermost inlined function first, the real one last; at least one
 * entry. The array and its strings belong to the symbolizer (they are kept until the module is forgotten:
 * asking again is cheap).
 *
 *   module, address   the file and the address in it (module__address); for a return address pass
 *                     is_return so that the call's own line is found (address - 1), while `offset`
 *                     still is that of the address itself
 *
 * Returns the number of symbols, or -ENOMEM. A file without names gives one symbol of NULLs.
 */
int symbolizer__resolve(struct symbolizer *symbolizer, struct module *module, uint64_t address,
	bool is_return, const struct symbol **ret_symbols);

/* The same for an address of process `pid` that lies in no file: its perf map (found through
 * /proc/PID/root and the process's own pid number in there), if it has one. The map is read when
 * symbolizer__note_process is called and again on a miss. */
int symbolizer__resolve_jit(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns,
	uint64_t address, const struct symbol **ret_symbols);

/* Read what is only there while the process lives (its perf map); call it before its end if
 * possible, as often as liked. */
void symbolizer__note_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns);

/* What was said of the module's addresses is freed; between two summaries, as all that forgets. */
void symbolizer__forget(struct symbolizer *symbolizer, const struct module *module);

/* Processes are forgotten together: all but those that were seen since the last time. */
void symbolizer__see_process(struct symbolizer *symbolizer, pid_t pid, uint64_t start_ns);
void symbolizer__forget_unseen(struct symbolizer *symbolizer);

#endif
