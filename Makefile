# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make            build/heaptap              make check      all tests (set-up first, as root)
#   make demo       set-up, build, two traces  make install    DESTDIR= PREFIX=
#   make bench      measurements (-quick)      make unit       unit tests; SAN=1 under sanitizers
#
# Every .c below user/ is part of the tool; every tests/unit/test_*.c is a test program. Nothing is
# listed by hand.

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
CC ?= cc
CXX ?= c++
CLANG ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config

COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

# Warnings are errors where the compiler is known (CI); a newer compiler may know new ones.
WERROR := $(if $(CI),-Werror)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wno-unused-parameter $(WERROR)
CFLAGS ?= -O2 -g
comma := ,
SAN_FLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -O1)
ifdef SAN
override BUILD := $(BUILD)/san
endif
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SAN_FLAGS) -Iuser -Iinclude \
	-I$(BUILD) -DHEAPTAP_VERSION='"$(VERSION)"' -DHEAPTAP_COMMIT='"$(COMMIT)"'
# heaptap allocates from an allocator of its own: the probes in the C library are on every process of the
# machine, and would slow it down. Where there is no static one it uses the C library's.
OWN_ALLOCATOR := $(filter /%,$(shell $(CC) -print-file-name=libjemalloc_pic.a))
LIBS := -lbpf -ldw -lelf -lcapstone -liberty -ljson-c -lconfig -lz -lpthread -lm

USER_SRCS := $(filter-out user/main.c,$(wildcard user/*/*.c))
USER_OBJS := $(USER_SRCS:%.c=$(BUILD)/%.o)
BPF_SRCS := $(wildcard bpf/*.c bpf/*.h vmlinux/*.h include/heaptap/*)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.PHONY: all
all: $(BUILD)/heaptap

$(BUILD)/heaptap: $(BUILD)/user/main.o $(BUILD)/libheaptap.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(OWN_ALLOCATOR) $(LIBS)

$(BUILD)/libheaptap.a: $(USER_OBJS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c | $(BUILD)/heaptap.skel.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/user/report/html_assets.o: $(wildcard user/report/html/*)

# The kernel side: compiled by clang, carried in the tool as a skeleton header.
BPF_CC := $(CLANG) -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra $(WERROR) \
	-Wno-unused-parameter -Wno-gnu-variable-sized-type-not-at-end -Ivmlinux -Iinclude
$(BUILD)/heaptap.bpf.o: $(BPF_SRCS)
	@mkdir -p $(@D)
	$(BPF_CC) -c -o $@ bpf/heaptap.bpf.c

$(BUILD)/heaptap.skel.h: $(BUILD)/heaptap.bpf.o
	$(BPFTOOL) gen skeleton $< name heaptap_bpf > $@.new
	mv $@.new $@

# A changed version or commit has to show in the one file that prints it.
$(BUILD)/user/cli/version.o: $(BUILD)/commit
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' > $@
.PHONY: FORCE
FORCE:

.PHONY: clean
clean:
	rm -rf $(BUILD)

include tests/programs.mk
-include tests/tests.mk
-include tests/bench.mk
-include tests/kernels.mk
-include scripts/install.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
