# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What tests of stopped processes share."""
import os
import re
import signal

import heaptap


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def stopped_pid(t, tracing, before=0, where="in"):
    """Who is stopped, and in (or after) which allocation, if so many were stopped before."""
    def told():
        stops = re.findall(rf"process (\d+) is stopped {where} its allocation (\d+) .*?\n  go on      kill -CONT \1\n",
                           tracing.process.stderr, re.DOTALL)
        return stops[before:]

    (pid, number), = t.until(told, lambda: f"word of a stop\n{tracing.process.told()}")
    t.equal(state(int(pid)), "T", "the state of the process")
    return int(pid), int(number)


def begin(target):
    """Lets a program begin that waits for a line."""
    target.popen.stdin.write(b"\n")
    target.popen.stdin.flush()


def check_told_and_let_go(t, tracing, pid, cnt):
    """Stopped in an allocation of tests/programs/numbered.c: what is told of it, and that all goes on to its end."""
    stderr = tracing.process.stderr
    t.check(re.search(r"^\s+malloc\S* .*\n\s+allocate\+.*\n\s+main\+", stderr, re.MULTILINE),
            f"the stack is not the allocation's:\n{stderr}")
    t.contains(stderr, f"gdb -p {pid}", "how to debug it")
    os.kill(pid, signal.SIGCONT)
    t.equal(tracing.process.wait(), 0, "exit status")
    t.equal(tracing.process.stdout.split()[-2:], [str(cnt), "end"], "what it did then")
    heaptap.check_sound(t, tracing.only())
