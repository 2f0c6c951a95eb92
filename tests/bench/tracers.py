# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The rows of the table: each a way to watch a program's allocations, the first of them none at all.

A tracer is told what to run (workloads.py), runs it once, and gives a Sample. Those that start commands
themselves are words before the command; those that attach are given the command's pid before its exec. A service
that runs already (redis) is attached to by all that can."""
import dataclasses
import json
import re
import shutil
import subprocess

from measure import Failed, Missing
from places import BENCH, HEAPTAP, LIBRARIES, PEERS
from running import command_seconds, run_below, run_beside, stopwatch


@dataclasses.dataclass
class Sample:
    seconds: float               # of the command
    own_ns: float = None         # what it says itself: nanoseconds per operation
    whole_s: float = None        # from the tracer's start to its end
    cpu_s: float = None          # processor time of the tracer
    rss_bytes: int = None        # its memory: at the end, or the most
    events: int = None
    lost: int = None
    outstanding: int = None      # blocks in its books at the end


class Tracer:
    """The least: nothing is watched."""
    load = "load"                # which build of the load it is given
    environment = None

    def __init__(self, name):
        self.name = name

    def need(self):
        """Raises Missing if it is not installed."""

    def inside(self, place):
        """Words between the stopwatch and the command."""
        return []

    def run(self, place, argv, library):
        whole = run_below(place, stopwatch(place, self.inside(place)), argv, self.environment)
        seconds, own = command_seconds(place)
        return Sample(seconds, own, whole)

    def attach(self, place, pid, library):
        """Words that attach to a running process; None: it has to start the process itself."""
        return None

    def told(self, place, sample):
        """Adds to the sample what the tracer said."""


class Heaptap(Tracer):
    """Ours, or one that is built for a comparison, with options."""

    def __init__(self, name, tool=HEAPTAP, options=(), load="load"):
        super().__init__(name)
        self.tool, self.options, self.load = tool, options, load

    def need(self):
        text = subprocess.run([self.tool, "run", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        for option in self.options:
            if option.startswith("--") and option not in text:
                raise Missing(f"this heaptap has no {option}")

    def words(self, place, command):
        return [self.tool, command, "-f", "json", "-o", place.path("books"), "-n", "1", *self.options]

    def run(self, place, argv, library):
        whole = run_below(place, [*self.words(place, "run"), "--"], stopwatch(place, argv))
        seconds, own = command_seconds(place)
        sample = Sample(seconds, own, whole)
        self.told(place, sample)
        return sample

    def attach(self, place, pid, library):
        return [*self.words(place, "attach"), pid]

    def told(self, place, sample):
        lines = place.text("books").splitlines()
        if not lines:
            raise Failed(f"heaptap has said nothing: {place.told('run')}")
        last = json.loads(lines[-1])
        sample.cpu_s, sample.rss_bytes = last["cost"]["cpu_s"], last["cost"]["rss_bytes"]
        sample.events, sample.lost = last["events"]["received"], last["events"]["lost"]
        sample.outstanding = sum(p["totals"]["outstanding_blocks"] for p in last["processes"])


class Floor(Heaptap):
    """Its programs tell nothing: of forks, execs and exits only, if those were not replaced."""
    EVENTS_MAX = 1000

    def told(self, place, sample):
        super().told(place, sample)
        if sample.events > self.EVENTS_MAX:
            raise Failed(f"that was no floor: it has told of {sample.events} events")


class Chrooted(Tracer):
    """A peer in a root of its own, which attaches to a pid. The library is mounted into that root: it is the file
    that counts, and memleak has room for 31 characters of a path. Its walk of stacks needs frame pointers."""
    load = "load_fp"
    program = ""
    LIBRARY = "/mnt/library"
    MOUNTS = ('touch "$0$1" && mount --bind "$2" "$0$1" && mount --rbind /proc "$0/proc" && '
              'mount --rbind /sys "$0/sys" && mount --rbind /dev "$0/dev" && shift 2 && exec chroot "$0" "$@"')

    def need(self):
        if not (PEERS / self.program).exists():
            raise Missing("not installed (make bench-peers)")

    def words(self, pid, library):
        raise NotImplementedError

    def attach(self, place, pid, library):
        return ["unshare", "--mount", "sh", "-c", self.MOUNTS, PEERS, self.LIBRARY, library, *self.words(pid, library)]

    def run(self, place, argv, library):
        _, cpu, rss = run_beside(place, lambda pid: self.attach(place, pid, library), argv)
        seconds, own = command_seconds(place)
        return Sample(seconds, own, cpu_s=cpu, rss_bytes=rss)


class Memleak(Chrooted):
    program = "usr/sbin/memleak-libbpf"

    def words(self, pid, library):
        # one report, after an hour or at SIGINT
        return ["/" + self.program, "-p", pid, "-O", self.LIBRARY, "3600", "1"]


class Bpftrace(Chrooted):
    """What people write: outstanding blocks by address, with size and stack. It looks for files in the root of the
    process that it is told of."""
    program = "usr/bin/bpftrace"
    ENTER = {"malloc": "arg0", "calloc": "arg0 * arg1", "realloc": "arg1"}

    def script(self, library):
        parts = [f"uprobe:{library}:{name} {{ @size[tid] = {size}; }} "
                 f"uretprobe:{library}:{name} /@size[tid]/ "
                 "{ @live[retval] = (@size[tid], ustack); delete(@size, tid); }"
                 for name, size in self.ENTER.items()]
        parts += [f"uprobe:{library}:free {{ delete(@live, arg0); }}", "END { clear(@live); clear(@size); }"]
        return " ".join(parts)

    def words(self, pid, library):
        return ["/usr/bin/env", "BPFTRACE_MAX_MAP_KEYS=2000000", "/" + self.program, "-p", pid, "-e",
                self.script(library)]


class Below(Tracer):
    """A peer that starts the program, inside of which it then is."""

    def __init__(self, name, program, *options):
        super().__init__(name)
        self.program, self.options = program, options

    def need(self):
        if not shutil.which(self.program):
            raise Missing("not installed")

    def inside(self, place):
        return [self.program, *(str(option).replace("PLACE", str(place.directory)) for option in self.options)]


class LeakSanitizer(Tracer):
    """Our loads are built with it; into programs of others it is preloaded."""
    load = "load_lsan"
    LIBRARY = LIBRARIES / "liblsan.so.0"
    environment = {"LSAN_OPTIONS": "exitcode=0:report_objects=0"}

    def need(self):
        if not self.LIBRARY.exists():
            raise Missing("not installed")

    def inside(self, place):
        return ["env", f"LD_PRELOAD={self.LIBRARY}"]


UNTRACED, FLOOR, EXACT = "untraced", "floor", "heaptap"
ALL = [
    Tracer(UNTRACED),
    Floor(FLOOR, BENCH / "heaptap-floor"),
    Heaptap(EXACT),
    Heaptap("heaptap --sample 512K", options=("--sample", "512K")),
    Heaptap("heaptap, naive sites", BENCH / "heaptap-naive"),
    Heaptap("heaptap --stack none", options=("--stack", "none")),
    Heaptap("heaptap --stack fp", options=("--stack", "fp"), load="load_fp"),
    Memleak("memleak (libbpf)"),
    Bpftrace("bpftrace"),
    Below("heaptrack", "heaptrack", "-o", "PLACE/heaptrack"),
    Below("valgrind memcheck", "valgrind", "-q"),
    LeakSanitizer("LeakSanitizer"),
]


def version_of(argv, pattern=r"\d+\.\d+[\w.+-]*"):
    try:
        text = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    except OSError:
        return None
    found = re.search(pattern, text)
    return found[0] if found else None
