# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A watch of a machine on which thousands of processes come and go, each with an executable of its own that is
deleted then: exact for each, and what heaptap holds stays as it is. (tests/bench/watch_churn.py draws the curve
of as many as one likes.)"""
import re
import shutil
import signal

import footprint
import heaptap
from puppet import Puppet

NAME = "churned"
ROUNDS, STEPS, STEP_CNT = 3, 4, 200
NOW_AND_THEN, LOOK_FILES = 10, 260  # so many new files are enough for a look (user/cli/trace_forget.c)


def churn(t, directory, cnt, program, *arguments):
    t.path(directory).mkdir(exist_ok=True)
    return t.start([heaptap.program("churn"), cnt, t.path(directory), NAME, heaptap.program(program), *arguments])


def watch_churned(t):
    return heaptap.start(t, "watch", ["-i", "0.5", "--comm", NAME], []).until_tracing()


def ended(tracing):
    return {image["pid"]: image for image in tracing.images if image["state"] == "exited"}


def check_each(t, tracing, churners):
    """Every process is in the books with the totals that it printed. (Pids come back only after more of them.)"""
    found = ended(tracing)
    expects = [expect for churner in churners for expect in heaptap.read_expects(churner.stdout)]
    t.equal(len(expects), len({expect["pid"] for expect in expects}), "processes, and their numbers")
    t.equal(sorted(found), sorted(expect["pid"] for expect in expects), "processes told of")
    for expect in expects:
        heaptap.check_totals(t, found[expect["pid"]], expect)


def test_holds_no_more_than_the_machine_runs(t):
    tracing = watch_churned(t)
    rounds, churners = [], []
    for _ in range(ROUNDS):
        samples = []
        for _ in range(STEPS):
            churners.append(churn(t, "dir", STEP_CNT, "leak", "malloc"))
            churners[-1].wait()
            t.status(churners[-1], 0)
            samples.append(footprint.of(tracing.process.pid))
        rounds.append({key: max(sample[key] for sample in samples) for key in samples[0]})
    tracing.stop()
    _, second, third = rounds
    # If each were kept, there were one more of each kind for each process, and two open files.
    growth = {key: third[key] - second[key] for key in third if key != "rss_kib"}
    too_much = {key: cnt for key, cnt in growth.items() if cnt > STEPS * STEP_CNT // 2}
    t.equal(too_much, {}, f"growth from {second} to {third}")
    t.check(third["rss_kib"] - second["rss_kib"] < 4096, f"memory grew from {second} to {third}")
    check_each(t, tracing, churners)


def test_file_that_is_used_now_and_then_has_few_numbers(t):
    """A library that is loaded for a moment, between two looks at what is still needed: it is given another number
    each time, and the older ones must go."""
    tracing = watch_churned(t)
    program, library = t.path(NAME), t.path("library.so")
    shutil.copy(heaptap.program("puppet"), program)
    shutil.copy(heaptap.program("plugin_first.so"), library)
    for _ in range(NOW_AND_THEN):
        puppet = Puppet(t, program=program)
        puppet.tell("alloc 1 100")
        t.until(lambda: tracing.of_pid(puppet.pid), "word of the process")  # what it maps is not looked at again
        puppet.tell(f"load {library} plugin_first_leak 100")
        puppet.end()
        t.status(t.run([heaptap.program("churn"), LOOK_FILES, t.path("."), NAME, heaptap.program("leak"), "malloc"]), 0)
    cnt = footprint.most_numbers_of_a_file(tracing.process.pid)
    tracing.stop()
    t.check(cnt <= 3, f"{cnt} numbers stand for one file")
    blocks = sum(heaptap.sums(heaptap.stacks_through(image, "plugin_first_leak"))["outstanding_blocks"]
                 for image in tracing.images)
    t.equal(blocks, NOW_AND_THEN, "blocks through the library")


def functions_of(t, program):
    """Those of its symbol table, and the words of its source: some are only inlined."""
    symbols = t.run(["nm", heaptap.program(program)]).stdout
    source = (heaptap.ROOT / f"tests/programs/{program}.c").read_text()
    return set(re.findall(r" [tTwW] (\S+)", symbols)) | set(re.findall(r"\w+", source))


def replace_in_sleep(t, path):
    """Runs a program, and puts another in its place that has its inode number. Gives what the first said."""
    for _ in range(20):
        shutil.copy(heaptap.program("trap_exec_thread"), path)
        inode = path.stat().st_ino
        first = t.run([path, "new"])
        path.unlink()
        shutil.copy(heaptap.program("puppet"), path)
        if path.stat().st_ino == inode:
            return first
        path.unlink()
    return t.skip("this file system does not use an inode number again at once")


def names_in(images, path):
    return {frame["function"] for image in images for stack in image["stacks"] for frame in stack["frames"]
            if frame["module"] == str(path)} - {None}


def test_names_are_not_those_of_another_file_with_the_same_inode_number(t):
    """heaptap sleeps while a program runs and is deleted, and while another is put in its place."""
    tracing = watch_churned(t)
    path = t.path(NAME)
    tracing.process.signal(signal.SIGSTOP)
    first = replace_in_sleep(t, path)
    second = Puppet(t, program=path)
    tracing.process.signal(signal.SIGCONT)
    second.tell("alloc 3 100")
    tracing.stop()
    (expect,) = heaptap.read_expects(first.stdout)
    images = tracing.of_pid(expect["pid"])
    t.check(images[-1]["totals"]["allocs"] >= expect["allocs"], "the first program's allocations are not in the books")
    t.equal(names_in(images, path) - functions_of(t, "trap_exec_thread"), set(), "names that the first program does not have")
    t.check("do_alloc" in names_in(tracing.of_pid(second.pid), path), "the second program has no names")
