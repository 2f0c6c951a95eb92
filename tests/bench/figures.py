# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is measured of heaptap alone: how fast it is there, how fast it tells, and what its parts take.
Each case gives {name: (value, unit)} of one round."""
import json
import os
import pwd
import re
import subprocess
import time
from typing import Callable, NamedTuple

import inputs
from measure import Failed, Missing
from places import BENCH, HEAPTAP, LIBC, LIBRARIES
from running import Place, WITH_US, stop, until, until_attached
from watched import many_processes

STACKS = 10000


# ---- start-up: the target says when its allocator has become slow (load/onset.c)

def onset_words():
    """Libraries of the system, the same ones each time; small ones first, that the mappings be near a hundred."""
    return [BENCH / "onset", *sorted(LIBRARIES.glob("lib*.so.[0-9]"), key=lambda path: (path.stat().st_size, path))]


def onset_seconds(place, words):
    """From the start of a heaptap to the first traced call of onset, which runs already."""
    began = time.monotonic()
    tracer = place.start(words, "tracer")
    found = until(lambda: re.search(r"^onset ([\d.]+)$", place.text("onset.out"), re.MULTILINE), "the first event")
    stop(tracer)
    return float(found[1]) - began


def onset_ready(place):
    found = until(lambda: re.search(r"^ready (\d+)$", place.text("onset.out"), re.MULTILINE), "onset")
    if int(found[1]) < 100:
        raise Missing(f"only {found[1]} mappings")


def attach_to_mappings():
    with Place() as place:
        target = place.start(onset_words(), "onset")
        onset_ready(place)
        seconds = onset_seconds(place, [HEAPTAP, "attach", "-o", "/dev/null", target.pid])
        return {"attach to a process with 100 mappings, first event": (seconds, "s")}


def watch_of(processes):
    """The processes are another user's, whom the watch is of."""
    def case():
        try:
            user = pwd.getpwnam("nobody")
        except KeyError as none:
            raise Missing("there is no user nobody") from none
        with Place() as place, many_processes(place, processes - 1, user):
            place.start([*WITH_US, "--reuid", user.pw_uid, "--clear-groups", *onset_words()], "onset")
            onset_ready(place)
            seconds = onset_seconds(place, [HEAPTAP, "watch", "-o", "/dev/null", "--user", "nobody"])
            return {f"watch --user of {processes} processes, first event": (seconds, "s")}
    return case


# ---- the final report

def final_report():
    """Of 10,000 stacks, the program's debug information not in the page cache."""
    program = inputs.much_debug_information()
    with Place() as place:
        target = place.start([program], "program")
        books = place.path("books")
        tracer = place.start([HEAPTAP, "attach", "-f", "json", "-o", books, target.pid], "tracer")
        until_attached(place, tracer, "heaptap")
        round_now = place.text("program.out").count("round")
        until(lambda: place.text("program.out").count("round") > round_now + 3, "the program's next rounds")
        forget_pages(program)
        seconds, _, _ = stop(tracer)
        check_named(place)
        return {"SIGINT to the final report, 10,000 stacks, "
                f"{program.stat().st_size / 1e6:.0f} MB program": (seconds, "s")}


def forget_pages(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def check_named(place):
    """A report is only worth its time if it has the names."""
    last = json.loads(place.text("books").splitlines()[-1])
    frames = [frame["function"] or "" for process in last["processes"]
              for stack in process["stacks"] for frame in stack["frames"]]
    named = len({function for function in frames if function.startswith("leaf")})
    if named < STACKS:
        raise Failed(f"{named} of {STACKS} functions are named")


# ---- the collector and the rows, as programs of their own that print "name<TAB>value<TAB>unit"

def program(name, *words):
    def case():
        done = subprocess.run([BENCH / name, *words], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise Failed(f"{name}: exit status {done.returncode}")
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return {figure: (float(value), unit) for figure, value, unit in lines}
    return case


class Case(NamedTuple):
    round_s: float  # about: for the estimate at the beginning
    run: Callable


def full():
    return {"attach": Case(1, attach_to_mappings), "watch": Case(6, watch_of(300)),
            "final report": Case(6, final_report),
            "ingest": Case(10, program("bench_ingest", "10000000")), "heap": Case(12, program("bench_heap")),
            "rows": Case(2, program("bench_rows"))}


def quick():
    return {"attach": Case(1, attach_to_mappings), "ingest": Case(2, program("bench_ingest", "1000000")),
            "rows": Case(0.1, program("bench_rows", LIBC))}
