# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is run below each tracer."""
import dataclasses
import re
import shutil
import socket
import subprocess
import time
from typing import Callable

import inputs
from measure import Failed, Missing
from places import BENCH, LIBC, LIBRARIES
from running import Place, stop, until, until_attached
from tracers import Sample


@dataclasses.dataclass
class Workload:
    """A command. What it is measured in: nanoseconds per operation, if it says them itself, else its seconds."""
    name: str
    argv: Callable  # (load program) → words; makes the inputs
    round_s: float               # one round of all its rows, about: for the estimate at the beginning
    unit: str = "s"
    leaves_out: tuple = ()       # tracers that this is not run with,
    only: tuple = ()             # or the only ones
    remark: str = ""             # what the table says of it
    library = LIBC               # whose allocator it uses

    def run(self, tracer):
        tracer.need()
        with Place() as place:
            return tracer.run(place, self.argv(BENCH / tracer.load), self.library)

    def measure(self, tracer):
        """The sample's fields, and which of its times is the value."""
        sample = self.run(tracer)
        value = sample.seconds if self.unit == "s" else sample.own_ns
        if value is None:
            raise Failed("the load has told no time")
        return {"value": value, **dataclasses.asdict(sample)}


STACK_MODES = ("heaptap --stack none", "heaptap --stack fp")  # their cost is in the pairs
REDIS_LIBRARY = LIBRARIES / "libjemalloc.so.2"


class Redis(Workload):
    """A server is attached to while it runs; its clients are timed. Tracers that cannot attach start it."""
    library = REDIS_LIBRARY

    def __init__(self, name, requests, round_s):
        super().__init__(name, None, round_s, leaves_out=STACK_MODES)
        self.requests = requests

    def run(self, tracer):
        if not (shutil.which("redis-server") and shutil.which("redis-benchmark")):
            raise Missing("redis is not installed")
        tracer.need()
        with Place() as place:
            port = free_port()
            server = place.start([*tracer.inside(place), "redis-server", "--port", port, "--save", "",
                                  "--daemonize", "no", "--dir", place.directory], "server", tracer.environment)
            until(lambda: "Ready to accept" in place.text("server.out"), "redis-server")
            return self.run_clients(place, tracer, port, server)

    def run_clients(self, place, tracer, port, server):
        words = tracer.attach(place, server.pid, self.library)
        began = time.monotonic()
        attached = place.start(words, "tracer") if words else None
        if attached:
            until_attached(place, attached, "tracer")
        sample = Sample(self.client_seconds(place, port))
        if attached:
            _, sample.cpu_s, sample.rss_bytes = stop(attached)
            tracer.told(place, sample)
        sample.whole_s = time.monotonic() - began
        return sample

    def client_seconds(self, place, port):
        began = time.monotonic()
        client = place.start(["redis-benchmark", "-q", "-p", port, "-n", self.requests, "-c", "20", "-t",
                              "set,get,lpush,hset"], "client")
        if client.wait(300):
            raise Failed(f"redis-benchmark: {place.told('client')}")
        return time.monotonic() - began


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def load(*words):
    return lambda program: [program, *words]


def installed(program, argv):
    """argv(): the words, when the program is there."""
    def words(_):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
        return argv()
    return words


def compiler_proper():
    """cc1 itself: tracers that follow one pid would see nothing of what the driver starts."""
    path = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if not re.match("/", path):
        raise Missing("gcc's cc1 is not installed")
    return path


PAIR, BLOCK, CALL = "ns per pair", "ns per block", "ns per call"
# Those tables in the kernel hold a million blocks; or it takes many minutes.
NOT_FOR_MILLIONS = (*STACK_MODES, "heaptap, naive sites", "memleak (libbpf)", "bpftrace", "valgrind memcheck",
                    "LeakSanitizer")


QUICK = ("untraced", "floor", "heaptap", "heaptap --sample 512K")


def pairs(depth, threads, seconds, round_s):
    many = "s" if threads > 1 else ""
    return Workload(f"pairs, depth {depth}, {threads} thread{many}", load("pairs", depth, threads, seconds),
                    round_s, PAIR)


def program(name, argv, round_s, leaves_out=STACK_MODES, remark=""):
    return Workload(name, argv, round_s, leaves_out=leaves_out, remark=remark)


def rows_into_sqlite(cnt, round_s, **how):
    return program(f"sqlite3, {cnt:,} rows", installed("sqlite3", lambda: inputs.sqlite(cnt)), round_s, **how)


def full():
    return [
        *(pairs(depth, threads, 1, 22) for threads in (1, 2) for depth in (5, 20, 50)),
        Workload("10,000 stacks, depth 20", load("paths", 20, 10000, 1), 22, PAIR),
        Workload("always new stacks, depth 20", load("paths", 20, 0, 1), 7, PAIR,
                 only=("untraced", "floor", "heaptap", "heaptap --stack none")),
        Workload("realloc growth", load("realloc", 1), 18, CALL, leaves_out=STACK_MODES),
        Workload("live set of 1 M blocks", load("live", 1000000), 20, BLOCK, leaves_out=STACK_MODES),
        Workload("live set of 10 M blocks", load("live", 10000000), 45, BLOCK, leaves_out=NOT_FOR_MILLIONS,
                 remark="peers that keep fewer blocks, or are very slow, are left out"),
        program("python3, JSON and AST", installed("/usr/bin/python3", lambda: inputs.python(10)), 30),
        rows_into_sqlite(1000000, 60, leaves_out=NOT_FOR_MILLIONS,
                         remark="slow peers: with fewer rows, below"),
        rows_into_sqlite(100000, 60),
        program("gcc -O2 (cc1)", installed("gcc", lambda: inputs.compilation(compiler_proper(), 100)), 60),
        program("git log", installed("git", lambda: inputs.history(8000)), 60),
        Redis("redis, attached", 30000, 90),
    ]


def quick():
    return [
        pairs(20, 1, 0.3, 11),
        *(dataclasses.replace(workload, only=QUICK) for workload in (
            pairs(20, 2, 0.3, 4),
            Workload("10,000 stacks, depth 20", load("paths", 20, 10000, 0.3), 5, PAIR),
            Workload("live set of 200,000 blocks", load("live", 200000), 4, BLOCK),
            rows_into_sqlite(100000, 8))),
    ]
