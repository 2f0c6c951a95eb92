/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sample summary with names that attack terminals and parsers, and the largest numbers. */
#ifndef HEAPTAP_TESTS_SAMPLE_HOSTILE_H
#define HEAPTAP_TESTS_SAMPLE_HOSTILE_H

#include "sample_stacks.h"

static struct summary_frame hostile_frames[] = {
	{UINT64_MAX, "a\nb\x1b[2Jc\"\\\xff", UINT64_MAX,
		"/src/\x07"
		"bell\r.c",
		UINT32_MAX, 1,
		"/tmp/\xc2\x9b"
		"31m\xe2\x80\xae"
		"x",
		"not\nhex", UINT64_MAX, false},
	{0, "", 0, "", 0, 9, "", "", 1, false},
	{1, "f", 0, "/", 7, 0, "/", NULL, 0, true},
};

static struct summary_stack hostile_stacks[] = {
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, UINT64_MAX, INT64_MIN, 1e300, 0, false,
		"ends\nwith a newline", FRAMES(hostile_frames)},
};

static struct summary_block hostile_blocks[] = {
	{UINT64_MAX, UINT64_MAX, UINT64_MAX, INT32_MAX, 1e300, UINT64_MAX, BLOCK_CLIENT,
		"tag\n\x1b[2J\xff",
		{UINT64_MAX, "f\x1b[31m", UINT64_MAX, "a\nb", UINT32_MAX, 1, "\xc2\x9b", NULL,
			UINT64_MAX, false},
		"1b5b324a\n\x1b[2J\xff"},
};

#define HOSTILE_MAPPED                                                                             \
	{                                                                                          \
		.is_told = true,                                                                   \
		.totals = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, \
			UINT64_MAX, {UINT64_MAX, UINT64_MAX, UINT64_MAX}},                         \
		.growth_bytes = INT64_MIN, STACKS(hostile_stacks), .stacks_total = SIZE_MAX,       \
	}

static struct summary_process hostile_process[] = {{
	.info = {.tgid = 1,
		.comm = {'n', 'o', '\n', 'e', 'n', 'd', '\x1b', '[', '0', 'm', '\xff', '\xc3', '"',
			'\\', '/', '!'},
		.exe = "/tmp/\x1b]0;owned\x07/\xe2\x82",
		.state = PROCESS_KILLED,
		.signal = 200},
	.age_s = 1e300,
	.complete = false,
	.note = "its\tfiles cannot be read: \x1b[31mPermission denied",
	.totals = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		UINT64_MAX},
	.growth_bytes = INT64_MIN,
	.growth_blocks = INT64_MIN,
	.events_received = UINT64_MAX,
	STACKS(hostile_stacks),
	.stacks_total = SIZE_MAX,
	.mapped = HOSTILE_MAPPED,
	.kind_bytes = {UINT64_MAX, 0, UINT64_MAX},
	.kind_blocks = {UINT64_MAX, 0, UINT64_MAX},
	.blocks = hostile_blocks,
	.block_cnt = SAMPLE_CNT(hostile_blocks),
}};

static const struct summary hostile = {
	.kind = SUMMARY_FINAL,
	.time = {0, 0},
	.uptime_s = 1e-9,
	.host = "evil\nhost\xff",
	.processes = hostile_process,
	.process_cnt = 1,
	.link = "x\x1b",
	.cpu_s = 1e12,
};

#endif
