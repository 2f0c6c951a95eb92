#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a long watch holds, while thousands of processes come and go, each with an executable of its own that
is deleted then: open files, links, memory, and entries of the maps in the kernel, as a curve.

watch_churn.py [PROCESSES [PROGRAM [SECONDS]]]: SECONDS that they are spread over; PROGRAM of $BUILD/programs (leak;
leak_static has an allocator of its own, so that each copy is probed)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
NAME = "churned"
STEPS = 20
sys.path.insert(0, str(ROOT / "tests/runtime"))

import footprint  # noqa: E402


def start(directory):
    output = directory / "out"
    watch = subprocess.Popen([BUILD / "heaptap", "watch", "--comm", NAME, "-i", "1", "-f", "json", "-o", output])
    while not output.exists() or not output.stat().st_size:
        if watch.poll() is not None:
            sys.exit("heaptap has ended")
        time.sleep(0.05)
    return watch, output


def told(output):
    """Processes told of as ended, and losses."""
    ended, losses = set(), 0
    with open(output, encoding="ascii", errors="replace") as file:
        for line in file:
            summary = json.loads(line)
            ended |= {(p["pid"], p["image"]) for p in summary["processes"] if p["state"] == "exited"}
            losses = max(losses, summary["loss"]["total"])
    return len(ended), losses


def churn(cnt, directory, program, seconds):
    """In bursts, one a second, if they are to be spread."""
    began, bursts = time.monotonic(), max(1, int(seconds))
    for burst in range(bursts):
        share = cnt * (burst + 1) // bursts - cnt * burst // bursts
        subprocess.run([BUILD / "programs/churn", str(share), directory, NAME, BUILD / "programs" / program, "malloc"],
                       stdout=subprocess.DEVNULL, check=True)
        time.sleep(max(0, began + seconds * (burst + 1) / bursts - time.monotonic()))


def main(cnt=2000, program="leak", seconds=0):
    cnt, seconds = int(cnt), float(seconds)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        watch, output = start(directory)
        curve, began = [], time.monotonic()
        for step in range(STEPS + 1):
            curve.append(footprint.of(watch.pid))
            print(f"{cnt * step // STEPS:6}", " ".join(f"{key} {value}" for key, value in curve[-1].items()),
                  flush=True)
            if step < STEPS:
                churn(cnt // STEPS, directory, program, seconds / STEPS)
        took = time.monotonic() - began
        left_over = footprint.left_over(watch.pid)
        watch.send_signal(2)
        watch.wait()
        ended, losses = told(output)
    print(f"{cnt} processes in {took:.0f} s; {ended} told of, {losses} losses; keys of ended processes: {left_over}")
    print(json.dumps({"bench": "watch_churn", "kernel": os.uname().release, "program": program, "processes": cnt,
                      "seconds": round(took), "left_over": left_over, "curve": curve}))


if __name__ == "__main__":
    main(*sys.argv[1:])
