# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs heaptap, and reads the books that it writes (JSON Lines, schema heaptap/1)."""
import json
import os
import pathlib
import re

from harness import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
HEAPTAP = BUILD / "heaptap"
PROGRAMS = BUILD / "programs"
SCHEMA = "heaptap/1"

# Fields of EXPECT lines, of a process's totals, and of its stacks.
EXPECT_TO_TOTALS = {
    "blocks": "outstanding_blocks", "bytes": "outstanding_bytes", "allocs": "allocs",
    "frees": "frees", "allocated": "bytes_allocated", "failed": "failed_allocs",
}
STACK_FIELDS = ("outstanding_blocks", "outstanding_bytes", "allocs", "frees", "bytes_allocated")
EXPECT_TO_STACKS = {key: field for key, field in EXPECT_TO_TOTALS.items() if key != "failed"}


def program(name):
    return PROGRAMS / name


def read_expects(text):
    """The EXPECT lines of a program's output, as dictionaries (with "name")."""
    expects = []
    for match in re.finditer(r"^EXPECT (\S+) (.*)$", text, re.MULTILINE):
        expect = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
        expects.append(dict(expect, name=match[1]))
    return expects


def read_summaries(text):
    """The summaries of whole lines (a last one may be in the making)."""
    summaries = []
    for line in text.split("\n")[:-1]:
        try:
            summary = json.loads(line)
        except ValueError as error:
            raise Failed(f"not JSON ({error}): {line[:200]}") from error
        if summary.get("schema") != SCHEMA:
            raise Failed(f"schema {summary.get('schema')!r}, expected {SCHEMA!r}")
        summaries.append(summary)
    return summaries


def images(summaries):
    """What was said last of each image of each process, in the order of first mention."""
    last = {}
    for summary in summaries:
        for process in summary["processes"]:
            last[process["pid"], process["image"]] = process
    return list(last.values())


class Tracing:
    """heaptap with -f json -o FILE: under way, or ended."""

    def __init__(self, test, process, output):
        self.test, self.process, self.output = test, process, output

    @property
    def status(self):
        return self.process.status

    @property
    def summaries(self):
        return read_summaries(self.output.read_text()) if self.output.exists() else []

    @property
    def final(self):
        finals = [summary for summary in self.summaries if summary["kind"] == "final"]
        self.test.check(len(finals) == 1, f"{len(finals)} final summaries\n{self.process.told()}")
        return finals[0]

    @property
    def images(self):
        return images(self.summaries)

    def of_pid(self, pid):
        """The images of a pid, the oldest first."""
        return [image for image in self.images if image["pid"] == pid]

    def only(self):
        found = self.images
        self.test.check(len(found) == 1, f"{len(found)} processes, not one: "
                        f"{[(image['pid'], image['comm']) for image in found]}")
        return found[0]

    def until_tracing(self):
        """Waits for the first periodic summary: from then on every call is seen."""
        self.test.until(lambda: self.summaries or not self.process.running(),
                        lambda: f"heaptap's first summary\n{self.process.told()}")
        self.test.check(self.process.running(), f"heaptap has ended\n{self.process.told()}")
        return self

    def until_summary(self):
        """Waits for one more summary than there are, and gives it."""
        cnt = len(self.summaries)
        self.test.until(lambda: len(self.summaries) > cnt, "the next summary")
        return self.summaries[-1]

    def stop(self, number=2):
        """Ends heaptap by a signal (SIGINT), as a person does."""
        self.process.signal(number)
        self.process.wait()
        self.test.status(self.process, 0)
        return self


def start(test, subcommand, options, arguments, **how):
    output = test.fresh_path(".json")
    argv = [HEAPTAP, subcommand, "-f", "json", "-o", output, *options, *arguments]
    return Tracing(test, test.start(argv, **how), output)


def run(test, command, options=(), status=0, **how):
    """heaptap run to its end. status None: any."""
    tracing = start(test, "run", options, ["--", *command], **how)
    tracing.process.wait(50)
    if status is not None:
        test.status(tracing.process, status)
    return tracing


def attach(test, *pids, options=()):
    """heaptap attach, when it is tracing."""
    return start(test, "attach", ["-i", "0.1", *options], pids).until_tracing()


def watch(test, *files, options=()):
    return start(test, "watch", ["-i", "0.1", *options], files).until_tracing()


def frame_is(frame, function):
    """Whether a frame's (demangled) function has this name, whatever its scope and arguments."""
    return re.search(rf"(^|[:\s]){re.escape(function)}(\(|$)", frame["function"] or "") is not None


def stack_has(stack, function):
    return any(frame_is(frame, function) for frame in stack["frames"])


def stacks_through(image, function):
    return [stack for stack in image["stacks"] if stack_has(stack, function)]


def sums(stacks):
    return {field: sum(stack[field] for stack in stacks) for field in STACK_FIELDS}


def check_sound(test, image, thrown=0):
    """What must be so for any image: nothing lost, and stacks that add up to the totals. An exception
    thrown inside an allocator is allocated inside it, so not counted, and freed outside."""
    who = f"{image['comm']} ({image['pid']})"
    events = image["events"]
    test.check(image["complete"], f"{who} is not complete: {events}")
    test.equal(events["lost"], 0, f"{who}: events lost")
    unmatched = events["unmatched_frees"] + (events["nested_frees"] if thrown else 0)
    test.equal(unmatched, thrown, f"{who}: frees of unknown blocks")
    totals = image["totals"]
    test.equal(totals["allocs"] - totals["frees"], totals["outstanding_blocks"],
               f"{who}: allocs - frees, and outstanding blocks")
    test.equal(sums(image["stacks"]), {field: totals[field] for field in STACK_FIELDS},
               f"{who}: sums over all stacks, and totals")


def check_totals(test, image, expect):
    """The process made no allocations but its own, and all of them are in the books."""
    check_sound(test, image)
    found = {key: image["totals"][field] for key, field in EXPECT_TO_TOTALS.items()}
    test.equal(found, {key: expect[key] for key in EXPECT_TO_TOTALS}, f"{expect['name']}: totals")


def check_own(test, image, expect, *functions, thrown=0):
    """What went through these functions of the program (others allocate too, e.g. the C library)."""
    check_sound(test, image, thrown)
    own = [stack for stack in image["stacks"]
           if any(stack_has(stack, function) for function in functions)]
    found = sums(own)
    test.equal({key: found[field] for key, field in EXPECT_TO_STACKS.items()},
               {key: expect[key] for key in EXPECT_TO_STACKS},
               f"{expect['name']}: stacks through {', '.join(functions)}")


def library_path(test, library):
    """Of a library of the system; skips the test where it isn't installed."""
    found = test.run(["/sbin/ldconfig", "-p"]).stdout
    path = re.search(rf"^\s*{re.escape(library)} .*x86-64.* => (\S+)$", found, re.MULTILINE)
    if not path:
        test.skip(f"{library} is not installed")
    return path[1]


def preloading(test, library, *command):
    """The command with a library of the system preloaded."""
    return ["/usr/bin/env", f"LD_PRELOAD={library_path(test, library)}", *command]


def run_expecting(test, command, status=0, options=(), **how):
    """Runs a program of ours; gives the tracing, and (image, EXPECT line) pairs by pid and order."""
    tracing = run(test, command, options=options, status=status, **how)
    expects = read_expects(tracing.process.stdout)
    test.check(expects, f"no EXPECT line\n{tracing.process.told()}")
    pairs = []
    for pid in dict.fromkeys(expect["pid"] for expect in expects):
        of_pid = [expect for expect in expects if expect["pid"] == pid]
        # one of which every record was lost is known by its losses only, after all others
        images = [image for image in tracing.of_pid(pid) if image["events"]["received"] or not image["loss"]["total"]]
        pairs += list(zip(images[-len(of_pid):], of_pid))
    test.equal(len(pairs), len(expects), "images in the books for the EXPECT lines")
    return tracing, pairs
