#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a malloc/free pair costs when all blocks are followed, and when they are sampled: medians over interleaved
rounds, nanoseconds per pair by the program's clock. OTHER is another build of heaptap to be measured beside, for
example one from before a change.

sample_cost.py [ROUNDS [PAIRS [OTHER]]]"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
DEPTH = 20
CASES = {"all": (), "--sample 512K": ("--sample", "512K"), "--sample 4K": ("--sample", "4K"),
         "all, no stack": ("--stack", "none"), "--sample 512K, no stack": ("--sample", "512K", "--stack", "none")}


def ns_per_pair(heaptap, options, pairs):
    command = [BUILD / "bench/pairs", str(DEPTH), str(pairs)]
    if heaptap:
        command = [heaptap, "run", "--no-children", *options, "-o", "/dev/null", "-n", "1", "--", *command]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main(rounds=7, pairs=200000, other=None):
    cases = {"untraced": (None, ())}
    cases.update({name: (BUILD / "heaptap", options) for name, options in CASES.items()})
    if other:
        cases.update({f"{name} ({other})": (other, CASES[name]) for name in ("all", "all, no stack")})
    times = {name: [] for name in cases}
    for _ in range(rounds):
        for name, (heaptap, options) in cases.items():
            times[name].append(ns_per_pair(heaptap, options, pairs))
    for name, values in times.items():
        print(f"{statistics.median(values):8.0f}  ({min(values):.0f} to {max(values):.0f})  {name}")
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(json.dumps({"bench": "sample_cost", "kernel": os.uname().release, "ns_per_pair": medians}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
