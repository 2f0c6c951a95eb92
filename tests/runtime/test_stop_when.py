# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--stop-when: a process is stopped in the first allocation whose stack matches, once."""
import os
import signal
import time

import heaptap
from harness import each
from puppet import Puppet
from stopping import check_told_and_let_go, begin, state, stopped_pid

CNT = 40


def told_to(puppet, *lines):
    """It is told, and not waited for: it will be stopped."""
    for line in lines:
        puppet.process.popen.stdin.write(line.encode() + b"\n")
    puppet.process.popen.stdin.flush()


def until_it_has_done(t, puppet, cnt):
    t.until(lambda: puppet.answers() >= cnt, lambda: f"{cnt} answers of the puppet\n{puppet.process.told()}")


@each("^allocate$", "numbered.c", "/numbered$", "^all*ate")
def test_run_stops_in_the_allocation(t, pattern):
    """The last number that the program has said is that of the allocation that it is in."""
    tracing = heaptap.start(t, "run", ["--stop-when", pattern, "--no-children"],
                            ["--", heaptap.program("numbered"), CNT], stdin=b"\n")
    pid, _ = stopped_pid(t, tracing)
    t.equal(tracing.process.stdout.split(), ["1"], "what the program has said")
    check_told_and_let_go(t, tracing, pid, CNT)


def test_stacks_that_do_not_match_go_on(t):
    """Three other allocations come first, so it is the fourth."""
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--stop-when", "^do_churn$"])
    puppet.tell("alloc 3 100")
    t.check("stopped" not in tracing.process.stderr, tracing.process.stderr)
    told_to(puppet, "churn 5 77")
    t.equal(stopped_pid(t, tracing), (puppet.pid, 4), "who is stopped where")
    t.contains(tracing.process.stderr, "do_churn+", "the stack")
    puppet.process.signal(signal.SIGCONT)
    until_it_has_done(t, puppet, puppet.told_cnt + 1)


def test_it_is_once(t):
    """In a family of three processes, all of whose stacks match."""
    tracing = heaptap.start(t, "run", ["--stop-when", "^allocate$"],
                            ["--", heaptap.program("numbered_family"), CNT], stdin=b"\n")
    pid, _ = stopped_pid(t, tracing)
    t.equal(tracing.process.stdout.split("\n")[:-1], ["parent 1"], "what the program has said")
    os.kill(pid, signal.SIGCONT)
    t.equal(tracing.process.wait(), 0, "exit status")
    t.equal(tracing.process.stderr.count("is stopped"), 1, "stops")
    t.equal(tracing.process.stdout.split()[-1], "end", "what it said last")


def test_a_pattern_that_nothing_matches_stops_nobody(t):
    tracing = heaptap.run(t, [heaptap.program("numbered"), CNT], options=["--stop-when", "^allocat$"], stdin=b"\n")
    t.check("stopped" not in tracing.process.stderr, tracing.process.stderr)
    t.equal(tracing.process.stdout.split()[-1], "end", "what it said last")


def test_each_stack_is_judged_at_once(t):
    """python3's start has hundreds: none may wait until heaptap looks into the ring by the clock (50 ms)."""
    begun = time.monotonic()
    tracing = heaptap.run(t, ["/usr/bin/python3", "-c", ""], options=["--stop-when", "nowhere"])
    took = time.monotonic() - begun
    cnt = tracing.only()["stacks_complete"]
    t.check(cnt > 300, f"stacks: {cnt}")
    t.check(took < 0.02 * cnt, f"{cnt} stacks took {took:.1f} s")


def frozen(t, *lines):
    """A heaptap that cannot look at a matching stack as long as it stays stopped, and the puppet when it
    has waited in vain and done what it was told."""
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--stop-when", "^leak_outer$"])
    tracing.process.signal(signal.SIGSTOP)
    t.until(lambda: state(tracing.process.pid) == "T", "heaptap's stop")
    told_to(puppet, *lines)
    until_it_has_done(t, puppet, puppet.told_cnt + len(lines))
    return puppet, tracing


def test_who_is_stopped_too_late_is_told_how_late(t):
    puppet, tracing = frozen(t, "alloc 7 100")
    tracing.process.signal(signal.SIGCONT)
    t.equal(stopped_pid(t, tracing, where="after"), (puppet.pid, 1), "who is stopped after what")
    t.contains(tracing.process.stderr, "it has come to allocation 7\n", "how far it is")
    t.contains(tracing.process.stderr, "leak_outer+", "the stack")
    puppet.process.signal(signal.SIGCONT)
    puppet.tell("expect")


def test_nobody_waits_for_a_heaptap_that_was_killed(t):
    puppet, tracing = frozen(t, "alloc 1 100")
    tracing.process.signal(signal.SIGKILL)
    tracing.process.wait()
    t.check(state(puppet.pid) in "SR", f"its state is {state(puppet.pid)}")
    until_it_has_done(t, puppet, puppet.told_cnt + 1)


def test_stop_at_can_be_set_as_well(t):
    program = t.start([heaptap.program("numbered"), CNT], stdin=None)
    environment = {"HEAPTAP_RUNTIME_DIR": str(t.path("runtime"))}
    tracing = heaptap.start(t, "attach", ["-i", "0.1", "--stop-when", "nowhere"], [program.pid],
                            environment=environment).until_tracing()
    t.status(t.run([heaptap.HEAPTAP, "stop-at", 5], environment=environment), 0)
    begin(program)
    t.equal(stopped_pid(t, tracing), (program.pid, 5), "who is stopped where")
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")
