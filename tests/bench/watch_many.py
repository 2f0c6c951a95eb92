#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a machine-wide watch costs at its start: processes of many different programs run, heaptap watch of the C
library begins, each of them is made to allocate. Time to the first summary, memory, and how many files were
loaded how often. watch_many.py [PROCESSES]"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
# They wait for their standard input.
PROGRAMS = [[word, *words] for word, *words in (
    ("cat",), ("tee", "/dev/null"), ("sort",), ("uniq",), ("wc",), ("head", "-n99"), ("tail",), ("sed", "p"),
    ("awk", "{s = s $0}"), ("perl", "-ne", "$h{$.} = $_"), ("/usr/bin/python3", "-i", "-q"),
    ("sqlite3", ":memory:"), ("bash",), ("sh",), ("gdb", "-q"), ("tr", "a", "b"), ("cut", "-c1"), ("od",),
    ("md5sum",), ("sha256sum",), ("base64",), ("grep", "x"), ("xargs", "true"), ("dd", "of=/dev/null"),
    ("nl",), ("fold",), ("paste",), ("tac",), ("gzip",), ("bzip2",), ("xz",), ("openssl", "sha256"), ("m4",),
    ("jq", "."), ("expand",), ("rev",),
) if shutil.which(word)]


def start(cnt):
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [subprocess.Popen(PROGRAMS[i % len(PROGRAMS)], **quiet) for i in range(cnt)]


def first_summary(output, watch):
    while watch.poll() is None:
        lines = output.read_text().split("\n")[:-1] if output.exists() else []
        if lines:
            return json.loads(lines[0])
        time.sleep(0.01)
    sys.exit("heaptap has ended")


def main(cnt=200):
    processes = start(cnt)
    time.sleep(2)  # until they wait
    with tempfile.TemporaryDirectory() as directory:
        output = pathlib.Path(directory, "out")
        began = time.monotonic()
        watch = subprocess.Popen([BUILD / "heaptap", "watch", "-f", "json", "-o", output, "-i", "1", LIBC])
        first = first_summary(output, watch)
        seconds = time.monotonic() - began
        for process in processes:
            process.stdin.write(b"1 2 3\n" * 2000)
            process.stdin.close()
        for process in processes:
            process.wait()
        watch.send_signal(2)
        watch.wait()
        summaries = [json.loads(line) for line in output.read_text().split("\n")[:-1]]
    told = {(p["pid"], p["image"]): p for s in summaries for p in s["processes"]}.values()
    ours = [p for p in told if p["pid"] in {process.pid for process in processes}]
    cost = summaries[-1]["cost"]
    complete = sum(p["stacks_complete"] for p in ours)
    truncated = sum(sum(p["stacks_truncated"].values()) for p in ours)
    print(f"{cnt} processes of {min(cnt, len(PROGRAMS))} programs: {seconds:.2f} s to the first summary, "
          f"{first['cost']['rss_bytes'] / 2**20:.0f} MiB resident then, "
          f"{max(s['cost']['rss_bytes'] for s in summaries) / 2**20:.0f} MiB at most, "
          f"{cost['unwind_bytes'] / 2**20:.1f} MiB of rows of {cost['unwind_files']} files in the kernel "
          f"({cost['unwind_load_s'] * 1e3:.0f} ms to load)")
    print(f"{len(ours)} of them allocated, {complete} of {complete + truncated} stacks complete, "
          f"{sum(s['loss']['total'] for s in summaries)} losses")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
