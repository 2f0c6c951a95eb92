# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs heaptap spy, and holds the lines that it writes against a program's own record (spied.c, spied_new.cc)."""
import collections
import json

import heaptap
from harness import Failed

SCHEMA = "heaptap-spy/1"
MARK = 77777777

# A call as both sides tell it.
Call = collections.namedtuple("Call", "function arguments result stored")
ARGUMENT_CNT = {"malloc": 1, "calloc": 2, "realloc": 2, "reallocarray": 3, "posix_memalign": 3,
                "aligned_alloc": 2, "memalign": 2, "valloc": 1, "free": 1}


# The C library has one function for both, until 2.38; it is told by the first name.
ALIASES = {"aligned_alloc": "memalign"}


def canonical(symbol):
    return ALIASES.get(symbol, symbol)


def number(value):
    """Of a field: addresses are strings."""
    return int(value, 16) if isinstance(value, str) else value or 0


def call_of(line):
    return Call(canonical(line["symbol"]), tuple(number(value) for value in line["arguments"].values()),
                number(line["result"]), number(line["stored"]))


def read_lines(text):
    lines = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            raise Failed(f"not JSON ({error}): {line[:200]}") from error
    if not lines or lines[0].get("schema") != SCHEMA or lines[-1]["event"] != "end":
        raise Failed(f"not whole: {lines[:1]} … {lines[-1:]}")
    return lines


class Spying:
    """heaptap spy -f json -o FILE: under way, or ended."""

    def __init__(self, test, process, output):
        self.test, self.process, self.output = test, process, output

    def text(self):
        return self.output.read_text() if self.output.exists() else ""

    def finish(self, status=0, seconds=50):
        self.process.wait(seconds)
        self.test.status(self.process, status)
        self.lines = read_lines(self.text())
        return self

    def until_spying(self):
        """All probes are in place; with -v that is said on stderr, too."""
        self.test.until(lambda: "heaptap: tracing" in self.process.stderr or not self.process.running(),
                        lambda: f"heaptap's probes\n{self.process.told()}")
        self.test.check(self.process.running(), f"heaptap has ended\n{self.process.told()}")
        return self

    def events(self, event):
        return [line for line in self.lines if line["event"] == event]

    @property
    def calls(self):
        return self.events("call")

    @property
    def end(self):
        return self.lines[-1]


def start(test, options, arguments, **how):
    output = test.fresh_path(".json")
    argv = [heaptap.HEAPTAP, "spy", "-v", "-f", "json", "-o", output, *options, *arguments]
    return Spying(test, test.start(argv, **how), output)


def run(test, command, options=()):
    return start(test, ["--no-children", *options], ["--", *command]).finish()


def attach(test, pid, options=()):
    return start(test, options, [pid]).until_spying()


def by_thread(lines):
    """{tid: its lines in the order of their entries}"""
    threads = collections.defaultdict(list)
    for line in lines:
        threads[line["tid"]].append(line)
    return {tid: sorted(own, key=lambda line: line["number"]) for tid, own in threads.items()}


def read_log(path):
    """{tid: its calls in order}"""
    threads = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        tid, function, *numbers = line.split()
        numbers = [int(word, 16) for word in numbers]
        threads[int(tid)].append(
            Call(canonical(function), tuple(numbers[:ARGUMENT_CNT[function]]), numbers[3], numbers[4]))
    return threads


def outermost(lines):
    return [call_of(line) for line in lines if line["depth"] == 0]


def between_marks(calls):
    """From the first call of malloc(MARK) to the last: what a thread does by itself."""
    marks = [i for i, call in enumerate(calls) if call.function == "malloc" and call.arguments == (MARK,)]
    return calls[marks[0]:marks[-1] + 1] if marks else []


def check_same(test, found, wanted, what):
    """Says where two lists of calls part."""
    for i, (one, other) in enumerate(zip(found, wanted)):
        test.equal(one, other, f"{what}: call {i} of {len(wanted)}")
    test.equal(len(found), len(wanted), f"{what}: calls")


def check_numbers(test, lines, what):
    """None is missing among a thread's calls."""
    test.equal([line["number"] for line in lines], list(range(1, len(lines) + 1)), f"{what}: numbers of its calls")


def check_against_log(test, spying, log):
    """Every call of every thread, as the program has noted it."""
    threads = by_thread(spying.calls)
    for tid, wanted in log.items():
        test.check(tid in threads, f"thread {tid} was not seen")
        check_numbers(test, threads[tid], f"thread {tid}")
        check_same(test, between_marks(outermost(threads[tid])), wanted, f"thread {tid}")
    test.equal((spying.end["lost"], spying.end["unwritten"], spying.end["not_seen"]), (0, 0, 0), "losses")
