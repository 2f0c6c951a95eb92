# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--section: what calls of a function allocate and leave behind, as the program counts it itself."""
import re

import heaptap
from harness import each
from puppet import Puppet

USAGE, TARGET = 2, 5
FUNCTIONS = ("request", "recursive", "jumping", "shared", "several")
OPTIONS = [word for name in FUNCTIONS for word in ("--section", name)]


def said(stdout):
    """The program's own counts, by function."""
    return {match[1]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
            for match in re.finditer(r"^SECTION (\w+) (.*)$", stdout, re.MULTILINE)}


def told(image):
    return {section["function"]: section for section in image["sections"]}


def check_sections(t, image, stdout, names=FUNCTIONS):
    found, expected = told(image), said(stdout)
    t.equal(sorted(found), sorted(names), "sections")
    for name in names:
        t.equal({key: found[name][key] for key in expected[name]}, expected[name], name)
        t.check(found[name]["complete"], f"{name} is not complete")
        t.equal(found[name]["calls_under_way"], 0, f"{name}: calls under way")
        stacks = found[name]["stacks"]
        t.equal([stack["left_bytes"] for stack in stacks],
                sorted((stack["left_bytes"] for stack in stacks), reverse=True), f"{name}: order of the stacks")
        t.check(all(heaptap.stack_has(stack, name) for stack in stacks), f"{name}: a stack without it")
        if found[name]["stacks_total"] == len(stacks):
            t.equal(sum(stack["left_bytes"] for stack in stacks), expected[name]["left_bytes"],
                    f"{name}: left behind by all stacks")


@each((1, 1, "auto"), (31, 2, "auto"), (2000, 4, "auto"), (61, 2, "multi"), (61, 2, "perf"))
def test_calls_are_those_that_the_program_counts(t, case):
    rounds, threads, link = case
    tracing = heaptap.run(t, [heaptap.program("section_calls"), rounds, threads],
                          options=[*OPTIONS, "--link", link])
    image = tracing.only()
    heaptap.check_sound(t, image)
    check_sections(t, image, tracing.process.stdout)


@each("--check", "--mmap", "--stack none", "--checkpoint-at request")
def test_with_other_options(t, words):
    tracing = heaptap.run(t, [heaptap.program("section_calls"), 20, 2],
                          options=["--section", "request", *words.split()])
    counts = told(tracing.only())["request"]
    expected = said(tracing.process.stdout)["request"]
    t.equal({key: counts[key] for key in expected}, expected, "counts")


def test_watch_and_a_file(t):
    program = heaptap.program("section_calls")
    tracing = heaptap.start(t, "watch", ["--exe", program, "--section", f"several@{program}", "-i", "0.1"],
                            [program]).until_tracing()
    finished = t.run([program, 10, 2])
    t.status(finished, 0)
    t.until(lambda: any(image["state"] == "exited" for image in tracing.images), "the end in a summary")
    tracing.stop()
    check_sections(t, tracing.images[-1], finished.stdout, ["several"])


@each("libsqlite3.so", "libsqlite3.so.0")
def test_a_library_is_known_without_its_version(t, file):
    statements = "create table t(a); insert into t values (1); select * from t;"
    tracing = heaptap.run(t, ["sqlite3", ":memory:", statements], options=["--section", f"sqlite3_prepare_v2@{file}"])
    (section,) = tracing.only()["sections"]
    t.check(section["calls"] >= 3, f"calls of three statements: {section}")


def test_attach_counts_from_where_it_began(t):
    puppet = Puppet(t)
    puppet.tell("alloc 5 100")
    tracing = heaptap.attach(t, puppet.pid, options=["--section", "leak_outer"])
    puppet.tell("alloc 3 1000", "free 3", "alloc 1 10", "thread 2 50")
    tracing.stop()
    counts = told(tracing.images[-1])["leak_outer"]
    t.equal([counts[key] for key in ("calls", "threads", "allocs", "allocs_max", "left_bytes", "left_bytes_max")],
            [3, 2, 6, 3, 3110, 3000], "calls, threads, allocs, most, bytes left behind, most")


def test_a_call_that_does_not_return_is_under_way(t):
    tracing = heaptap.run(t, [heaptap.program("section_calls"), 2, 1, "endless"], options=["--section", "endless"])
    counts = told(tracing.only())["endless"]
    t.equal([counts[key] for key in ("calls", "calls_under_way", "abandoned_calls", "allocs")], [0, 1, 0, 0],
            "calls, under way, abandoned, allocations")


def test_the_last_call_that_is_left_is_not_known_to_be(t):
    tracing = heaptap.run(t, [heaptap.program("section_calls"), 3], options=["--section", "jumping"])
    counts = told(tracing.only())["jumping"]
    t.equal([counts[key] for key in ("calls", "abandoned_calls", "calls_under_way")], [2, 0, 1],
            "calls, abandoned ones, under way")


def test_calls_that_exceptions_leave_are_counted_apart(t):
    tracing = heaptap.run(t, [heaptap.program("trap_throw")], options=["--section", "leak_inner"])
    counts = told(tracing.only())["leak_inner"]
    t.equal([counts[key] for key in ("calls", "abandoned_calls", "allocs", "left_bytes", "left_bytes_max")],
            [4, 4, 4, 4 * 1301, 1301], "calls, abandoned ones, allocations, bytes left behind, most")


def test_a_forks_child_begins_without_calls(t):
    tracing = heaptap.run(t, [heaptap.program("trap_fork")], options=["--section", "main"])
    states = [(told(image)["main"]["calls"], told(image)["main"]["abandoned_calls"]) for image in tracing.images]
    t.check(len(states) > 1, "no child")
    t.check(all(calls <= 1 and not left for calls, left in states), f"calls and abandoned ones: {states}")


@each(1, 3)
def test_text_is_that_of_the_recording(t, rounds):
    path = t.path("x.heaptap")
    live = t.run([heaptap.HEAPTAP, "run", *OPTIONS, "-o", t.path("live.txt"), "-o", path, "--",
                  heaptap.program("section_calls"), rounds, 2])
    t.status(live, 0)
    report = t.run([heaptap.HEAPTAP, "report", path])
    t.status(report, 0)
    text = t.path("live.txt").read_text()
    t.equal(report.stdout, text, "the report's text, and that of the run")
    counts = said(live.stdout)["request"]
    t.contains(text, f"request, {counts['calls']} calls by 2 threads", "the text")
    mean = f"{counts['allocs'] / counts['calls']:.2f}".removesuffix(".00")
    t.check(re.search(rf"allocations +{mean} +{counts['allocs_max']}\n", text), f"mean and most:\n{text}")


def test_lost_events_make_it_incomplete(t):
    tracing = heaptap.run(t, [heaptap.program("section_calls"), 20000, 4],
                          options=["--section", "request", "--ring-size", "4096"])
    image = tracing.only()
    t.check(not image["complete"], "nothing was lost, which this test is about")
    t.check(not told(image)["request"]["complete"], "the section is told as complete")


def test_without_the_option_there_are_no_sections(t):
    t.equal(heaptap.run(t, [heaptap.program("section_calls"), 1]).only()["sections"], [], "sections")


def refused(t, value, *words):
    finished = t.run([heaptap.HEAPTAP, "run", f"--section={value}", *words, "--", heaptap.program("section_calls"), 1])
    t.equal(finished.stdout, "", "what the command said, which was not to run")
    return finished


def test_a_function_that_does_not_exist_is_an_error(t):
    finished = refused(t, "reqest")
    t.status(finished, USAGE)
    t.contains(finished.stderr, "did you mean 'request'?", "stderr")


def test_a_function_whose_returns_cannot_be_found_is_refused(t):
    finished = refused(t, "vfprintf@libc.so.6")
    t.status(finished, TARGET)
    t.contains(finished.stderr, "not all of its returns can be found", "stderr")


def test_sampled_blocks_are_not_enough(t):
    t.status(refused(t, "request", "--sample", "64K"), USAGE)
