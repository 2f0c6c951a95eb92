#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a call stack costs: nanoseconds that it adds to an allocation, by depth, ours (--stack dwarf, a program
without frame pointers) beside the kernel's frame-pointer walk (--stack fp, the same program with them).

Each figure is a median over interleaved rounds: (time per pair with stacks) - (with --stack none).
stack_cost.py [ROUNDS [PAIRS]]"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
DEPTHS = (5, 20, 50, 100)
# name: (program, --stack, more words)
CASES = {
    "none": ("pairs", "none", ()),
    "fp": ("pairs_fp", "fp", ()),
    "ours": ("pairs", "dwarf", ()),
    "none, new paths": ("pairs", "none", ("1", "new")),
    "ours, new paths": ("pairs", "dwarf", ("1", "new")),
}
NEW_PAIRS = 20000  # each is a stack of its own


def ns_per_pair(case, depth, pairs):
    program, mode, words = CASES[case]
    if words:
        pairs = min(pairs, NEW_PAIRS)
    command = [BUILD / "heaptap", "run", "--no-children", "--stack", mode, "-o", "/dev/null", "-n", "1", "--",
               BUILD / "bench" / program, str(depth), str(pairs), *words]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def measure(rounds, pairs):
    table = {}
    for depth in DEPTHS:
        times = {case: [] for case in CASES}
        for _ in range(rounds):
            for case in CASES:
                times[case].append(ns_per_pair(case, depth, pairs))
        table[depth] = {case: statistics.median(values) for case, values in times.items()}
    return table


def main(rounds=3, pairs=200000):
    table = measure(rounds, pairs)
    print(f"{'depth':>5} {'pair, no stack':>14} {'+ bpf_get_stack':>15} {'+ ours':>8} {'ratio':>6} "
          f"{'+ ours, new path':>16} {'ratio':>6}   (ns)")
    for depth, row in table.items():
        kernel, ours = row["fp"] - row["none"], row["ours"] - row["none"]
        new = row["ours, new paths"] - row["none, new paths"]
        print(f"{depth:5} {row['none']:14.0f} {kernel:15.0f} {ours:8.0f} {ours / kernel:6.2f} "
              f"{new:16.0f} {new / kernel:6.2f}")
    print(json.dumps({"bench": "stack_cost", "kernel": os.uname().release, "ns_per_pair": table}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
