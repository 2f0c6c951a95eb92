/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sample summaries of processes that run, end, are many, or of which events were lost. */
#ifndef HEAPTAP_TESTS_SAMPLE_PROCESSES_H
#define HEAPTAP_TESTS_SAMPLE_PROCESSES_H

#include "sample_stacks.h"

/* ---- a service that is growing, attached to ---- */

static struct summary_stack service_stacks[] = {
	{33030144, 8000, 9000, 1000, 37158912, 1048576, 10920, 12.3, true, NULL,
		FRAMES(sds_frames)},
	{16777216, 1, 1, 0, 16777216, 0, 10921, 10921, false,
		"ends at an address that lies in no file", FRAMES(cpp_frames)},
	{704003, 4004, 9863077, 9859073, 1200000000, -2048, 7700, 0.012, true, NULL,
		.frames = sds_frames, .frame_cnt = 3},
	{0, 0, 4120, 4120, 65920, -65920, -1, -1, true, NULL, .frames = sds_frames, .frame_cnt = 1},
};

static struct summary_stack service_arenas[] = {
	{.outstanding_bytes = 704003,
		.outstanding_blocks = 4004,
		.allocs = 2,
		.complete = true,
		FRAMES(sds_frames)},
	{.allocs = 1, .end = "the call stack was lost"},
};

static struct summary_process service_process[] = {{
	.info = {.tgid = 1234,
		.image = 0xdeadbeef,
		.comm = "redis-server",
		.exe = "/usr/bin/redis-check-rdb",
		.state = PROCESS_RUNNING},
	.age_s = 442800.5,
	.complete = true,
	.totals = {9876543, 9864198, 1288490188, 12345, 50541363, 52534000, 0},
	.anomalies = {.unmatched_frees = 1207},
	.growth_bytes = 1046528,
	.growth_blocks = 300,
	.events_received = 19741086,
	.counters = {{[COUNTER_nested_calls] = 5120,
		[COUNTER_abandoned_calls] = 1,
		[COUNTER_size_queries] = 77}},
	STACKS(service_stacks),
	.stacks_total = 57,
	.arenas = {4, 4004, 704003, STACKS(service_arenas), .stacks_total = 3},
	.stack_ends = {[STACK_END_ROOT] = 54, [STACK_END_BAD_PC] = 3},
}};

static const struct summary service = {
	SAMPLE_SUMMARY(SUMMARY_PERIODIC, service_process),
	.events_received = 19741086,
	.counters = {{[COUNTER_nested_calls] = 5120, [COUNTER_abandoned_calls] = 1}},
};

/* ---- the same service, sampled; only old blocks asked for ---- */

static struct summary_stack sampled_stacks[] = {
	{33554432, 8192, 9216, 1024, 37748736, 1048576, 10920, 612.3, true, NULL,
		FRAMES(sds_frames), .estimate = {64, 1990, 8156250}},
	{16777216, 1, 1, 0, 16777216, 0, 10921, 10921, true, NULL, .frames = sds_frames,
		.frame_cnt = 2, .estimate = {1, 0, 0}},
};

static struct summary_process sampled_process[] = {
	{
		.info = {.tgid = 1234, .comm = "redis-server", .state = PROCESS_RUNNING},
		.age_s = 442800.5,
		.complete = true,
		.totals = {9870000, 9857655, 1288490188, 12345, 51000000, 52534000, 3},
		.growth_bytes = 1046528,
		.growth_blocks = 300,
		.events_received = 4873,
		.filtered_bytes = 50331648,
		.filtered_blocks = 8193,
		.allocs_estimate = {2457, 390000, 50331648},
		.outstanding_estimate = {98, 2443, 9437184},
		.filtered_estimate = {65, 1990, 8156250},
		.frees_error = 389000,
		.counters = {{[COUNTER_nested_calls] = 5120}},
		STACKS(sampled_stacks),
		.stacks_total = 57,
		.stack_ends = {[STACK_END_ROOT] = 57},
	},
	{
		.info = {.tgid = 1235, .comm = "cron", .state = PROCESS_EXITED, .from_birth = true},
		.complete = false,
		.totals = {1000, 1000, 300000, 0, 0, 300000, 0},
		.allocs_estimate = {1, 1960, 588000},
		.frees_error = 1960,
		.counters = {{[COUNTER_lost_samples] = 2}},
	},
};

static const struct summary sampled = {
	SAMPLE_SUMMARY(SUMMARY_PERIODIC, sampled_process),
	.min_age_s = 600,
	.sample_bytes = 512 << 10,
	.events_received = 4873,
	.counters = {{[COUNTER_nested_calls] = 5120, [COUNTER_lost_samples] = 2}},
};

/* ---- run: from birth to exit ---- */

static struct summary_process leak_process[] = {{
	.info = {.tgid = 4711,
		.comm = "leak",
		.exe = "/opt/tests/leak",
		.from_birth = true,
		.state = PROCESS_EXITED,
		.exit_code = 3},
	.age_s = 0.25,
	.complete = true,
	.totals = {10, 7, 5000, 3, 1500, 2500, 2},
	.growth_bytes = 1500,
	.growth_blocks = 3,
	.events_received = 19,
	STACKS(leak_stacks),
	.stacks_total = 1,
}};

static const struct summary complete_run = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, leak_process),
	.events_received = 19,
};

/* ---- losses ---- */

static struct summary_stack lossy_stacks[] = {
	{2097152, 2048, 4096, 2048, 4194304, 2097152, 60.2, 0.5, false, NULL, .frames = NULL,
		.blocks_in_doubt = 36},
	{1048576, 1, 1, 0, 1048576, 1048576, 59.97, 59.97, false,
		"ends at a function without unwind rows", .frames = sds_frames, .frame_cnt = 4},
};

static struct summary_process lossy_process[] = {{
	.info = {.tgid = 99,
		.exec = 2,
		.comm = "mysqld",
		.exe = "/usr/sbin/mysqld",
		.from_birth = true,
		.state = PROCESS_RUNNING},
	.age_s = -1,
	.complete = false,
	.totals = {4097, 2048, 5242880, 2049, 3145728, 3145728, 0},
	.anomalies = {.unmatched_frees = 12, .replaced_blocks = 3, .unknown_stacks = 2048},
	.growth_bytes = 3145728,
	.growth_blocks = 2049,
	.blocks_in_doubt = 36,
	.events_received = 6145,
	.counters = {{[COUNTER_lost_allocs] = 1200,
		[COUNTER_lost_frees] = 34,
		[COUNTER_lost_stacks] = 1,
		[COUNTER_no_memory] = 5}},
	STACKS(lossy_stacks),
	.stacks_total = 2,
}};

static const struct summary incomplete = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, lossy_process),
	.events_received = 6145,
	.counters = {{[COUNTER_lost_allocs] = 1200,
		[COUNTER_lost_frees] = 36,
		[COUNTER_lost_stacks] = 1,
		[COUNTER_no_memory] = 5}},
};

/* ---- ends ---- */

static struct summary_process killed_process[] = {{
	.info = {.tgid = 31337,
		.comm = "worker",
		.exe = "/opt/app/worker",
		.from_birth = true,
		.state = PROCESS_KILLED,
		.signal = 11},
	.age_s = 3,
	.complete = true,
	.totals = {1, 0, 512, 1, 512, 512, 0},
	.growth_bytes = 512,
	.growth_blocks = 1,
	.events_received = 2,
	.stacks = leak_stacks,
	.stack_cnt = 0,
	.stacks_total = 1,
}};

static const struct summary killed = {
	SAMPLE_SUMMARY(SUMMARY_EXIT, killed_process),
	.events_received = 2,
};

static struct summary_stack freed_stacks[] = {
	{0, 0, 345, 345, 1258291, 0, -1, -1, true, NULL, FRAMES(sds_frames)},
};

static struct summary_process clean_process[] = {{
	.info = {.tgid = 500,
		.comm = "ls",
		.exe = "/usr/bin/ls",
		.from_birth = true,
		.state = PROCESS_EXITED},
	.age_s = 0.01,
	.complete = true,
	.totals = {345, 345, 1258291, 0, 0, 54476, 0},
	.events_received = 692,
	STACKS(freed_stacks),
	.stacks_total = 1,
}};

static const struct summary no_blocks = {
	SAMPLE_SUMMARY(SUMMARY_FINAL, clean_process),
	.events_received = 692,
};

/* ---- many processes, all classes of them; only old blocks asked for ---- */

static struct summary_stack old_stacks[] = {
	{1024, 1, 2, 1, 2048, 0, 3600, 3600, true, NULL, .frames = sds_frames, .frame_cnt = 4},
	{512, 2, 2, 0, 512, 512, 700, 650, true, NULL, .frames = sds_frames, .frame_cnt = 2},
};

#define SMALL_TOTALS .totals = {4, 1, 2560, 3, 1536, 2048, 0}

static struct summary_process many_processes[] = {
	{
		.info = {.tgid = 10, .comm = "sh", .from_birth = true, .state = PROCESS_REPLACED},
		.age_s = 2,
		.complete = true,
	},
	{
		.info = {.tgid = 10,
			.exec = 1,
			.comm = "app",
			.from_birth = true,
			.exe = "/opt/app"},
		.age_s = 7200,
		.complete = true,
		SMALL_TOTALS,
		.anomalies = {.unmatched_frees = 2},
		.filtered_bytes = 1536,
		.filtered_blocks = 3,
		STACKS(old_stacks),
		.stacks_total = 3,
	},
	{
		.info = {.tgid = 11, .comm = "cron", .exe = "/usr/sbin/cron"},
		.age_s = 86400 * 12.5,
		.complete = true,
		SMALL_TOTALS,
		.growth_bytes = 512,
		.growth_blocks = 1,
		.filtered_bytes = 2000,
		.filtered_blocks = 4,
		STACKS(old_stacks),
		.stacks_total = 2,
	},
	{
		.info = {.tgid = 12, .comm = "rsyslogd", .exe = "/usr/sbin/rsyslogd"},
		.age_s = 86400 * 12.5,
		.complete = true,
		.totals = {4, 4, 2560, 0, 0, 2048, 0},
		.anomalies = {.unmatched_frees = 70},
	},
	{
		.info = {.tgid = 13, .comm = "lost", .state = PROCESS_KILLED, .signal = 34},
		.age_s = -1,
		.complete = false,
		.totals = {4, 4, 2560, 0, 0, 2048, 0},
		.counters = {{[COUNTER_lost_lifecycle] = 1}},
	},
	{
		.info = {.tgid = 14, .comm = "closed", .exe = "/srv/closed"},
		.age_s = 1,
		.complete = false,
		.note = "its files cannot be opened: Permission denied",
	},
};

static const struct summary many = {
	SAMPLE_SUMMARY(SUMMARY_PERIODIC, many_processes),
	.min_age_s = 600,
	.events_received = 40,
	.counters = {{[COUNTER_lost_lifecycle] = 1}},
};

/* ---- none at all ---- */

static const struct summary nobody = {
	.kind = SUMMARY_FINAL,
	.time = {951782399, 999999999}, /* the second before 29 February 2000 */
	.uptime_s = 0.5,
};

#endif
