#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# demo.sh: heaptap at work on a small leaking server of ours, and on a program of the system. `make
# demo` builds what it takes. BUILD names the build directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BUILD=${BUILD:-build}
HEAPTAP=$BUILD/heaptap
SERVER=$BUILD/programs/leaky_server

say() {
	printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
}

# Shows a command, and runs it.
show() {
	local word line=""
	for word in "$@"; do
		if [[ "$word" == *\ * ]]; then
			word="\"$word\""
		fi
		line="$line $word"
	done
	printf '    #%s\n\n' "$line"
	"$@" 2>&1
}

show_server() {
	say "1. A server is running; it answers 2000 requests a second, and it leaks." \
		"heaptap attaches to it as it is, and looks for three seconds."
	"$SERVER" 60 >/dev/null &
	server=$!
	trap 'kill "$server" 2>/dev/null || true' EXIT
	show "$HEAPTAP" attach --interval 2 --duration 3 --top 3 "$server"
	kill "$server"
	wait "$server"
	trap - EXIT
	say "The stack that grows is the leak: session_new, called by log_in. The server ran on."
}

# The first of these that the system has.
show_system() {
	say "2. A program of this system, from its first allocation to its exit: what it never freed."
	if command -v sqlite3 >/dev/null; then
		show "$HEAPTAP" run --top 3 -- sqlite3 :memory: "select 'hello from sqlite3'"
	elif command -v python3 >/dev/null; then
		show "$HEAPTAP" run --top 3 -- "$(command -v python3)" -c 'print("hello from python3")'
	elif command -v perl >/dev/null; then
		show "$HEAPTAP" run --top 3 -- perl -e 'print "hello from perl\n"'
	else
		show "$HEAPTAP" run --top 3 -- ls /
	fi
	say "Most programs leave their end to the kernel; such blocks are no leak. A library that" \
		"is used again and again is another matter."
	say "Next: heaptap --help, man/heaptap.8, or: $HEAPTAP watch --interval 5"
}

if ! "$HEAPTAP" doctor >/dev/null; then
	"$HEAPTAP" doctor
	exit 1
fi
show_server
show_system
