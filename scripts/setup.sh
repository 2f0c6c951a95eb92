#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# setup.sh [--print] [build] [test]: installs what is missing to build heaptap, and to test it (both,
# if neither is named), by the package manager of Debian and Ubuntu, of Fedora, or of Arch. Asks
# nothing. When all is there it does nothing, and needs neither root nor the network.
#
#   --print   only say what would be installed
#
# What is missing is found by one question to the package manager's own books, so it takes no time.
# A release that lacks a package altogether is told of, and the rest is installed: the build or the
# test that needs the package will say so in its turn.
set -euo pipefail

# One line for each need: set, then Debian's, Fedora's and Arch's packages. a/b: either will do, and
# the first that the release has is installed. -: none is needed.
needs() {
	cat <<'TABLE'
build | gcc                 | gcc                       | gcc
build | libc6-dev           | glibc-devel               | glibc
build | linux-libc-dev      | kernel-headers            | linux-api-headers
build | make                | make                      | make
build | binutils            | binutils                  | binutils
build | clang               | clang                     | clang
build | bpftool/linux-tools-generic | bpftool           | bpf
build | pkgconf/pkg-config  | pkgconf-pkg-config        | pkgconf
build | libbpf-dev          | libbpf-devel              | libbpf
build | libelf-dev          | elfutils-libelf-devel     | libelf
build | libdw-dev           | elfutils-devel            | elfutils
build | libcapstone-dev     | capstone-devel            | capstone
build | libiberty-dev       | binutils-devel            | binutils
build | libjson-c-dev       | json-c-devel              | json-c
build | libconfig-dev       | libconfig-devel           | libconfig
build | libjemalloc-dev     | jemalloc-devel            | jemalloc
build | zlib1g-dev          | zlib-devel/zlib-ng-compat-devel | zlib/zlib-ng-compat
test  | libcmocka-dev       | libcmocka-devel           | cmocka
test  | g++                 | gcc-c++ libstdc++-devel   | gcc
test  | -                   | glibc-static              | -
test  | musl-tools          | musl-gcc musl-libc-static | musl
test  | libclang-rt-dev/libclang-rt-14-dev/libclang-rt-19-dev/libclang-rt-18-dev | compiler-rt | compiler-rt
test  | -                   | libasan libubsan          | -
test  | libapr1-dev         | apr-devel                 | apr
test  | libtalloc-dev       | libtalloc-devel           | talloc
test  | libglib2.0-dev      | glib2-devel               | glib2
test  | libsqlite3-dev      | sqlite-devel              | sqlite
test  | libpython3-dev      | python3-devel             | python
test  | clang-format        | clang-tools-extra         | clang
test  | valgrind            | valgrind                  | valgrind
test  | golang-go           | golang                    | go
test  | libc6-dbg           | -                         | -
test  | gdb                 | gdb                       | gdb
test  | python3             | python3                   | python
test  | perl                | perl-interpreter          | perl
test  | git                 | git-core                  | git
test  | openssl             | openssl                   | openssl
test  | mawk/gawk           | gawk                      | gawk
test  | nodejs              | nodejs                    | nodejs
test  | sqlite3             | sqlite                    | sqlite
test  | cppcheck            | cppcheck                  | cppcheck
test  | zstd                | zstd                      | zstd
test  | jq                  | jq                        | jq
test  | qemu-system-x86     | qemu-system-x86-core      | qemu-system-x86
test  | redis-server        | redis/valkey-compat-redis | valkey/redis
test  | redis-tools         | -                         | -
test  | libjemalloc2        | jemalloc                  | jemalloc
test  | libtcmalloc-minimal4/libtcmalloc-minimal4t64 | gperftools-libs | gperftools
test  | libmimalloc2.0/libmimalloc3 | mimalloc          | mimalloc
test  | busybox-static      | busybox                   | busybox
test  | util-linux          | util-linux                | util-linux
test  | bsdutils            | util-linux-script/util-linux | util-linux
test  | xz-utils            | xz                        | xz
test  | chromium            | chromium                  | chromium
test  | chromium-driver     | chromedriver              | -
test  | python3-selenium    | python3-selenium          | python-selenium
test  | mandoc              | mandoc                    | mandoc
TABLE
}

say() {
	printf 'setup: %s\n' "$*" >&2
}

die() {
	say "$@"
	exit 1
}

# ---- package managers: installed_of NAME... prints those that are there; available NAME tells
# ---- whether the release has it; refresh brings the lists up to date; install NAME...

apt_installed_of() {
	dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' || true
}
apt_available() {
	[ -n "$(apt-cache madison "$1" 2>/dev/null)" ]
}
apt_refresh() {
	apt-get -q -o DPkg::Lock::Timeout=300 update
}
apt_install() {
	DEBIAN_FRONTEND=noninteractive without_services apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@"
	leave_redis_off "$@"
}

dnf_installed_of() {
	rpm -q --qf '%{NAME}\n' "$@" 2>/dev/null | grep -v ' ' || true
}
dnf_available() {
	[ -n "$(dnf -q repoquery "$1" 2>/dev/null)" ]
}
dnf_refresh() {
	dnf -q makecache
}
dnf_install() {
	dnf -y --setopt=install_weak_deps=False install "$@"
}

pacman_installed_of() {
	pacman -Qq "$@" 2>/dev/null || true
}
pacman_available() {
	pacman -Si "$1" >/dev/null 2>&1
}
pacman_refresh() {
	pacman -Sy --noconfirm
}
pacman_install() {
	pacman -S --needed --noconfirm "$@"
}

# ---- services: redis is a test's program; nobody asked for a server on this machine

POLICY=/usr/sbin/policy-rc.d # invoke-rc.d(8) and deb-systemd-invoke ask it before a start

without_services() (
	if [ ! -e "$POLICY" ]; then
		trap 'rm -f "$POLICY"' EXIT
		trap 'exit 130' INT TERM HUP
		printf '#!/bin/sh\nexit 101\n' >"$POLICY"
		chmod 755 "$POLICY"
	fi
	"$@"
)

leave_redis_off() {
	case " $* " in
	*" redis-server "*) update-rc.d redis-server disable ;; # of systemd, too
	esac
}

# ---- what to do

find_manager() {
	local manager program books
	for manager in apt:apt-get:dpkg-query:2 dnf:dnf:rpm:3 pacman:pacman:pacman:4; do
		IFS=: read -r MANAGER program books COLUMN <<<"$manager"
		if command -v "$program" >/dev/null && command -v "$books" >/dev/null; then
			return
		fi
	done
	COLUMN=2
	die "this system's package manager is not known (apt, dnf and pacman are). Install by hand" \
		"what Debian calls: $(wanted | cut -d/ -f1 | paste -sd' ')"
}

# The packages of the chosen sets (or choices of packages), each on a line.
wanted() {
	needs | grep -E "^(${SETS// /|}) " | cut -d'|' -f"$COLUMN" | tr -s ' ' '\n' |
		grep -vx -e - -e '' | sort -u
}

# Those of the wanted of which no choice is installed.
missing() {
	local all installed want choice choices
	mapfile -t all < <(wanted)
	IFS=/ read -ra choices <<<"$(IFS=/ && echo "${all[*]}")"
	installed=" $("${MANAGER}_installed_of" "${choices[@]}" | tr '\n' ' ') "
	for want in "${all[@]}"; do
		for choice in ${want//\// }; do
			case "$installed" in *" $choice "*) continue 2 ;; esac
		done
		echo "$want"
	done
}

choose() {
	local choice
	for choice in ${1//\// }; do
		if "${MANAGER}_available" "$choice"; then
			echo "$choice"
			return
		fi
	done
	say "this release has no package ${1//\// or }: going on without"
}

install_missing() {
	local lacking=("$@") packages
	[ "$(id -u)" -eq 0 ] || die "not installed: ${lacking[*]}. Run this as root to install it:" \
		"sudo $0 $SETS"
	say "installing: ${lacking[*]}"
	"${MANAGER}_refresh"
	mapfile -t packages < <(for want in "${lacking[@]}"; do choose "$want"; done)
	[ ${#packages[@]} -eq 0 ] || "${MANAGER}_install" "${packages[@]}"
}

main() {
	local print=false lacking
	SETS=""
	while [ $# -gt 0 ]; do
		case "$1" in
		--print) print=true ;;
		build | test) SETS="${SETS:+$SETS }$1" ;;
		*)
			say "'$1' is not known; usage: setup.sh [--print] [build] [test]"
			exit 2
			;;
		esac
		shift
	done
	SETS=${SETS:-build test}
	find_manager
	mapfile -t lacking < <(missing)
	if [ ${#lacking[@]} -eq 0 ]; then
		return
	elif $print; then
		printf '%s\n' "${lacking[@]}"
	else
		install_missing "${lacking[@]}"
	fi
}

main "$@"
