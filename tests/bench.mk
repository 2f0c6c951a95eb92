# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Measurements. Included by the Makefile, which sets BUILD, CC, CLANG, BPFTOOL, ALL_CFLAGS and LIBS.
#
#   make bench            all of them, as root: $(BUILD)/bench.txt and $(BUILD)/bench.json
#   make bench-quick      the main ones, in two minutes (docs/performance.md explains the table)
#   make bench-peers      peers that this distribution lacks, in a root of their own in the cache
#
# BENCH is more words for tests/bench/run: which workloads, how many rounds.

BENCH ?=
BENCH_OUT := $(BUILD)/bench
BENCH_LOADS := $(addprefix $(BENCH_OUT)/,load load_fp load_lsan stopwatch onset)
BENCH_TOOLS := $(addprefix $(BENCH_OUT)/heaptap-,floor naive)
BENCHES := $(patsubst tests/bench/%.c,$(BENCH_OUT)/%,$(wildcard tests/bench/bench_*.c))

.PHONY: bench bench-quick bench-peers bench-programs
bench bench-quick: bench-programs
	@BUILD=$(BUILD) CC='$(CC)' BPFTOOL='$(BPFTOOL)' tests/bench/run $(if $(filter bench-quick,$@),--quick) $(BENCH)
bench-peers:
	@tests/bench/install_peers.sh
bench-programs: $(BUILD)/heaptap $(BENCH_LOADS) $(BENCH_TOOLS) $(BENCHES)

$(BENCH_OUT)/bench_%: tests/bench/bench_%.c $(BUILD)/libheaptap.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libheaptap.a $(LIBS)

# The loads as distributions build programs, as a walk by frame pointers needs them, and with the
# compiler's leak checker.
$(BENCH_OUT)/load: LOAD_FLAGS := -fomit-frame-pointer
$(BENCH_OUT)/load_fp: LOAD_FLAGS := -fno-omit-frame-pointer
$(BENCH_OUT)/load_lsan: LOAD_FLAGS := -fno-omit-frame-pointer -fsanitize=leak
$(BENCH_OUT)/load $(BENCH_OUT)/load_fp $(BENCH_OUT)/load_lsan: tests/bench/load/load.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -fno-builtin $(LOAD_FLAGS) -o $@ $< -lpthread
$(BENCH_OUT)/stopwatch $(BENCH_OUT)/onset: $(BENCH_OUT)/%: tests/bench/load/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -fno-builtin -o $@ $< -ldl

# heaptap with probes at the functions' first bytes: another choice of sites is linked before its own.
$(BENCH_OUT)/heaptap-naive: $(BUILD)/user/main.o $(BENCH_OUT)/naive_sites.o $(BUILD)/libheaptap.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(OWN_ALLOCATOR) $(LIBS)
$(BENCH_OUT)/naive_sites.o: tests/bench/load/naive_sites.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# heaptap with programs that return at once: the folder that carries the kernel side is compiled anew.
FLOOR_OUT := $(BENCH_OUT)/floor
FLOOR_OBJS := $(patsubst user/%.c,$(FLOOR_OUT)/%.o,$(wildcard user/probe/*.c))
$(BENCH_OUT)/heaptap-floor: $(BUILD)/user/main.o $(FLOOR_OBJS) $(BUILD)/libheaptap.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(OWN_ALLOCATOR) $(LIBS)
$(FLOOR_OBJS): $(FLOOR_OUT)/%.o: user/%.c $(FLOOR_OUT)/heaptap.skel.h
	@mkdir -p $(@D)
	$(CC) -I$(FLOOR_OUT) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(FLOOR_OUT)/heaptap.bpf.o: tests/bench/load/floor.bpf.c $(BPF_SRCS)
	@mkdir -p $(@D)
	$(BPF_CC) -Ibpf -c -o $@ $<
$(FLOOR_OUT)/heaptap.skel.h: $(FLOOR_OUT)/heaptap.bpf.o
	$(BPFTOOL) gen skeleton $< name heaptap_bpf > $@.new
	mv $@.new $@
