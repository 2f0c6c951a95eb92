/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Summaries that the renderers' golden files are made of: data only, one for each situation that a
 * reader has to tell apart. A unit test is one file, so they are in a header.
 */
#ifndef HEAPTAP_TESTS_REPORT_SAMPLES_H
#define HEAPTAP_TESTS_REPORT_SAMPLES_H

#include "report/summary.h"

#define SAMPLE_CNT(array) (sizeof(array) / sizeof(*(array)))
#define FRAMES(array) .frames = (array), .frame_cnt = SAMPLE_CNT(array)
#define STACKS(array) .stacks = (array), .stack_cnt = SAMPLE_CNT(array)

#define SAMPLE_SUMMARY(kind_, processes_)                                                          \
	.kind = (kind_), .time = {1772334765, 123456789}, .uptime_s = 7805.25, .host = "db1",      \
	.kernel = "6.1.0-18-amd64", .link = "uprobe session", .cpu_s = 12.3456,                    \
	.rss_bytes = 47185920, .unwind_files = 7, .unwind_rows = 98765, .unwind_bytes = 790176,    \
	.unwind_load_s = 0.0421, .processes = (processes_), .process_cnt = SAMPLE_CNT(processes_)

#define LIBC "/usr/lib/x86_64-linux-gnu/libc.so.6"
#define LIBC_BUILD_ID "d1704d25fbbb72fa95d517b883131828c0883fe9"
#define REDIS "/usr/bin/redis-check-rdb"
#define REDIS_BUILD_ID "9f2c6a3d55e8c1b7a0d94e2f63b1885c7e0a4d12"

/* ---- frames ---- */

#define MALLOC_FRAME                                                                               \
	{                                                                                          \
		.address = 0x7f3a5c1e9d20, .function = "malloc", .offset = 0, .module = LIBC,      \
		.build_id = LIBC_BUILD_ID, .module_offset = 0x99d20                                \
	}

static struct summary_frame sds_frames[] = {
	MALLOC_FRAME,
	{0x55d0c8a1b2f4, "ztrymalloc_usable_internal", 0, "/usr/src/redis/src/zmalloc.c", 91, 17,
		REDIS, REDIS_BUILD_ID, 0x5b2f4, true},
	{0x55d0c8a1b2f4, "zmalloc_usable", 0x24, "/usr/src/redis/src/zmalloc.c", 123, 15, REDIS,
		REDIS_BUILD_ID, 0x5b2f4, false},
	{0x55d0c8a20d41, "_sdsnewlen", 0x51, "/usr/src/redis/src/sds.c", 104, 0, REDIS,
		REDIS_BUILD_ID, 0x60d41, false},
	{0x55d0c8a4f7b9, "createStringObject", 0x109, "/usr/src/redis/src/object.c", 122, 0, REDIS,
		REDIS_BUILD_ID, 0x8f7b9, false},
	{0x55d0c8a3c3e0, "processMultibulkBuffer", 0x2f0, "/usr/src/redis/src/networking.c", 2250,
		21, REDIS, REDIS_BUILD_ID, 0x7c3e0, false},
	{0x55d0c8a17a62, "main", 0x4a2, "/usr/src/redis/src/server.c", 7153, 5, REDIS,
		REDIS_BUILD_ID, 0x57a62, false},
	{0x7f3a5c17724a, "__libc_start_call_main", 0x7a, "../sysdeps/nptl/libc_start_call_main.h",
		58, 16, LIBC, LIBC_BUILD_ID, 0x2724a, false},
	{0x7f3a5c177305, "__libc_start_main_impl", 0x85, "../csu/libc-start.c", 360, 3, LIBC,
		LIBC_BUILD_ID, 0x27305, false},
	{0x55d0c8a181a1, "_start", 0x21, NULL, 0, 0, REDIS, REDIS_BUILD_ID, 0x581a1, false},
};

static struct summary_frame cpp_frames[] = {
	MALLOC_FRAME,
	{0x7f3a5c4ae98c, "operator new(unsigned long)", 0x1c, NULL, 0, 0,
		"/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", NULL, 0xae98c, false},
	{0x55d0c8b00010,
		"std::vector<std::pair<std::string, Session>, "
		"std::allocator<std::pair<std::string, "
		"Session> > >::_M_realloc_insert<std::pair<std::string, Session> >()",
		0x1d4, "/usr/include/c++/12/bits/vector.tcc", 439, 12, "/opt/app/libsession.so",
		NULL, 0x30010, false},
	{0x55d0c8b00444, NULL, 0, NULL, 0, 0, "/opt/app/libsession.so", NULL, 0x30444, false},
	{0x7f3a00001234, NULL, 0, NULL, 0, 0, NULL, NULL, 0, false},
	{0x7f3a00005678, "LInterpreter;::run", 0x18, NULL, 0, 0, "[jit]", NULL, 0, false},
};

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

static struct summary_stack leak_stacks[] = {
	{1500, 3, 3, 0, 1500, 1500, 0.004, 0.002, true, NULL, FRAMES(sds_frames)},
};

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

/* ---- names that attack terminals and parsers ---- */

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

/* ---- mapped memory ---- */

static struct summary_frame mmap_frames[] = {
	{0x7f3a5c2519aa, "mmap", 0xa, NULL, 0, 0, LIBC, LIBC_BUILD_ID, 0x1019aa, false},
	{0x55d0c8a1c000, "create_pool", 0x32, "/usr/src/app/pool.c", 57, 9, "/opt/app/pool", NULL,
		0x4000, false},
};

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

/* ---- a checkpoint after another */

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

static const struct summary nobody = {
	.kind = SUMMARY_FINAL,
	.time = {951782399, 999999999}, /* the second before 29 February 2000 */
	.uptime_s = 0.5,
};

/* ---- and how they are rendered ---- */

static const struct sample {
	const char *name; /* of the golden file */
	const struct summary *summary;
	struct render_options options;
} samples[] = {
	{"service", &service, {0}},
	{"service_verbose", &service, {.verbosity = 1}},
	{"service_colour", &service, {.colour = true}},
	{"sampled", &sampled, {0}},
	{"complete_run", &complete_run, {0}},
	{"incomplete", &incomplete, {0}},
	{"incomplete_colour", &incomplete, {.colour = true}},
	{"killed", &killed, {0}},
	{"wrong_frees", &wrong_frees, {0}},
	{"sections", &watched, {0}},
	{"no_blocks", &no_blocks, {0}},
	{"hostile", &hostile, {0}},
	{"hostile_verbose", &hostile, {.colour = true, .verbosity = 2}},
	{"many", &many, {0}},
	{"mapped", &mapping, {0}},
	{"mapped_old", &old_mapping, {0}},
	{"kinds", &kinds, {.statistics = true}},
	{"kinds_left_out", &kinds, {.left_out = KINDS_LEFT_OUT}},
	{"checkpoint", &checkpoint, {0}},
	{"nobody", &nobody, {0}},
};

#endif
