/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Call stacks that sample summaries are made of. */
#ifndef HEAPTAP_TESTS_SAMPLE_STACKS_H
#define HEAPTAP_TESTS_SAMPLE_STACKS_H

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

static struct summary_frame mmap_frames[] = {
	{0x7f3a5c2519aa, "mmap", 0xa, NULL, 0, 0, LIBC, LIBC_BUILD_ID, 0x1019aa, false},
	{0x55d0c8a1c000, "create_pool", 0x32, "/usr/src/app/pool.c", 57, 9, "/opt/app/pool", NULL,
		0x4000, false},
};

static struct summary_stack leak_stacks[] = {
	{1500, 3, 3, 0, 1500, 1500, 0.004, 0.002, true, NULL, FRAMES(sds_frames)},
};

#endif
