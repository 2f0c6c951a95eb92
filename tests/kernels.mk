# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The tool on other kernels, in emulated machines. Included by the Makefile, which sets BUILD.
#
#   make check-kernels                  all of KERNELS (names of tests/kernels/packages.py)
#   make check-kernels KERNELS=6.1      one of them
#   make check-kernels TESTS="stack fd" only tests whose names contain one of these texts

KERNELS ?= 6.1 6.12 newest
export TESTS

.PHONY: check-kernels check-two-kernels
check-kernels: $(BUILD)/heaptap programs
	@BUILD=$(BUILD) tests/kernels/run $(KERNELS)
# The oldest and the newest: a part of make check.
check-two-kernels: $(BUILD)/heaptap programs
	@BUILD=$(BUILD) tests/kernels/run 6.1 newest
