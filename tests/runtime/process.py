# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Processes of the tests: started with their output in files, so that nobody waits for a full pipe."""
import os
import pathlib
import signal
import subprocess
import time

TOLD_LINES = 40


def tail(text):
    lines = text.splitlines()
    omitted = [f"… {len(lines) - TOLD_LINES} lines before"] if len(lines) > TOLD_LINES else []
    return "\n".join(omitted + [line[:500] for line in lines[-TOLD_LINES:]])


class Process:
    """A process that was started. status, after its end: as a shell gives it (128 + signal)."""

    def __init__(self, argv, popen, out_path, err_path):
        self.argv = argv
        self.popen = popen
        self.pid = popen.pid
        self.out_path, self.err_path = out_path, err_path

    @property
    def stdout(self):
        return self.out_path.read_text(errors="replace")

    @property
    def stdout_bytes(self):
        return self.out_path.read_bytes()

    @property
    def stderr(self):
        return self.err_path.read_text(errors="replace")

    @property
    def status(self):
        code = self.popen.poll()
        return 128 - code if code is not None and code < 0 else code

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=30):
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"not ended after {seconds} s\n{self.told()}") from late
        return self.status

    def told(self):
        """What a person needs to see of it when something is wrong."""
        return (f"command: {' '.join(self.argv)}\nstatus: {self.status}\n"
                f"stdout: {tail(self.stdout)}\nstderr: {tail(self.stderr)}")


def open_input(test, stdin):
    """bytes go through a file; None is a pipe; else it is a file or number to be used as it is."""
    if stdin is None:
        return subprocess.PIPE
    if isinstance(stdin, bytes):
        path = test.fresh_path(".in")
        path.write_bytes(stdin)
        return open(path, "rb")
    return stdin


def start(test, argv, stdin=b"", stdout=None, environment=None, **how):
    out_path, err_path = test.fresh_path(".out"), test.fresh_path(".err")
    given = dict(os.environ, **(environment or {}))
    source = open_input(test, stdin)
    out_path.touch()
    try:
        with open(out_path, "wb") as out, open(err_path, "wb") as err:
            popen = subprocess.Popen(argv, stdin=source, stdout=stdout or out, stderr=err,
                                     env=given, **how)
    finally:
        if hasattr(source, "close"):
            source.close()
    started = Process(argv, popen, out_path, err_path)
    test.__dict__.setdefault("processes", []).append(started)
    return started


def told_of_running(test):
    """What the processes that a failed test leaves behind have said."""
    left = [started for started in getattr(test, "processes", []) if started.running()]
    return "".join(f"\nstill running: {started.told()}" for started in left[:3])


def told_of_all(test):
    return "".join(f"\n{started.told()}" for started in getattr(test, "processes", []))


def children_of(pid):
    """All descendants, the youngest last."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in pids:
            found += [child] + children_of(child)
    return found


def end_all():
    """Ends every descendant of ours by its pid, and waits for them: none may live into the next test."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in children_of(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)
