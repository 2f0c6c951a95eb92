# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What heaptap's BPF programs are and take: instructions after the verifier (xlated) and after the compiler (bytes),
runs, and nanoseconds per run at depth 20. The kernel measures these while somebody holds BPF_ENABLE_STATS, and
adds some 20 to 40 ns to each: the floor's programs, which return at once, show how much."""
import ctypes
import json
import os
import pathlib
import re
import subprocess
import time

from measure import Failed
from places import BENCH, HEAPTAP
from running import Place, stop, until_attached

BPF_SYSCALL, BPF_ENABLE_STATS, BPF_STATS_RUN_TIME = 321, 32, 0  # x86-64; bpf(2), include/uapi/linux/bpf.h
SECONDS = 1


class Stats:
    """The kernel's switch is on as long as this is: it goes with its file descriptor, whatever happens."""

    def __enter__(self):
        kind = ctypes.c_uint32(BPF_STATS_RUN_TIME)
        self.fd = ctypes.CDLL(None, use_errno=True).syscall(BPF_SYSCALL, BPF_ENABLE_STATS, ctypes.byref(kind), 4)
        if self.fd < 0:
            raise Failed(f"BPF_ENABLE_STATS: {os.strerror(ctypes.get_errno())}")
        return self

    def __exit__(self, *_):
        os.close(self.fd)


def program_ids(pid):
    """Of the programs that a process holds: {id: (runs, nanoseconds)}."""
    found = {}
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(re.findall(r"^(prog_id|run_cnt|run_time_ns):\t(\d+)$", path.read_text(), re.MULTILINE))
        if "run_cnt" in fields:
            found[fields["prog_id"]] = int(fields["run_cnt"]), int(fields["run_time_ns"])
    return found


def described(number):
    text = subprocess.run([os.environ.get("BPFTOOL", "bpftool"), "-j", "prog", "show", "id", number],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(text)


def measure_tool(tool):
    with Place() as place, Stats():
        load = place.start([BENCH / "load", "pairs", "20", "1", "100"], "load")
        tracer = place.start([tool, "attach", "-o", "/dev/null", load.pid], "tracer")
        until_attached(place, tracer, "heaptap")
        time.sleep(SECONDS)
        found = program_ids(tracer.pid)
        programs = {number: described(number) for number in found}
        stop(tracer)
    table = {}
    for number, (runs, ns) in found.items():
        info = programs[number]
        table[info["name"]] = {"xlated_instructions": info["bytes_xlated"] // 8, "jited_bytes": info["bytes_jited"],
                               "runs": runs, "ns_per_run": round(ns / runs, 1) if runs else None}
    return table


def measure():
    """{program: what is known of it}, with the floor's time per run beside."""
    table, floor = measure_tool(HEAPTAP), measure_tool(BENCH / "heaptap-floor")
    for name, row in table.items():
        row["floor_ns_per_run"] = floor.get(name, {}).get("ns_per_run")
    return {name: table[name] for name in sorted(table)}
