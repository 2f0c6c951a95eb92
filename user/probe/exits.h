/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All places where a function returns: its `ret` instructions.
 *
 * A return probe replaces the return address on the target's stack by that of the kernel's
 * trampoline, which no call frame information describes. An exception that leaves such a function
 * finds nobody to go on to, and the process is killed by std::terminate. So a function that may
 * throw gets no return probe: its ret instructions are probed instead. There the stack pointer is
 * what it was at the entry, the result is in its register, and nothing of the target is changed.
 *
 * That is only worth something if no ret is missing. Every way from the entry is followed: through
 * direct jumps and branches, also out of the function's body (cold parts, tail calls: the rets of
 * functions that are jumped to are exits of this one), through the procedure linkage table to the
 * file's own definitions (see wrappers.h), and, as an exception may be caught inside, to the
 * landing pads of all that is passed. A call comes back, unless its function's code ends behind it.
 * A way ends at a jump to a function that has a return probe of its own: that one tells of the
 * block.
 *
 * It cannot be told where all rets are if a way comes to an indirect jump or to another file, to
 * bytes that are no instruction, or if there is too much of anything. A ret too many does no harm
 * but for its cost: the kernel side compares the stack pointer and the return address.
 *
 * The price: the kernel steps a ret out of line, which costs ten times as much as a return probe.
 *
 * A return probe is not left by anything else in an allocator: longjmp leaves the hijacked address
 * behind, and the kernel cleans up; threads are not cancelled inside (malloc is no cancellation
 * point, POSIX 2.9.5.2).
 */
#ifndef HEAPTAP_PROBE_EXITS_H
#define HEAPTAP_PROBE_EXITS_H

#include "probe/fragments.h"
#include "probe/wrappers.h"

#define EXITS_MAX 64

struct exits {
	uint64_t addresses[EXITS_MAX];
	size_t cnt;
};

/* NULL, or what prevents it, for people. Without exits (it never returns) there is nothing to
 * probe, either. */
const char *exits__find(const struct call_map *map, const struct fragments *fragments,
	uint64_t entry, struct exits *ret_exits);

#endif
