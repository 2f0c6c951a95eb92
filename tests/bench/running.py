# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs a command below, or beside, a tracer, and times it by the stopwatch (load/stopwatch.c)."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from measure import Failed
from places import BENCH

PATIENCE_S = 300
SETTLED_S = 0.4  # so long after its last new probe a tracer is taken to have attached them all
ATTACH_S = 60
WITH_US = ("setpriv", "--pdeathsig", "KILL")  # a tracer that outlives a killed run would be in the next one's figures


class Place:
    """A folder for one run, and the processes of it; what still runs at the end is killed, by pid."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="heaptap-bench."))
        self.started = []
        return self

    def __exit__(self, *_):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory)

    def path(self, name):
        return self.directory / name

    def start(self, argv, name, environment=None):
        """Its output goes to name.out and name.err."""
        with open(self.path(f"{name}.out"), "wb") as out, open(self.path(f"{name}.err"), "wb") as err:
            process = subprocess.Popen([*WITH_US, *(str(word) for word in argv)], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=err, env=dict(os.environ, **(environment or {})))
        self.started.append(process)
        return process

    def text(self, name):
        path = self.path(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def told(self, name):
        return (self.text(f"{name}.err") or self.text(f"{name}.out"))[-800:].strip()


def until(condition, what, seconds=ATTACH_S):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


def probe_fds(pid):
    """How many links and events of BPF a process holds."""
    cnt = 0
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            cnt += os.readlink(entry) in ("anon_inode:[perf_event]", "anon_inode:bpf_link", "anon_inode:bpf-link")
        except OSError:
            pass
    return cnt


def until_attached(place, tracer, name):
    """A tracer says in its own words that it is ready, or not at all; that it opens no more probes, all do."""
    seen, since = 0, time.monotonic()

    def settled():
        nonlocal seen, since
        if tracer.poll() is not None:
            raise Failed(f"{name} has ended: {place.told(name)}")
        cnt = probe_fds(tracer.pid)
        if cnt != seen:
            seen, since = cnt, time.monotonic()
        return seen and time.monotonic() - since > SETTLED_S
    until(settled, f"the probes of {name}")


def stop(tracer):
    """Ends it as a person does. Gives the seconds it took, its processor time, and its largest memory."""
    began = time.monotonic()
    tracer.send_signal(signal.SIGINT)
    deadline = began + ATTACH_S
    while True:
        pid, status, usage = os.wait4(tracer.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            tracer.kill()
        time.sleep(0.002)
    tracer.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def stopwatch(place, argv, gate="-"):
    return [BENCH / "stopwatch", place.path("report"), gate, *argv]


def command_seconds(place):
    """What the stopwatch said, and the number that the command itself gave ("ns 12.3"), if any."""
    lines = place.text("report").splitlines()
    if len(lines) < 2:
        raise Failed(f"the command has not run: {place.told('run')}")
    seconds, status = lines[1].split()
    if status != "0":
        raise Failed(f"exit status {status}: {place.told('run')}")
    own = re.search(r"^ns ([\d.]+)$", place.text("run.out"), re.MULTILINE)
    return float(seconds), float(own[1]) if own else None


def run_below(place, before, argv, environment=None):
    """before: the tracer's words, which the command follows. Gives the seconds of the whole."""
    began = time.monotonic()
    process = place.start([*before, *argv], "run", environment)
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"not ended after {PATIENCE_S} s") from late
    return time.monotonic() - began


def run_beside(place, tracer_of, argv):
    """tracer_of(pid): the words that start a tracer of it. The command begins when the tracer has attached.
    Gives what stop() gives."""
    gate = place.path("gate")
    os.mkfifo(gate)
    command = place.start(stopwatch(place, argv, gate), "run")
    pid = int(until(lambda: place.text("report").strip(), "the command's pid"))
    tracer = place.start(tracer_of(pid), "tracer")
    until_attached(place, tracer, "tracer")
    gate.write_text("")
    try:
        command.wait(PATIENCE_S)
    except subprocess.TimeoutExpired as late:
        os.kill(pid, signal.SIGKILL)
        raise Failed(f"not ended after {PATIENCE_S} s") from late
    return stop(tracer)


