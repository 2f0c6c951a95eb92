# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything that tests or shows. Included by the Makefile, which sets BUILD, UNIT_TESTS, ALL_CFLAGS and
# LIBS.
#
#   make check            set-up, then every suite of tests/check.sh; the last line is the sum
#   make unit             unit tests; SAN=1: under AddressSanitizer and UBSan
#   make unit-valgrind    unit tests under memcheck
#   make fuzz             each fuzzer for FUZZ_SECONDS
#   make docs-check       the documents against the tool
#   make bpf-size         the BPF programs' instructions against their record
#   make runtime          the tool against real programs, as root
#   make oracle-table     real programs × allocators: heaptap's totals and the oracle's (minutes)
#   make stress           threads at full speed for STRESS_SECONDS: exact, and nothing lost
#   make demo             see scripts/demo.sh

FUZZ_SECONDS ?= 5
FUZZ_CFLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
VALGRIND := valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99
# Not these: valgrind before 3.21 has no openat2(2), and the worker process that reads debug
# information has a limit of memory that valgrind itself goes beyond.
NOT_UNDER_VALGRIND := $(BUILD)/tests/test_module $(BUILD)/tests/test_symbolize%

# Nothing is built before the set-up: check.sh calls make again for that.
.PHONY: check
check:
	+@MAKE='$(MAKE)' BUILD='$(BUILD)' tests/check.sh

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libheaptap.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libheaptap.a $(LIBS) -lcmocka

.PHONY: unit unit-valgrind
unit: $(UNIT_TESTS)
	@tests/unit/run $^
unit-valgrind: $(filter-out $(NOT_UNDER_VALGRIND),$(UNIT_TESTS))
	@UNDER='$(VALGRIND)' LIMIT=900 tests/unit/run $^

# The fuzzers have a build of their own, with the library instrumented: below $(BUILD)/fuzz.
.PHONY: fuzz fuzz-run
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(CLANG) CFLAGS='$(FUZZ_CFLAGS)' fuzz-run
fuzz-run: $(FUZZERS)
	@tests/fuzz/run $(FUZZ_SECONDS) $^
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libheaptap.a
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(BUILD)/libheaptap.a $(LIBS)

.PHONY: docs-check
docs-check: $(BUILD)/heaptap
	@BUILD=$(BUILD) tests/docs/check.sh

.PHONY: bpf-size
bpf-size: $(BUILD)/heaptap.bpf.o
	@CLANG='$(CLANG)' tests/bpf/instructions.py $< tests/bpf/instructions.txt

.PHONY: runtime
runtime: $(BUILD)/heaptap programs
	@BUILD=$(BUILD) tests/runtime/run

.PHONY: oracle-table
oracle-table: $(BUILD)/heaptap programs
	@BUILD=$(BUILD) tests/runtime/oracle_table

STRESS_SECONDS ?= 30
.PHONY: stress
stress: $(BUILD)/heaptap programs
	@BUILD=$(BUILD) HEAPTAP_STRESS_SECONDS=$(STRESS_SECONDS) tests/runtime/run stress

.PHONY: demo
demo:
	@scripts/setup.sh build
	@$(MAKE) --no-print-directory -s $(BUILD)/heaptap $(BUILD)/programs/leaky_server
	@BUILD=$(BUILD) scripts/demo.sh
