# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap killed with SIGKILL, at any moment: nothing of it stays in the kernel, its targets run on."""
import json
import signal
import time

import heaptap
from harness import each
from puppet import Puppet
from test_watch import OwnLibc


def kernel_objects(t):
    """The numbers of all BPF programs, links and maps."""
    t.need("bpftool")
    objects = set()
    for kind in ("prog", "link", "map"):
        listed = json.loads(t.run(["bpftool", "-j", kind, "list"]).stdout or "[]")
        objects |= {(kind, entry["id"]) for entry in listed}
    return objects


def start(t, subcommand):
    """A puppet, and heaptap tracing it: as a process, or through a libc that only it uses."""
    if subcommand == "attach":
        puppet = Puppet(t)
        return puppet, heaptap.attach(t, puppet.pid)
    libc = OwnLibc(t)
    return libc.puppet(), libc.watch()


@each("attach", "watch")
def test_nothing_is_left_in_the_kernel(t, subcommand):
    before = kernel_objects(t)
    _, tracing = start(t, subcommand)
    t.check(kernel_objects(t) - before, "bpftool does not see that heaptap is tracing")
    tracing.process.signal(signal.SIGKILL)
    tracing.process.wait()
    t.until(lambda: not kernel_objects(t) - before, "the end of heaptap's programs, links and maps")


@each("attach", "watch")
def test_target_runs_on(t, subcommand):
    puppet, tracing = start(t, subcommand)
    puppet.tell("alloc 10 100")
    tracing.process.signal(signal.SIGKILL)
    tracing.process.wait()
    puppet.tell("alloc 1000 100", "free 1000", "thread 5 100", "churn 1000 64")
    with open(f"/proc/{puppet.pid}/maps", encoding="ascii") as maps:
        t.contains(maps.read(), "/puppet", "the target's mappings")
    t.equal(puppet.end(4), 4, "its exit status")


def test_command_of_run_goes_on(t):
    tracing = heaptap.start(t, "run", ["-i", "0.1"], ["--", heaptap.program("puppet")], stdin=None).until_tracing()
    pid = tracing.summaries[-1]["processes"][0]["pid"]
    tracing.process.signal(signal.SIGKILL)
    tracing.process.wait()
    puppet = tracing.process.popen.stdin
    puppet.write(b"alloc 100 100\nfree 100\n")
    puppet.flush()
    t.until(lambda: tracing.process.stdout.count("done") == 2, f"answers of process {pid}")
    puppet.close()


def test_killed_at_any_moment_of_its_start(t):
    before = kernel_objects(t)
    puppet = Puppet(t)
    for delay in (0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        started = t.start([heaptap.HEAPTAP, "attach", puppet.pid])
        deadline = time.monotonic() + delay
        t.until(lambda: time.monotonic() > deadline, "the moment")
        started.signal(signal.SIGKILL)
        started.wait()
        puppet.tell("alloc 10 100", "free 10")
    t.until(lambda: not kernel_objects(t) - before, "the end of heaptap's programs, links and maps")
    t.equal(puppet.end(), 0, "its exit status")


def cpu_ticks(pid):
    """User time so far (proc(5), /proc/PID/stat, field 14)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[11])


def test_killed_under_load(t):
    before = kernel_objects(t)
    target = t.start([heaptap.program("threads"), "4", "1000000000"])
    tracing = heaptap.attach(t, target.pid, options=["-n", "3"])
    tracing.process.signal(signal.SIGKILL)
    tracing.process.wait()
    t.until(lambda: not kernel_objects(t) - before, "the end of heaptap's programs, links and maps")
    ticks = cpu_ticks(target.pid)
    t.until(lambda: cpu_ticks(target.pid) > ticks + 20, "the target's further work")
    target.signal(signal.SIGTERM)
    t.equal(target.wait(), 128 + signal.SIGTERM, "the target's exit status")
