# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap spy: every call against the record that the program has of its own."""
import json
import os
import signal
import subprocess
import time

import heaptap
import spying
from harness import each

LINKS = ("session", "multi", "perf")
LEFT = "left"


def spied(t, threads, calls, seed=1, options=()):
    """The whole life of a program that calls everything: what the spy says, and its own record."""
    log = t.fresh_path(".log")
    told = spying.run(t, [heaptap.program("spied"), log, threads, calls, seed], options)
    return told, spying.read_log(log)


def start_waiting(t, log, threads, calls):
    """It begins when it is given a byte."""
    return t.start([heaptap.program("spied"), log, threads, calls, 5, "wait"], stdin=None)


def go(program):
    program.popen.stdin.write(b"x")
    program.popen.stdin.flush()


@each(*LINKS)
def test_every_call_is_told(t, link):
    told, log = spied(t, 0, 5000, options=["--link", link])
    (own,) = log.values()
    # Nothing else calls an allocator in this process: so all that is told is its own, and what those call inside.
    spying.check_same(t, spying.outermost(spying.by_thread(told.calls)[told.calls[0]["pid"]]), own, "all calls")
    spying.check_against_log(t, told, log)
    t.equal(told.end["calls"], len(told.calls), "calls that the end tells of")


@each(*LINKS)
def test_every_call_of_every_thread_is_told(t, link):
    told, log = spied(t, 6, 3000, seed=9, options=["--link", link])
    t.equal(len(log), 6, "threads in the record")
    spying.check_against_log(t, told, log)


def test_failures(t):
    told, log = spied(t, 0, 4000, seed=3)
    (own,) = log.values()
    in_vain = [call for call in own if call.function == "posix_memalign" and call.result
               or call.function not in ("posix_memalign", "free") and not call.result
               and not (call.function == "realloc" and call.arguments[1] == 0)]
    found = [spying.call_of(line) for line in told.calls if line["failed"] and not line["depth"]]
    t.check(len(in_vain) > 50, f"{len(in_vain)} failures only")
    spying.check_same(t, found, in_vain, "failures")


def test_nested_calls_and_times(t):
    """What is called inside another call lies within its time, and has returned before."""
    told, _ = spied(t, 0, 3000, seed=4)
    (lines,) = spying.by_thread(told.calls).values()
    open_calls, nested = [], 0
    for line in lines:
        del open_calls[line["depth"]:]
        t.equal(len(open_calls), line["depth"], f"calls in flight at {line}")
        if open_calls:
            outer = open_calls[-1]
            nested += 1
            t.check(outer["time_ns"] <= line["time_ns"], f"{line} begins before {outer}")
            t.check(line["time_ns"] + line["duration_ns"] <= outer["time_ns"] + outer["duration_ns"],
                    f"{line} ends after {outer}")
        open_calls.append(line)
    inner = [(line["function"], line["depth"]) for line in lines if line["depth"]]
    t.check(nested and ("realloc", 1) in inner, f"nested calls: {inner[:10]}")
    for before, after in zip(told.calls, told.calls[1:]):
        t.check(before["time_ns"] + before["duration_ns"] <= after["time_ns"] + after["duration_ns"],
                f"not in the order of returns: {before}, {after}")


def operators_of(text):
    """The program's record: (symbol, number, result)"""
    rows = [line.split() for line in text.splitlines()]
    return [(row[0], int(row[1], 16), (LEFT if row[2] == LEFT else int(row[2], 16)) if len(row) > 2 else 0)
            for row in rows]


def check_inner(t, lines):
    """Each operator new that returned a block got it from an allocator of the C library, called inside it."""
    for line, *inner in zip(lines, *(lines[i:] for i in range(1, 5))):
        if not line["function"].startswith("operator new") or line["depth"] or line["failed"] or line["left"]:
            continue
        from_libc = [one for one in inner if one["symbol"] in ("malloc", "aligned_alloc") and one["depth"] > 0]
        t.check(from_libc and from_libc[0]["result"] == line["result"], f"{line} and inside it {inner}")


@each(*LINKS)
def test_operators_around_malloc(t, link):
    """They call one another and malloc by calls and jumps; some are left by an exception."""
    told = spying.run(t, [heaptap.program("spied_new"), 3000], ["--link", link])
    wanted = operators_of(told.process.stdout)
    (lines,) = spying.by_thread(told.calls).values()
    spying.check_numbers(t, lines, "the process")
    own = [line for line in lines if line["symbol"].startswith("_Z") and not line["depth"]]
    found = [(line["symbol"], spying.number(next(iter(line["arguments"].values()))),
              LEFT if line["left"] else spying.number(line["result"])) for line in own]
    t.check(any(row[2] == LEFT for row in wanted), "no exception")
    spying.check_same(t, found, wanted, "operators")
    check_inner(t, lines)


def test_before_each_call(t):
    """--pre: a line at each entry, which has what the call's own line has but its results."""
    told, log = spied(t, 2, 1000, options=["--pre"])
    spying.check_against_log(t, told, log)
    fields = ("time_ns", "tid", "number", "depth", "symbol", "arguments")
    entered = {tuple(str(line[field]) for field in fields) for line in told.events("pre")}
    returned = {tuple(str(line[field]) for field in fields) for line in told.calls}
    t.equal(len(told.events("pre")), len(told.calls), "lines before calls")
    t.equal(entered, returned, "calls at entry and at return")
    seen = set()
    for line in told.lines:
        if line["event"] not in ("pre", "call"):
            continue
        call = (line["tid"], line["number"])
        t.equal(line["event"] == "call", call in seen, f"{call} was told before")
        seen.add(call)


def test_filter_by_function(t):
    told, log = spied(t, 0, 2000, options=["--function", "free,*memalign,aligned_alloc"])
    (own,) = log.values()
    wanted = [call for call in own if call.function in ("free", "memalign", "posix_memalign")]
    # free inside realloc is seen as the outermost here, as realloc is not looked at
    found = [call for call in spying.outermost(told.calls) if call.function != "free"]
    spying.check_same(t, found, [call for call in wanted if call.function != "free"], "calls")
    t.equal({call.function for call in map(spying.call_of, told.calls)}, {"free", "memalign", "posix_memalign"}, "functions")
    told, _ = spied(t, 0, 100, options=["--function", "memalign"])
    t.equal({line["symbol"] for line in told.calls}, {"memalign"}, "a function that has another name, too")


def size_of(call):
    asked = {"malloc": 0, "valloc": 0, "realloc": 1, "memalign": 1, "posix_memalign": 2}
    if call.function in asked:
        return call.arguments[asked[call.function]]
    product = call.arguments[-1] * call.arguments[-2] if call.function != "free" else -1
    return min(product, 2 ** 64 - 1)


def test_filter_by_size(t):
    told, log = spied(t, 0, 3000, options=["--size", "500:1K"])
    (own,) = log.values()
    spying.check_same(t, spying.outermost(told.calls),
                      [call for call in own if 500 <= size_of(call) <= 1024], "calls")
    everything, log = spied(t, 0, 300, options=["--size", "2K"])
    (own,) = log.values()
    spying.check_same(t, spying.outermost(everything.calls),
                      [call for call in own if size_of(call) >= 2048], "calls without an upper bound")


def test_filter_by_duration(t):
    """The slow ones are those that the kernel is asked for memory in: a bound in the midst of what is there."""
    everything, _ = spied(t, 0, 3000)
    bound = sorted(line["duration_ns"] for line in everything.calls)[-200]
    told, _ = spied(t, 0, 3000, options=["--slower-than", f"{bound}ns"])
    t.check(0 < len(told.calls) < len(everything.calls), f"{len(told.calls)} of {len(everything.calls)}")
    t.check(all(line["duration_ns"] >= bound for line in told.calls), "a faster one")
    marks = [call for call in map(spying.call_of, told.calls) if call.arguments == (spying.MARK,)]
    t.check(marks, "malloc of 77 MB, which maps memory, is not among the slow ones")


def test_filter_by_thread(t):
    log = t.fresh_path(".log")
    program = start_waiting(t, log, 0, 500)
    other = t.fresh_path(".log")
    told = spying.attach(t, program.pid, ["--thread", program.pid + 1])
    go(program)
    told.finish()
    t.equal(told.calls, [], "calls of a thread that is none")
    program = start_waiting(t, other, 0, 500)
    told = spying.attach(t, program.pid, ["--thread", program.pid])
    go(program)
    told.finish()
    spying.check_against_log(t, told, spying.read_log(other))


def test_stacks(t):
    told = spying.run(t, [heaptap.program("leak"), "malloc"], ["--stack"])
    stacks = [[frame["function"] for frame in line["frames"]] for line in told.calls]
    mine = [stack for stack in stacks if "leak_outer" in stack]
    t.check(mine, f"no stack through leak_outer: {stacks[:3]}")
    for line, stack in zip(told.calls, stacks):
        t.check(line["symbol"] in stack[0], f"{line['symbol']} is not where its stack begins: {stack}")
    t.check(all("main" in stack for stack in mine), f"a stack without main: {mine}")


def test_filter_by_stack(t):
    command = [heaptap.program("leak"), "malloc"]
    told = spying.run(t, command, ["--stack"])
    wanted = [line["number"] for line in told.calls
              if any("leak_inner" in (frame["function"] or "") for frame in line["frames"])]
    found = spying.run(t, command, ["--stack-match", "*leak_inner*"])
    t.check(0 < len(wanted) < len(told.calls), f"{len(wanted)} of {len(told.calls)} have it")
    t.equal([line["number"] for line in found.calls], wanted, "calls with such a stack")
    t.check("frames" not in found.calls[0], "stacks that nobody asked for")


def test_summary(t):
    log = t.fresh_path(".log")
    told = spying.run(t, [heaptap.program("spied"), log, 4, 3000, 8], ["--summary", "--function", "calloc,posix_memalign,valloc"])
    wanted = {}
    for calls in spying.read_log(log).values():
        for call in calls:
            if call.function in ("posix_memalign", "valloc"):
                cnt, failed = wanted.get(call.function, (0, 0))
                in_vain = call.result if call.function == "posix_memalign" else not call.result
                wanted[call.function] = (cnt + 1, failed + bool(in_vain))
    rows = {row["function"]: row for row in told.events("summary")}
    # (the C library itself calls calloc, for threads)
    t.equal({name: (rows[name]["calls"], rows[name]["failed"]) for name in wanted}, wanted, "calls, failures")
    for row in rows.values():
        t.equal(sum(bucket["calls"] for bucket in row["histogram_ns"]), row["calls"], "sum of the histogram")
        t.check(row["min_ns"] * row["calls"] <= row["total_ns"] <= row["max_ns"] * row["calls"], f"{row}")
        used = [bucket for bucket in row["histogram_ns"] if bucket["calls"]]
        t.check(used[0]["from"] <= row["min_ns"] < used[0]["below"], f"least: {row}")
        t.check(used[-1]["from"] <= row["max_ns"] < used[-1]["below"], f"most: {row}")
    t.equal(told.calls, [], "lines of calls")
    t.equal(told.end["calls"], sum(row["calls"] for row in rows.values()), "calls that the end tells of")


def test_attach_and_detach_while_it_runs(t):
    """What is told of each thread, while all probes were in place, is a piece of its record with nothing left out."""
    log = t.fresh_path(".log")
    program = t.start([heaptap.program("spied"), log, 3, 300000, 5, "slowly"])
    told = spying.attach(t, program.pid, ["--duration", "0.4", "--ring-size", "256M"]).finish()
    t.check(program.running(), "it has ended before the spy did")
    program.signal(signal.SIGTERM)
    t.equal(program.wait(), 0, "the program's status after the spy has gone")
    t.equal(told.end["lost"], 0, "lost")
    (attached,) = told.events("attached")
    t.equal([line for line in told.calls if line["left"]], [], "calls that were left, of a program that leaves none")
    whole = [line for line in told.calls
             if attached["time_ns"] <= line["time_ns"] and line["time_ns"] + line["duration_ns"] <= told.end["time_ns"]]
    threads, record = spying.by_thread(whole), spying.read_log(log)
    t.equal(set(threads), set(record), "threads")
    for tid, own in record.items():
        # the first may have been called inside one that had begun before
        found = spying.outermost(threads[tid])[3:]
        t.check(len(found) > 1000, f"{len(found)} calls of thread {tid}")
        begins = [i for i, call in enumerate(own) if call == found[0] and own[i:i + 20] == found[:20]]
        t.equal(len(begins), 1, f"thread {tid}: places where the piece of {len(found)} calls can begin")
        spying.check_same(t, found, own[begins[0]:begins[0] + len(found)], f"thread {tid}")


def start_unread(t, options, pid):
    """A spy whose output nobody reads. The pipe's end, and the process."""
    reader, writer = os.pipe()
    argv = [heaptap.HEAPTAP, "spy", "-v", "-f", "json", "--ring-size", "64K", *options, pid]
    process = t.start(argv, stdout=writer)
    os.close(writer)
    return reader, spying.Spying(t, process, t.fresh_path(".none")).until_spying()


def test_slow_reader(t):
    """It costs records, which are counted to the last one; the program is not kept waiting."""
    calls = 60000
    program = start_waiting(t, "-", 0, calls)
    reader, told = start_unread(t, ["--function", "malloc,valloc"], program.pid)
    go(program)
    t.equal(program.wait(), 0, "the program's status, while nobody reads")
    t.check(told.process.running(), "the spy did not wait for its reader")
    with os.fdopen(reader) as pipe:
        lines = spying.read_lines(pipe.read())
    told.process.wait()
    t.status(told.process, 0)
    # The same calls once more, into a file: how many there are.
    again = spying.run(t, [heaptap.program("spied"), "-", 0, calls, 5], ["--function", "malloc,valloc"])
    t.equal(again.end["lost"], 0, "lost with a file")
    found = [line for line in lines if line["event"] == "call"]
    end = lines[-1]
    t.check(end["lost"] > 1000, f"hardly anything was lost: {end}")
    t.equal(len(found) + end["lost"], len(again.calls), "lines, and what was lost")
    t.equal(sum(line["records"] for line in lines if line["event"] == "lost"), end["lost"], "lost, as it was told")
    t.equal(end["calls"], len(found), "calls that the end tells of")
    t.contains(told.process.stderr, "records were lost", "stderr")


def test_reader_that_never_reads(t):
    """Ctrl-C ends the spy all the same, and it says what was not read."""
    program = start_waiting(t, "-", 0, 60000)
    reader, told = start_unread(t, [], program.pid)
    go(program)
    t.equal(program.wait(), 0, "the program's status, while nobody reads")
    told.process.signal(signal.SIGINT)
    told.process.wait()
    t.status(told.process, 6)
    os.close(reader)
    t.contains(told.process.stderr, "records were lost", "stderr")


def test_reader_that_goes_away(t):
    program = start_waiting(t, "-", 0, 60000)
    reader, told = start_unread(t, [], program.pid)
    os.close(reader)
    go(program)
    t.equal(program.wait(), 0, "the program's status")
    told.process.wait()
    t.status(told.process, 6)
    t.check("cannot" not in told.process.stderr, told.process.stderr)


def test_call_that_never_returns(t):
    """free of a block that was freed: the C library ends the process inside the call."""
    source, program = t.path("double.c"), t.path("double")
    source.write_text("#include <stdlib.h>\nint main(void)\n{\n\tvoid *volatile p = malloc(2000);\n"
                      "\tmalloc(10);\n\tfree(p);\n\tfree(p);\n}\n")
    t.status(t.run(["cc", "-w", "-O0", "-o", program, source]), 0)
    told = spying.start(t, ["--no-children"], ["--", program]).finish(128 + signal.SIGABRT)
    frees = [line for line in told.calls if line["symbol"] == "free"]
    t.equal([line["left"] for line in frees], [False, True], "the two calls of free")
    t.equal((frees[1]["result"], frees[1]["duration_ns"]), (None, None), "result and time of the second")


def test_text(t):
    log = t.fresh_path(".log")
    finished = t.run([heaptap.HEAPTAP, "spy", "--no-children", "--", heaptap.program("spied"), log, 0, 300, 2])
    t.status(finished, 0)
    (own,) = spying.read_log(log).values()
    lines = [line for line in finished.stderr.splitlines() if not line.startswith("#")]
    outermost = [line for line in lines if line[line.index("s  ") + 3] != " "]
    t.equal(len(outermost), len(own), "lines")
    for line, call in zip(outermost, own):
        if call.function == "malloc" and call.result:
            t.check(line.endswith(f"malloc(size={call.arguments[0]}) = {call.result:#x}"), f"{line}: {call}")
        if call.function == "free":
            t.check(f"free(ptr={call.arguments[0]:#x})" in line.replace("ptr=0)", "ptr=0x0)"), f"{line}: {call}")


@each(["--format", "html"], ["--pre", "--summary"], ["--size", "5:3"], ["--slower-than", "0us"])
def test_refused(t, options):
    finished = t.run([heaptap.HEAPTAP, "spy", *options, "--", "/bin/true"])
    t.status(finished, 2)
    t.check(finished.stderr, "nothing is said")
