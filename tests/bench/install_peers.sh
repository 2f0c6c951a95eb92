#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# install_peers.sh: the tools that heaptap is measured beside and that older distributions lack or have
# too old (libbpf's memleak, bpftrace 0.23), in a Debian 13 root of their own in the user's cache
# (600 MB): as root, by debootstrap. Nothing else of the system changes. Remove the folder to undo it.
set -euo pipefail

ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/heaptap/peers-trixie

if [ -x "$ROOT/usr/sbin/memleak-libbpf" ] && [ -x "$ROOT/usr/bin/bpftrace" ]; then
	echo "they are there: $ROOT"
	exit
fi
rm -rf "$ROOT.new"
mkdir -p "${ROOT%/*}"
debootstrap --variant=minbase --include=bpftrace,libbpf-tools trixie "$ROOT.new" \
	"${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
rm -rf "$ROOT"
mv "$ROOT.new" "$ROOT"
