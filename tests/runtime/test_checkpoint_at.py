# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--checkpoint-at: a checkpoint at each entry of a function of the target, exactly there."""
import re

import heaptap
from harness import each
from puppet import Puppet

TARGET, USAGE = 5, 2


def checkpoints(tracing):
    return [summary for summary in tracing.summaries if summary["kind"] == "checkpoint"]


def kept(summary):
    """Outstanding blocks and bytes of what the program's main thread keeps."""
    (image,) = summary["processes"]
    sums = heaptap.sums(heaptap.stacks_through(image, "keep"))
    return sums["outstanding_blocks"], sums["outstanding_bytes"]


def said(stdout):
    return [tuple(map(int, pair)) for pair in re.findall(r"^HERE blocks=(\d+) bytes=(\d+)$", stdout, re.MULTILINE)]


# 200 rounds without a pause: most points are met while the checkpoint before is being written.
@each((5, 0, "auto"), (200, 0, "auto"), (50, 2, "auto"), (50, 1, "perf"), (50, 1, "multi"))
def test_books_are_as_the_program_had_them_at_the_entry(t, case):
    rounds, threads, link = case
    tracing = heaptap.run(t, [heaptap.program("sections"), rounds, threads],
                          options=["--checkpoint-at", "checkpoint_here", "--link", link])
    found = checkpoints(tracing)
    t.equal(len(said(tracing.process.stdout)), rounds, "rounds")
    t.equal([kept(summary) for summary in found], said(tracing.process.stdout),
            "outstanding at each checkpoint, and as the program said it")
    t.equal([summary["checkpoint"] for summary in found], [f"checkpoint-{i + 1}" for i in range(rounds)], "names")
    t.check(tracing.only()["complete"], "the books are not complete")


def test_differences_are_those_of_checkpoints(t):
    tracing = heaptap.run(t, [heaptap.program("sections"), 6],
                          options=["--checkpoint-at", "checkpoint_here@sections"])
    found, here = checkpoints(tracing), said(tracing.process.stdout)
    t.equal([summary["previous_checkpoint"] for summary in found],
            [None] + [f"checkpoint-{i}" for i in range(1, 6)], "what each counts from")
    t.equal([summary["processes"][0]["since_checkpoint"]["growth_blocks"] for summary in found[1:]],
            [later[0] - earlier[0] for earlier, later in zip(here, here[1:])], "growth in blocks")


def test_attach_and_several_functions(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--checkpoint-at", "leak_outer",
                                                     "--checkpoint-at", f"leak_inner@{heaptap.program('puppet')}"])
    puppet.tell("alloc 3 100")
    t.until(lambda: len(checkpoints(tracing)) >= 4, "four checkpoints")
    tracing.stop()
    own = [heaptap.sums(heaptap.stacks_through(summary["processes"][0], "leak_outer"))["outstanding_blocks"]
           for summary in checkpoints(tracing)]
    t.equal(own, [0, 0, 1, 2], "blocks at leak_outer, and at each leak_inner in it")


def test_watch_of_a_program(t):
    program = heaptap.program("sections")
    tracing = heaptap.start(t, "watch", ["--exe", program, "--checkpoint-at", f"checkpoint_here@{program}",
                                         "-i", "0.1"], [program]).until_tracing()
    finished = t.run([program, 7])
    t.status(finished, 0)
    t.until(lambda: len(checkpoints(tracing)) >= 7, "seven checkpoints")
    tracing.stop()
    t.equal([kept(summary) for summary in checkpoints(tracing)], said(finished.stdout), "outstanding")


def test_a_library_that_is_loaded_later(t):
    plugin = heaptap.PROGRAMS / "plugin_first.so"
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--checkpoint-at", f"plugin_first_leak@{plugin}"])
    t.equal(checkpoints(tracing), [], "checkpoints before")
    puppet.tell(f"load {plugin} plugin_first_leak 10", f"load {plugin} plugin_first_leak 20")
    t.until(lambda: len(checkpoints(tracing)) >= 2, "two checkpoints")
    tracing.stop()
    own = [heaptap.sums(heaptap.stacks_through(summary["processes"][0], "plugin_first_leak"))["outstanding_bytes"]
           for summary in checkpoints(tracing)]
    t.equal(own, [0, 10], "bytes at each")


def test_a_program_that_is_executed_later(t):
    program = heaptap.program("sections")
    tracing = heaptap.run(t, ["sh", "-c", f"{program} 4; true"],
                          options=["--checkpoint-at", f"checkpoint_here@{program}"])
    t.equal(len(checkpoints(tracing)), 4, "checkpoints")


@each("leak_outer", "(anonymous namespace)::leak_outer", "_ZN12_GLOBAL__N_110leak_outerERKNS_3rowE")
def test_a_mangled_function_by_its_name(t, name):
    tracing = heaptap.run(t, [heaptap.program("leak_new"), "new"], options=["--checkpoint-at", name])
    t.equal(len(checkpoints(tracing)), 1, "checkpoints")


def test_recorded_as_other_checkpoints(t):
    path = t.path("x.heaptap")
    tracing = heaptap.run(t, [heaptap.program("sections"), 3],
                          options=["--checkpoint-at", "checkpoint_here", "-o", path])
    listed = t.run([heaptap.HEAPTAP, "report", "--list", path]).stdout
    t.equal(re.findall(r'"([^"]+)"', listed), ["checkpoint-1", "checkpoint-2", "checkpoint-3"], "names in the list")
    diff = t.run([heaptap.HEAPTAP, "diff", f"{path}:checkpoint-1", f"{path}:checkpoint-3"])
    here = said(tracing.process.stdout)
    t.contains(diff.stdout, f"+{here[2][0] - here[0][0]} blocks", "the difference of two")


def refused(t, *words):
    finished = t.run([heaptap.HEAPTAP, "run", *words, "--", heaptap.program("sections"), 1])
    t.equal(finished.stdout, "", "what the command said, which was not to run")
    return finished


def test_a_function_that_does_not_exist_is_an_error(t):
    finished = refused(t, "--checkpoint-at", "checkpont_here")
    t.status(finished, USAGE)
    t.contains(finished.stderr, "did you mean 'checkpoint_here'?", "stderr")
    finished = refused(t, "--checkpoint-at", "checkpoint_here@/bin/true")
    t.status(finished, USAGE)
    t.contains(finished.stderr, "no function 'checkpoint_here' in", "stderr")


@each("", "@x", "f@", "f@/no/such/file", "x" * 256)
def test_what_names_no_function_is_refused(t, value):
    t.status(refused(t, f"--checkpoint-at={value}"), USAGE)


def test_a_file_that_was_not_met_is_told_at_the_end(t):
    tracing = heaptap.run(t, [heaptap.program("sections"), 1], options=["--checkpoint-at", "f@libnever.so"])
    t.contains(tracing.process.stderr, "libnever.so was not executed", "stderr")
