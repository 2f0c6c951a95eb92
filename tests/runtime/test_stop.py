# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--stop-at: a process is stopped in its allocation of a number, which is that of the books."""
import os
import re
import shlex
import signal

import heaptap
from harness import each

CNT = 40


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def first_number(t):
    """The number that the program's first own allocation has in the books: by the totals of a whole run,
    whose last allocations are its own."""
    tracing = heaptap.run(t, [heaptap.program("numbered"), CNT], options=["--no-children"], stdin=b"\n")
    image = tracing.only()
    heaptap.check_sound(t, image)
    own = heaptap.sums(heaptap.stacks_through(image, "allocate"))
    t.equal(own["allocs"], CNT, "its own allocations")
    return image["totals"]["allocs"] - CNT + 1


def stopped_pid(t, tracing):
    told = t.until(lambda: re.search(r"process (\d+) is stopped in its allocation (\d+)",
                                     tracing.process.stderr), f"word of a stop\n{tracing.process.told()}")
    t.equal(state(int(told[1])), "T", "the state of the process")
    return int(told[1]), int(told[2])


@each(1, 2, CNT // 2, CNT)
def test_run_stops_in_the_allocation(t, mine):
    number = first_number(t) + mine - 1
    tracing = heaptap.start(t, "run", ["--stop-at", number, "--no-children"],
                            ["--", heaptap.program("numbered"), CNT], stdin=b"\n")
    pid, told = stopped_pid(t, tracing)
    t.equal(told, number, "the number")
    t.equal(tracing.process.stdout.split()[-1], str(mine), "the last allocation that the program began")
    stderr = tracing.process.stderr
    t.check(re.search(r"^\s+malloc\S* .*\n\s+allocate\+.*\n\s+main\+", stderr, re.MULTILINE),
            f"the stack is not the allocation's:\n{stderr}")
    t.contains(stderr, f"gdb -p {pid}", "how to debug it")
    os.kill(pid, signal.SIGCONT)
    t.equal(tracing.process.wait(), 0, "exit status")
    t.equal(tracing.process.stdout.split()[-2:], [str(CNT), "end"], "what it did then")
    heaptap.check_sound(t, tracing.only())


def attached(t, number, mine):
    program = t.start([heaptap.program("numbered"), CNT], stdin=None)
    tracing = heaptap.attach(t, program.pid, options=["--stop-at", number])
    program.popen.stdin.write(b"\n")
    program.popen.stdin.flush()
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
