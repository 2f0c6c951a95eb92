# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the tests: each is a function test_NAME(t) of a file test_SUBJECT.py, and is called SUBJECT/NAME.

A test fails by an exception; t.check and t.equal raise one that says what was expected. A test has a
minute. Whatever processes it has started, and what those have started (we are their subreaper), are
ended by pid when it is over. There are no waits of a fixed time: t.until polls for a condition.
"""
import ctypes
import importlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

import process

HERE = pathlib.Path(__file__).resolve().parent
TEST_SECONDS = 60
UNTIL_SECONDS = 20  # for what comes at once on a machine that is not busy
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


class TimedOut(Exception):
    pass


def each(*cases):
    """The test is run once for each case: test(t, case), called NAME[case]."""
    def mark(function):
        function.cases = cases
        return function
    return mark


def without_bpf(function):
    """The test needs neither BPF nor root."""
    function.without_bpf = True
    return function


class Test:
    """What a test is given: its directory, its processes, and its ways to say what must be."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.file_cnt = 0

    def path(self, name):
        return self.directory / name

    def fresh_path(self, suffix):
        self.file_cnt += 1
        return self.directory / f"{self.file_cnt}{suffix}"

    def start(self, argv, **how):
        return process.start(self, [str(arg) for arg in argv], **how)

    def run(self, argv, stdin=b"", seconds=None, **how):
        """Runs it to its end; the result has status (as a shell gives it), stdout and stderr."""
        seconds = seconds or TEST_SECONDS
        started = self.start(argv, stdin=stdin, **how)
        started.wait(seconds)
        return started

    def check(self, condition, text):
        if not condition:
            raise Failed(text)

    def equal(self, found, wanted, what):
        if found != wanted:
            raise Failed(f"{what}: {found!r}, expected {wanted!r}")

    def contains(self, text, part, what):
        if part not in text:
            raise Failed(f"{what} does not contain {part!r}:\n{text}")

    def status(self, finished, wanted):
        if finished.status != wanted:
            raise Failed(f"exit status {finished.status}, expected {wanted}\n{finished.told()}")

    def until(self, condition, what, seconds=None):
        """Polls until condition() is true, and gives its value. `what` it is: a text, or a function that makes one
        when it did not come."""
        seconds = seconds or UNTIL_SECONDS
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed(f"waited {seconds} s in vain for: {what() if callable(what) else what}")
            time.sleep(0.01)

    def skip(self, why):
        raise Skipped(why)

    def need(self, *programs):
        """Skips the test where a program of the system is not installed."""
        for program in programs:
            if not shutil.which(program):
                self.skip(f"{program} is not installed")


def bpf_missing():
    """Why BPF can't be used here, found by trying it: None if it can."""
    class Attr(ctypes.Structure):
        _fields_ = [("type", ctypes.c_uint32), ("key_size", ctypes.c_uint32),
                    ("value_size", ctypes.c_uint32), ("max_entries", ctypes.c_uint32),
                    ("rest", ctypes.c_uint8 * 112)]
    bpf_nr = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine)
    bpf_map_create, bpf_map_type_hash = 0, 1
    if bpf_nr is None:
        return f"unknown machine {os.uname().machine}"
    if os.geteuid() != 0:
        return "not root"
    libc = ctypes.CDLL(None, use_errno=True)
    attr = Attr(type=bpf_map_type_hash, key_size=4, value_size=4, max_entries=1)
    fd = libc.syscall(bpf_nr, bpf_map_create, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd < 0:
        return f"bpf(BPF_MAP_CREATE): {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "no /sys/kernel/btf/vmlinux"
    return None


def case_name(case):
    return " ".join(map(str, case)) if isinstance(case, (list, tuple)) else str(case)


def collect(texts):
    """(name, function, arguments) of the tests that were asked for."""
    tests = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for key, function in vars(module).items():
            if not key.startswith("test_"):
                continue
            name = f"{path.stem[5:]}/{key[5:]}"
            if hasattr(function, "cases"):
                tests += [(f"{name}[{case_name(case)}]", function, (case,)) for case in function.cases]
            else:
                tests.append((name, function, ()))
    return [test for test in tests if not texts or any(text in test[0] for text in texts)]


def on_alarm(_signal, _frame):
    raise TimedOut(f"not done after {TEST_SECONDS} s")


def run_one(function, arguments, missing):
    """The outcome, and what there is to say of it."""
    if missing and not hasattr(function, "without_bpf"):
        return "skip", missing
    directory = tempfile.mkdtemp(prefix="heaptap-test.")
    os.chmod(directory, 0o755)
    test = Test(directory)
    signal.alarm(TEST_SECONDS)
    try:
        function(test, *arguments)
        return "ok", ""
    except Skipped as skipped:
        return "skip", str(skipped)
    except (Failed, TimedOut) as failed:
        return "FAIL", str(failed) + process.told_of_running(test)
    except Exception:  # a test that is broken must not end the others
        return "FAIL", traceback.format_exc()
    finally:
        signal.alarm(0)
        process.end_all()
        shutil.rmtree(directory, ignore_errors=True)


def report(outcome, name, text, seconds):
    if outcome == "ok":
        print(f"ok {name} ({seconds:.2f} s)", flush=True)
    else:
        lines = text.strip().split("\n")
        print(f"{outcome} {name}: " + "\n    ".join(lines), flush=True)


def main(texts):
    # A shell's background job has it ignored, and so would all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, on_alarm)
    in_ci = os.environ.get("CI") == "true"
    missing = bpf_missing()
    if missing:
        print(f"BPF is not there: {missing}")
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    for name, function, arguments in collect(texts):
        begin = time.monotonic()
        outcome, text = run_one(function, arguments, missing)
        if outcome == "skip" and in_ci:
            outcome, text = "FAIL", f"skipped: {text}"
        counts[outcome] += 1
        report(outcome, name, text, time.monotonic() - begin)
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} passed, {counts['FAIL']} failed{skipped}")
    nothing_run = sum(counts.values()) == 0
    if nothing_run:
        print("no test has such a name", file=sys.stderr)
    return 1 if counts["FAIL"] or nothing_run else 0
