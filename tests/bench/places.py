# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where things are."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
BENCH = BUILD / "bench"
INPUTS = BENCH / "inputs"
HEAPTAP = BUILD / "heaptap"
LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
LIBC = LIBRARIES / "libc.so.6"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "heaptap")
PEERS = CACHE / "peers-trixie"
