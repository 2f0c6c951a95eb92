#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# check.sh: set-up, build, and all suites of tests: `make check`. The last line is their sum:
#
#   N passed, N failed[, N skipped]
#
# A suite is a target of tests/tests.mk that ends with such a line of its own. One that ends without it
# (it crashed, it didn't build), that ran no test, or that fails without a failed test counts as one
# failed test. With CI=true a skipped test is a failed one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

MAKE=${MAKE:-make}
BUILD=${BUILD:-build}
LOGS=$BUILD/check
SUM='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$'

# name, then the target and what else make is told
suites() {
	cat <<TABLE
docs            docs-check
bpf-size        bpf-size
unit            unit
unit-sanitized  unit SAN=1 BUILD=$BUILD/san
unit-valgrind   unit-valgrind
fuzz            fuzz
runtime         runtime
kernels         check-two-kernels
TABLE
}

quiet_make() {
	$MAKE --no-print-directory -s -j"$(nproc)" BUILD="$BUILD" "$@"
}

passed=0
failed=0
skipped=0
lines=()

# The numbers of a suite's sum line go into the totals.
add() {
	local name=$1 status=$2 sum=$3 seconds=$4 p=0 f=0 s=0
	if [ -n "$sum" ]; then
		read -r p f s <<<"$(tr -cs '0-9' ' ' <<<"$sum")"
		s=${s:-0}
	fi
	if [ -z "$sum" ] || [ $((p + f + s)) -eq 0 ] || { [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; }; then
		f=$((f + 1))
		sum="${sum:+$sum; }ended with status $status"
	fi
	if [ "${CI:-false}" = true ]; then
		f=$((f + s))
		s=0
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
	lines+=("$(printf '%-16s %5d s   %s' "$name" "$seconds" "$sum")")
}

run_suite() {
	local name=$1 began=$SECONDS log=$LOGS/$1.log status
	shift
	printf '\n==== %s\n' "$name"
	quiet_make "$@" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	add "$name" "$status" "$(grep -E "$SUM" "$log" | tail -n 1)" $((SECONDS - began))
}

# What all suites need. If it fails there is nothing to test.
prepare() {
	printf '==== set-up\n'
	scripts/setup.sh || return 1
	printf '\n==== build\n'
	quiet_make all programs
}

tell() {
	printf '\n==== all\n'
	printf '%s\n' "${lines[@]}"
	printf '%d passed, %d failed' "$passed" "$failed"
	[ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
	printf '\n'
}

mkdir -p "$LOGS"
if prepare; then
	while read -r name target; do
		# shellcheck disable=SC2086 # a target and its variables
		run_suite "$name" $target </dev/null
	done < <(suites)
else
	add set-up,build 1 "" "$SECONDS"
fi
tell
[ "$failed" -eq 0 ]
