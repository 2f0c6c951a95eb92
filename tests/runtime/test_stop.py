# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--stop-at: a process is stopped in its allocation of a number, which is that of the books."""
import os
import re
import shlex
import signal

import heaptap
from harness import each
from stopping import check_told_and_let_go, begin, state, stopped_pid

CNT = 40


def first_number(t, program="numbered", own_cnt=CNT):
    """The number that the program's first own allocation has in the books: by the totals of a whole run,
    whose last allocations are its own (without those of children)."""
    tracing = heaptap.run(t, [heaptap.program(program), CNT], options=["--no-children"], stdin=b"\n")
    image = tracing.only()
    heaptap.check_sound(t, image)
    own = heaptap.sums(heaptap.stacks_through(image, "allocate"))
    t.equal(own["allocs"], own_cnt, "its own allocations")
    return image["totals"]["allocs"] - own_cnt + 1


@each(1, 2, CNT // 2, CNT)
def test_run_stops_in_the_allocation(t, mine):
    number = first_number(t) + mine - 1
    tracing = heaptap.start(t, "run", ["--stop-at", number, "--no-children"],
                            ["--", heaptap.program("numbered"), CNT], stdin=b"\n")
    pid, told = stopped_pid(t, tracing)
    t.equal(told, number, "the number")
    t.equal(tracing.process.stdout.split()[-1], str(mine), "the last allocation that the program began")
    check_told_and_let_go(t, tracing, pid, CNT)


def attached(t, number, mine):
    program = t.start([heaptap.program("numbered"), CNT], stdin=None)
    tracing = heaptap.attach(t, program.pid, options=["--stop-at", number])
    begin(program)
    t.equal(stopped_pid(t, tracing), (program.pid, number), "who is stopped where")
    t.equal(program.stdout.split()[-1], str(mine), "the last allocation that the program began")
    return program, tracing


def test_attach_numbers_from_where_it_began(t):
    program, tracing = attached(t, 7, 7)
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")
    tracing.process.wait()
    t.equal(tracing.of_pid(program.pid)[0]["totals"]["allocs"], CNT, "allocations")


def test_a_debugger_finds_it_in_the_caller_with_the_block_in_its_hands(t):
    t.need("gdb")
    program, tracing = attached(t, 9, 9)
    (command,) = re.findall(r"^  debug it +(gdb .*)", tracing.process.stderr, re.MULTILINE)
    found = t.run([*shlex.split(command), "-q", "-nx", "-batch", "-ex", "bt", "-ex", "p (long)$rax"])
    frames = re.findall(r"^#\d+ .*?(\w+) \(", found.stdout, re.MULTILINE)
    t.equal([name for name in frames if name != "tally_alloc"], ["allocate", "main"], "frames of the debugger")
    (block,) = re.findall(r"^\$1 = (\d+)", found.stdout, re.MULTILINE)
    with open(f"/proc/{program.pid}/maps", encoding="utf-8") as maps:
        heap = next(line.split()[0] for line in maps if "[heap]" in line)
    begin, end = (int(word, 16) for word in heap.split("-"))
    t.check(begin < int(block) < end, f"{int(block):#x} is not in the heap, {heap}")
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")


def test_who_is_still_stopped_at_the_end_is_told(t):
    program, tracing = attached(t, 3, 3)
    tracing.stop()
    t.contains(tracing.process.stderr, f"process {program.pid} is still stopped", "its last words")
    t.equal(state(program.pid), "T", "state")
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")
    t.equal(program.stdout.split()[-1], "end", "what it said last")


def test_who_goes_on_is_not_told_of_at_the_end(t):
    program, tracing = attached(t, CNT - 1, CNT - 1)
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")
    tracing.process.wait()
    t.check("still stopped" not in tracing.process.stderr, tracing.process.stderr)


def test_a_number_that_is_not_reached_stops_nobody(t):
    tracing = heaptap.run(t, [heaptap.program("numbered"), CNT], options=["--stop-at", 1000000], stdin=b"\n")
    t.check("stopped" not in tracing.process.stderr, tracing.process.stderr)
    t.equal(tracing.process.stdout.split()[-1], "end", "what it said last")


# ---- families


@each((1, ["parent"]), (CNT, ["parent"]), (CNT + 1, ["fork", "vfork"]), (2 * CNT, ["fork", "vfork"]),
      (2 * CNT + 1, ["parent"]), (3 * CNT, ["parent"]))
def test_children_go_on_with_their_parents_numbers(t, case):
    """A child by fork in a count of its own, one by vfork in its parent's, as it is in its memory."""
    mine, who = case
    number = first_number(t, "numbered_family", 2 * CNT) + mine - 1
    tracing = heaptap.start(t, "run", ["--stop-at", number], ["--", heaptap.program("numbered_family"), CNT],
                            stdin=b"\n")
    pids = []
    for name in who:
        pid, told = stopped_pid(t, tracing, before=len(pids))
        t.equal(told, number, "the number")
        t.equal(tracing.process.stdout.splitlines()[-1], f"{name} {mine}", "the last allocation that began")
        pids.append(pid)
        os.kill(pid, signal.SIGCONT)
    t.equal(tracing.process.wait(), 0, "exit status")
    t.equal(tracing.process.stderr.count("is stopped in"), len(who), "stops")
    t.equal(len(set(pids)), len(who), "processes")


# ---- set from outside


def counting(t, *options, program="numbered"):
    """A program of known numbers that waits, and a heaptap that counts its allocations."""
    target = t.start([heaptap.program(program), CNT], stdin=None)
    tracing = heaptap.start(t, "attach", ["-i", "0.1", *options], [target.pid], environment=runtime(t))
    return target, tracing.until_tracing()


def runtime(t):
    return {"HEAPTAP_RUNTIME_DIR": str(t.path("runtime"))}


def stop_at(t, *words):
    return t.run([heaptap.HEAPTAP, "stop-at", *words], environment=runtime(t))


@each([], ["PID"])
def test_a_stop_is_set_from_outside_and_again(t, whose):
    target, tracing = counting(t, "--stop-at", 0)
    whose = [target.pid for _ in whose]
    set_first = stop_at(t, 7, *whose)
    t.status(set_first, 0)
    t.equal(set_first.stdout, f"process {target.pid} will be stopped in its allocation 7; now it is at 0\n" if whose else
            "who comes to allocation 7 will be stopped; of 0 processes that have allocated, 0 are past it\n",
            "the answer")
    begin(target)
    t.equal(stopped_pid(t, tracing), (target.pid, 7), "who is stopped where")
    t.equal(target.stdout.split()[-1], "7", "the last allocation that began")
    t.status(stop_at(t, 9, *whose), 0)
    target.signal(signal.SIGCONT)
    t.equal(stopped_pid(t, tracing, before=1), (target.pid, 9), "who is stopped where, the second time")
    t.equal(target.stdout.split()[-1], "9", "the last allocation that began")
    t.status(stop_at(t, 0), 0)
    target.signal(signal.SIGCONT)
    t.equal(target.wait(), 0, "exit status")


def test_a_number_that_is_passed_is_told_with_where_it_is(t):
    target, tracing = counting(t, "--stop-at", 5)
    begin(target)
    stopped_pid(t, tracing)
    for number in (1, 5):
        refused = stop_at(t, number)
        t.status(refused, 1)
        t.contains(refused.stderr, f"process {target.pid} is at its allocation 5 already", "the refusal")
    target.signal(signal.SIGCONT)
    t.equal(target.wait(), 0, "exit status")


def test_without_counting_it_is_refused_with_what_to_do(t):
    target, tracing = counting(t)
    refused = stop_at(t, 5)
    t.status(refused, 1)
    t.contains(refused.stderr, "start it with --stop-at 0", "the refusal")
    begin(target)
    t.equal(target.wait(), 0, "exit status")


@each(("x", 2), ("-1", 2), ("5 x", 2), ("", 2), ("99999999999999999999", 2), ("5 1", 5))
def test_what_makes_no_sense_is_refused(t, case):
    words, status = case
    target, tracing = counting(t, "--stop-at", 0)
    t.status(stop_at(t, *words.split()), status)
    begin(target)
    t.equal(target.wait(), 0, "exit status")


def test_another_process_goes_on(t):
    meant, other = (t.start([heaptap.program("numbered"), CNT], stdin=None) for _ in range(2))
    tracing = heaptap.start(t, "attach", ["-i", "0.1", "--stop-at", 0], [meant.pid, other.pid],
                            environment=runtime(t)).until_tracing()
    begin(other)
    t.equal(other.wait(), 0, "exit status of the other")
    t.status(stop_at(t, 3, meant.pid), 0)
    begin(meant)
    t.equal(stopped_pid(t, tracing), (meant.pid, 3), "who is stopped where")
    meant.signal(signal.SIGCONT)
    t.equal(meant.wait(), 0, "exit status")
