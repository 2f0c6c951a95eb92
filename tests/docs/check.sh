#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# check.sh: the man page, the completion and the README against what the tool says of itself (--help).
# Needs no root and no BPF. BUILD names the build directory.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

HEAPTAP=${BUILD:-build}/heaptap
MAN=man/heaptap.8
COMPLETION=scripts/heaptap.bash-completion

passed=0
failed=0

ok() {
	passed=$((passed + 1))
	echo "ok docs/$1"
}

fail() {
	failed=$((failed + 1))
	echo "FAIL docs/$1: $2"
}

# Both texts must be the same, and not empty.
same() {
	local name=$1 wanted=$2 found=$3
	if [ -n "$wanted" ] && [ "$wanted" = "$found" ]; then
		ok "$name"
	else
		fail "$name" "expected (<) and found (>) differ"
		diff <(echo "$wanted") <(echo "$found") | sed 's/^/    /'
	fi
}

# ---- the tool's side

commands() {
	"$HEAPTAP" --help | sed -nE 's/^  heaptap ([a-z][a-z-]*) .*/\1/p'
}

# "-i, --interval SEC" or "--blocks[=N]", a line each; of one command, or of all
help_options() {
	"$HEAPTAP" "$@" --help | sed -nE 's/^  ( {4}|-., )(--[a-z-]+( []A-Z=@[]+|\[=[A-Z]+\])?)  .*/\1\2/p' | sed 's/^ *//'
}

help_exit_codes() {
	"$HEAPTAP" --help | sed '1,/^exit codes:/d' | sed -E 's/^ +//; s/  +/ /'
}

# ---- the man page's side

# A section's source, its fonts and escapes taken off.
man_section() {
	sed -n "/^\.SH $1\$/,/^\.SH /p" "$MAN" | sed '1d; /^\.SH /d' |
		sed -E 's/\\f[A-Z]//g; s/\\-/-/g; s/\\e/\\/g'
}

# The tags of a section's .TP paragraphs.
man_tags() {
	man_section "$1" | sed -n '/^\.TP$/{n; s/^\.B //; p}'
}

# The options that the man page has for a command: of the subsections that name it in their title.
man_options() {
	man_section OPTIONS | awk -v command="$1" '
		/^\.SS / { titled = (", " substr($0, 5) ", ") ~ (", " command ", "); next }
		/^\.TP$/ { tag = 1; next }
		tag && titled { print }
		{ tag = 0 }'
}

man_exit_codes() {
	man_section 'EXIT STATUS' | awk '/^\.TP$/ { getline; code = substr($0, 4); getline; print code, $0 }'
}

# ---- the completion's side

# What bash would offer after these words.
completions() (
	# shellcheck disable=SC1090,SC2034
	source "$COMPLETION"
	COMP_WORDS=(heaptap "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_heaptap
	printf '%s\n' "${COMPREPLY[@]}"
)

long_options() {
	grep -oE -e '--[a-z-]+' | sort
}

# ---- the checks

check_commands() {
	same 'man page has the commands' \
		"$("$HEAPTAP" --help | sed -nE 's/^  (heaptap [a-z][a-z-]* .*)/\1/p')" "$(man_tags COMMANDS)"
	same 'man page has the synopses' \
		"$("$HEAPTAP" --help | sed -nE 's/^  (heaptap .*)/\1/p')" \
		"$(man_section SYNOPSIS | grep '^heaptap')"
	same 'completion has the commands' \
		"$({ commands; echo --help; echo --version; } | sort)" "$(completions '' | sort)"
}

check_command() {
	local command=$1 help
	help=$("$HEAPTAP" "$command" --help)
	same "$command --help succeeds" "0 usage: heaptap $command" \
		"$? $(head -n 1 <<<"$help" | cut -d' ' -f1-3)"
	same "man page has the options of $command" \
		"$(help_options "$command" | sort)" "$(man_options "$command" | sort)"
	same "completion has the options of $command" \
		"$(help_options "$command" | long_options)" "$(completions "$command" - | sort)"
}

# The words that an option's help offers: "bytes, blocks, growth or age (default …"
help_values() {
	"$HEAPTAP" run --help | grep -e "--$1 " | grep -oE '([a-z]+, )*[a-z]+ or [a-z]+ \(' |
		sed -E 's/ \(//; s/,? or |, /\n/g' | sort
}

check_values() {
	local option word
	for option in sort format link stack color blocks-by; do
		same "completion has the values of --$option" \
			"$(help_values $option)" "$(completions run --$option '' | sort)"
		for word in $(help_values $option); do
			same "--$option $word is taken" 0 \
				"$("$HEAPTAP" run --$option "$word" --help >/dev/null 2>&1; echo $?)"
		done
	done
}

check_help_as_a_whole() {
	same 'all options are those of the commands' \
		"$(help_options | grep -v -e --help | sort)" \
		"$(for command in $(commands); do help_options "$command"; done |
			grep -v -e --help | sort -u)"
	same 'man page has the exit codes' "$(help_exit_codes)" "$(man_exit_codes)"
}

check_man_format() {
	local said
	command -v mandoc >/dev/null || return
	if said=$(mandoc -Tlint -W warning "$MAN" 2>&1); then
		ok 'man page is clean under mandoc'
	else
		fail 'man page is clean under mandoc' "$said"
	fi
}

# Paths that a document names by a link lead to something.
check_links() {
	local document link
	for document in README.md docs/*.md; do
		for link in $(grep -oE '\]\([^)#:]+\)' "$document" | tr -d '()]' | sort -u); do
			if [ -e "$(dirname "$document")/$link" ]; then
				ok "$document leads to $link"
			else
				fail "$document leads to $link" "there is no such file"
			fi
		done
	done
}

# The make targets that the README names are there.
check_targets() {
	local target
	while read -r target; do
		if grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile tests/*.mk scripts/*.mk; then
			ok "make $target"
		else
			fail "make $target" "README.md names it, and there is no such target"
		fi
	done < <(grep -oE '\bmake [a-z-]+' README.md | cut -d' ' -f2 | sort -u)
}

if [ ! -x "$HEAPTAP" ]; then
	fail tool "$HEAPTAP is not there"
else
	check_commands
	for command in $(commands); do
		check_command "$command"
	done
	check_values
	check_help_as_a_whole
	check_man_format
	check_links
	check_targets
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
