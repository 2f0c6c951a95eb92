/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sample summaries of what is told only if it is asked for. */
#ifndef HEAPTAP_TESTS_SAMPLE_OPTIONS_H
#define HEAPTAP_TESTS_SAMPLE_OPTIONS_H

#include "sample_stacks.h"

/* ---- wrong frees ---- */

#define SHORT_PATH(cnt)                                                                            \
	{                                                                                          \
		.complete = true, .frames = sds_frames, .frame_cnt = (cnt)                         \
	}

static struct summary_finding wrong_findings[] = {
	{FINDING_DOUBLE_FREE, 3, 0x55d0c9000010, 100, 0,
		.stacks = {{.complete = true, FRAMES(sds_frames)}, SHORT_PATH(3),
			{.complete = false,
				.end = "ends at a function without unwind rows",
				.frames = sds_frames,
				.frame_cnt = 2}},
		.has_stack = {true, true, true}},
	{FINDING_MISMATCHED_FREE, 1, 0x55d0c9000100, 1, 0,
		.stacks = {SHORT_PATH(2), [FINDING_STACK_ALLOCATION] = {.complete = true,
						  .frames = cpp_frames,
						  .frame_cnt = 2}},
		.has_stack = {true, false, true}},
	{FINDING_INVALID_FREE, 1, 0x55d0c9000210, 4096, 16,
		.stacks = {SHORT_PATH(2), [FINDING_STACK_ALLOCATION] = SHORT_PATH(3)},
		.has_stack = {true, false, true}},
	{FINDING_INVALID_FREE, 2000, 0x7ffc00000000, 0, 0,
		.stacks = {{.complete = false, .frames = NULL}}, .has_stack = {true}},
};

#define FINDINGS(array) .findings = (array), .finding_cnt = SAMPLE_CNT(array)

static struct summary_process wrong_processes[] = {
	{
		.info = {.tgid = 40,
			.comm = "wrong",
			.from_birth = true,
			.state = PROCESS_KILLED,
			.signal = 6},
		.age_s = 2,
		.complete = true,
		.totals = {4, 3, 5000, 1, 1500, 2500, 0},
		.anomalies = {.unmatched_frees = 2005},
		FINDINGS(wrong_findings),
		.findings_left_out = 7,
		STACKS(leak_stacks),
		.stacks_total = 1,
	},
	{
		.info = {.tgid = 41, .comm = "lossy", .from_birth = true},
		.age_s = 2,
		.counters = {{[COUNTER_lost_allocs] = 1}},
		.findings = wrong_findings,
		.finding_cnt = 1,
	},
};

static const struct summary wrong_frees = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, wrong_processes),
	.events_received = 2100,
	.counters = {{[COUNTER_lost_allocs] = 1}},
	.checked = true,
};

/* ---- sections ---- */

static struct summary_stack left_stacks[] = {
	{.outstanding_bytes = 40960,
		.outstanding_blocks = 10,
		.complete = true,
		FRAMES(sds_frames)},
	{.outstanding_bytes = 7,
		.outstanding_blocks = 1,
		.end = "ends at a function without unwind rows",
		.frames = sds_frames,
		.frame_cnt = 2},
	{.outstanding_bytes = 6,
		.outstanding_blocks = 1,
		.complete = true,
		.frames = cpp_frames,
		.frame_cnt = 1},
	{.outstanding_bytes = 5,
		.outstanding_blocks = 1,
		.complete = true,
		.frames = cpp_frames,
		.frame_cnt = 1},
};

static struct summary_section watched_sections[] = {
	{
		.function = "handle_request",
		.totals = {.calls = 1000,
			.left = 3,
			.under_way = 2,
			.thread_cnt = 4,
			.sums = {12500, 1500000, 13, 40978, 7, 700},
			.most = {30, 4096, 2, 4096, 1, 100}},
		.complete = true,
		STACKS(left_stacks),
		.stacks_total = 12,
	},
	{
		.function = "evil\x1b[31m",
		.totals = {.calls = 1, .thread_cnt = 1, .sums = {1, 1}, .most = {1, 1}},
		.complete = false,
	},
	{.function = "never_called", .complete = true},
};

static struct summary_process watched_process[] = {{
	.info = {.tgid = 42, .comm = "watched", .from_birth = true},
	.age_s = 2,
	.complete = true,
	.totals = {4, 3, 5000, 1, 1500, 2500, 0},
	STACKS(leak_stacks),
	.stacks_total = 1,
	.sections = watched_sections,
	.section_cnt = SAMPLE_CNT(watched_sections),
}};

static const struct summary watched = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, watched_process),
	.events_received = 7,
};

/* ---- mapped memory ---- */

static struct summary_stack mapped_stacks[] = {
	{8388608, 2, 3, 0, 25165824, 4096, 60.5, 1.25, true, NULL, FRAMES(mmap_frames)},
	{4096, 1, 1, 0, 4096, 4096, 1.25, 1.25, true, NULL, .frames = mmap_frames, .frame_cnt = 1},
	{0, 0, 700, 0, 2867200, 0, -1, -1, true, NULL, .frames = mmap_frames, .frame_cnt = 1},
};

static struct summary_process mapping_processes[] = {
	{
		.info = {.tgid = 21, .comm = "pool", .from_birth = true, .exe = "/opt/app/pool"},
		.age_s = 61,
		.complete = true,
		.totals = {10, 7, 5000, 3, 1500, 2500, 2},
		.growth_bytes = 1500,
		.growth_blocks = 3,
		.events_received = 1419,
		STACKS(leak_stacks),
		.stacks_total = 1,
		.mapped =
			{
				.is_told = true,
				.totals = {.maps = 706,
					.unmaps = 702,
					.bytes_mapped = 28040524,
					.outstanding_ranges = 4,
					.outstanding_bytes = 8394032,
					.peak_outstanding_bytes = 16785408,
					.kind_bytes = {8388608, 4096, 1328}},
				.growth_bytes = 8192,
				STACKS(mapped_stacks),
				.stacks_total = 4,
			},
	},
	{
		.info = {.tgid = 22, .comm = "raw", .exe = "/opt/app/raw"},
		.age_s = 61,
		.complete = false,
		.events_received = 3,
		.counters = {{[COUNTER_lost_maps] = 1, [COUNTER_lost_unmaps] = 2}},
		.mapped =
			{
				.is_told = true,
				.totals = {.maps = 2,
					.unmaps = 1,
					.bytes_mapped = 8192,
					.peak_outstanding_bytes = 4096,
					.unseen_unmaps = 1},
				.stacks = mapped_stacks,
				.stacks_total = 1,
			},
	},
	{
		.info = {.tgid = 23, .comm = "true", .exe = "/bin/true"},
		.age_s = 61,
		.complete = true,
		.mapped = {.is_told = true},
	},
};

static const struct summary mapping = {
	SAMPLE_SUMMARY(SUMMARY_PERIODIC, mapping_processes),
	.events_received = 1422,
	.counters = {{[COUNTER_lost_maps] = 1, [COUNTER_lost_unmaps] = 2}},
};

static struct summary_process old_mapping_process[] = {{
	.info = {.tgid = 21, .comm = "pool", .from_birth = true, .exe = "/opt/app/pool"},
	.age_s = 61,
	.complete = true,
	.mapped =
		{
			.is_told = true,
			.totals = {.maps = 4,
				.bytes_mapped = 8396800,
				.outstanding_ranges = 4,
				.outstanding_bytes = 8396800,
				.peak_outstanding_bytes = 8396800,
				.kind_bytes = {8396800}},
			.growth_bytes = 8396800,
			.filtered_bytes = 4096,
			.filtered_ranges = 1,
			.stacks = &mapped_stacks[1],
			.stack_cnt = 1,
			.stacks_total = 1,
		},
}};

static const struct summary old_mapping = {
	SAMPLE_SUMMARY(SUMMARY_PERIODIC, old_mapping_process),
	.min_age_s = 600,
	.events_received = 4,
};

/* ---- kinds, and blocks one by one ---- */

static struct summary_stack kind_stacks[] = {
	{1500, 3, 3, 0, 1500, 1500, 0.004, 0.002, true, NULL, FRAMES(sds_frames)},
	{256, 1, 1, 0, 256, 256, 0.004, 0.004, true, NULL, FRAMES(mmap_frames),
		.kind = BLOCK_CLIENT, .tag = "pool"},
	{72704, 1, 1, 0, 72704, 72704, 0.005, 0.005, true, NULL, FRAMES(cpp_frames),
		.kind = BLOCK_RUNTIME},
};

static struct summary_block listed_blocks[] = {
	{
		.number = 18,
		.addr = 0x55d0c9a3c2a0,
		.size = 500,
		.tid = 4712,
		.age_s = 0.004,
		.caller = {0x55d0c8a1b2f4, "zmalloc_usable", 0x24, "/usr/src/redis/src/zmalloc.c",
			123, 15, REDIS, REDIS_BUILD_ID, 0x5b2f4, false},
		.contents = "48656c6c6f2c20776f726c64210a00ff1b5b324a",
	},
	{
		.number = 19,
		.addr = 0x55d0c9a3c4b0,
		.size = 256,
		.tid = 4711,
		.age_s = 0.002,
		.kind = BLOCK_CLIENT,
		.tag = "pool",
		.caller = {0x55d0c8a1c000, "create_pool", 0x32, NULL, 0, 0, "/opt/app/pool", NULL,
			0x4000, false},
		.contents = "",
	},
	{.number = 4400000000000, .addr = 16, .age_s = -1, .kind = BLOCK_RUNTIME},
};

static struct summary_process kinds_process[] = {{
	.info = {.tgid = 4711,
		.comm = "leak",
		.exe = "/opt/tests/leak",
		.from_birth = true,
		.state = PROCESS_EXITED},
	.age_s = 0.25,
	.complete = true,
	.totals = {13, 7, 78196, 6, 74484, 75000, 0},
	.growth_bytes = 74484,
	.growth_blocks = 6,
	.events_received = 20,
	.kind_bytes = {1500, 256, 72704, 24},
	.kind_blocks = {3, 1, 1, 1},
	STACKS(kind_stacks),
	.stacks_total = 5,
	.blocks = listed_blocks,
	.block_cnt = SAMPLE_CNT(listed_blocks),
}};

static const struct summary kinds = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, kinds_process),
	.events_received = 20,
};

/* ---- a checkpoint after another ---- */

static struct summary_stack checkpoint_stacks[] = {
	{33030144, 8000, 9000, 1000, 37158912, 1048576, 10920, 12.3, true, NULL,
		.frames = sds_frames, .frame_cnt = 3, .since_bytes = 8192, .since_blocks = 2},
	{700, 4, 4, 0, 700, 0, 7700, 7700, true, NULL, .frames = sds_frames, .frame_cnt = 1},
};

static struct summary_process checkpoint_processes[] = {
	{
		.info = {.tgid = 1234, .comm = "redis-server", .state = PROCESS_RUNNING},
		.age_s = 7,
		.complete = true,
		.totals = {9004, 1000, 37159612, 8004, 33030844, 33030844, 0},
		.growth_bytes = 1048576,
		.growth_blocks = 255,
		.since = {-4096, -1, 8192, 2},
		STACKS(checkpoint_stacks),
		.stacks_total = 2,
		.stack_ends = {[STACK_END_ROOT] = 2},
	},
	{
		.info = {.tgid = 1235, .comm = "idle", .state = PROCESS_RUNNING},
		.age_s = 7,
		.complete = true,
		.totals = {1, 1, 10, 0, 0, 10, 0},
		.since = {-10, -1, 0, 0},
	},
};

static const struct summary checkpoint = {
	SAMPLE_SUMMARY(SUMMARY_CHECKPOINT, checkpoint_processes),
	.checkpoint = "after \xff\x1b[31m import",
	.previous_checkpoint = "before",
};

#endif
