# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each option does what --help says of it."""
import re
import time

import heaptap
from harness import each, without_bpf
from puppet import Puppet

SUBCOMMANDS = ("run", "attach", "watch", "record", "report", "diff", "spy", "checkpoint", "stop-at", "probes",
               "doctor")
# Where each option is tested; a new one must be put here, with a test.
TESTED = {
    "interval": "interval", "duration": "duration", "top": "top", "min-age": "min_age",
    "min-bytes": "min_bytes", "sort": "sort", "format": "format", "output": "output",
    "verbose": "verbose", "sample": "sampling", "comm": "watch", "exe": "watch", "user": "watch", "cgroup": "watch",
    "ring-size": "ring_size", "error-exitcode": "run", "no-children": "run", "link": "link",
    "stop-at": "stop", "stop-when": "stop_when", "checkpoint-at": "checkpoint_at", "section": "section", "pid": "checkpoint",
    "max-size": "outputs", "list": "outputs", "fail-above": "outputs",
    "mmap": "mmap",
    "check": "check",
    "allocators": "declared", "suppressions": "blocks", "print-suppressions": "blocks", "client": "blocks",
    "all-kinds": "blocks", "statistics": "blocks", "blocks": "blocks", "blocks-by": "blocks",
    "contents": "blocks", "contents-at-exit": "contents_at_exit",
    "function": "spy", "size": "spy", "thread": "spy", "slower-than": "spy", "stack-match": "spy",
    "pre": "spy", "summary": "spy",
    "color": "color", "stack": "stack", "help": "help", "version": "version",
}


def listed_options(t):
    options = set()
    for words in (["--help"], *([name, "--help"] for name in SUBCOMMANDS)):
        finished = t.run([heaptap.HEAPTAP, *words])
        t.status(finished, 0)
        options |= set(re.findall(r"--([a-z][a-z-]+)", finished.stdout))
    return options


@without_bpf
def test_every_option_of_help_is_tested(t):
    t.equal(sorted(listed_options(t) - set(TESTED)), [], "options of --help that no test is named for")


@without_bpf
def test_every_option_is_in_help(t):
    t.equal(sorted(set(TESTED) - listed_options(t) - {"help", "version"}), [], "options not in --help")


@without_bpf
def test_version(t):
    finished = t.run([heaptap.HEAPTAP, "--version"])
    t.status(finished, 0)
    t.check(re.match(r"heaptap \d+\.\d+", finished.stdout), f"version: {finished.stdout!r}")


@without_bpf
@each("text", "json", "html", "folded", "pprof", "massif")
def test_format_names_are_in_help(t, name):
    t.contains(t.run([heaptap.HEAPTAP, "run", "--help"]).stdout, name, "run --help")


def test_interval_gives_periodic_summaries(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["-i", "0.2"])
    t.until(lambda: len(tracing.summaries) >= 4, "four summaries")
    tracing.stop()
    kinds = [summary["kind"] for summary in tracing.summaries]
    t.equal(set(kinds[:-1]), {"periodic"}, "kinds of the summaries before the last")
    times = [summary["uptime_s"] for summary in tracing.summaries[:-1]]
    # on a busy machine one can come late, and the next soon after it
    mean = (times[-1] - times[0]) / (len(times) - 1)
    t.check(times == sorted(times) and 0.1 < mean < 2, f"uptimes of the summaries: {times}")


def test_growth_is_since_the_last_summary(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 10 100")
    growths = []

    def growth():
        stacks = [stack for summary in tracing.summaries for image in summary["processes"]
                  for stack in heaptap.stacks_through(image, "leak_outer")]
        growths[:] = [stack["growth_bytes"] for stack in stacks]
        return len(growths) >= 3

    t.until(growth, "three summaries with the stack")
    t.equal(sum(growths), 1000, "growth over all summaries")
    t.equal(growths[-1], 0, "growth when nothing happens")


def test_duration_ends_it(t):
    puppet = Puppet(t)
    begin = time.monotonic()
    tracing = heaptap.start(t, "attach", ["-d", "0.5"], [puppet.pid])
    tracing.process.wait(20)
    took = time.monotonic() - begin
    t.status(tracing.process, 0)
    t.equal(tracing.final["kind"], "final", "kind")
    t.check(took >= 0.5, f"it took {took} s")
    t.check(puppet.process.running(), "the process ended with heaptap")


# Three stacks, told apart by the depth of the puppet's commands: sizes and counts in one process.
def three_stacks(t, options):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=options)
    puppet.tell("alloc 50 10")
    tracing.until_summary()
    puppet.tell("thread 2 1000")
    tracing.until_summary()
    tracing.until_summary()
    tracing.stop()
    return tracing.final["processes"][0]


def own_stacks(image):
    return [stack["outstanding_bytes"] for stack in heaptap.stacks_through(image, "leak_outer")]


@each("1", "2")
def test_top_limits_the_stacks(t, cnt):
    image = three_stacks(t, ["-n", cnt])
    t.equal(len(image["stacks"]), int(cnt), "stacks")
    t.equal(image["stacks"][0]["outstanding_bytes"], 2000, "bytes of the first stack")


def test_top_0_is_all_stacks(t):
    t.equal(sorted(own_stacks(three_stacks(t, ["-n", "0"]))), [500, 2000], "bytes of the stacks")


@each(("bytes", [2000, 500]), ("blocks", [500, 2000]), ("age", [500, 2000]))
def test_sort(t, case):
    key, wanted = case
    t.equal(own_stacks(three_stacks(t, ["--sort", key])), wanted, "bytes of the stacks in order")


def test_sort_by_growth(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--sort", "growth", "-i", "0.5"])
    puppet.tell("thread 2 1000")
    tracing.until_summary()
    puppet.tell("alloc 50 10")
    summary = tracing.until_summary()
    t.equal(own_stacks(summary["processes"][0])[0], 500, "bytes of the stack that grew last")


def test_min_bytes_hides_small_stacks(t):
    t.equal(own_stacks(three_stacks(t, ["--min-bytes", "1K"])), [2000], "bytes of the stacks")


def test_min_age_leaves_out_young_blocks(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--min-age", "1", "-i", "0.2"])
    puppet.tell("alloc 5 100")

    def bytes_now():
        return sum(own_stacks(tracing.summaries[-1]["processes"][0]))

    first = tracing.until_summary()
    t.equal(sum(own_stacks(first["processes"][0])), 0, "bytes that are old enough at once")
    t.until(lambda: bytes_now() == 500, "the blocks to be old enough")
    puppet.tell("alloc 7 100")
    tracing.stop()
    t.equal(bytes_now(), 500, "bytes that are old enough, with young ones beside them")
    t.equal(tracing.final["processes"][0]["totals"]["outstanding_bytes"], 1200, "outstanding in total")


def test_ages_of_a_stack(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 1 100")
    begin = time.monotonic()
    t.until(lambda: time.monotonic() - begin > 1, "a second")
    puppet.tell("alloc 1 100")
    tracing.stop()
    (stack,) = heaptap.stacks_through(tracing.final["processes"][0], "leak_outer")
    t.check(0 <= stack["newest_age_s"] < 0.9, f"newest: {stack['newest_age_s']}")
    t.check(1 <= stack["oldest_age_s"] < 10, f"oldest: {stack['oldest_age_s']}")


@each("text", "json")
def test_format(t, name):
    path = t.path("report")
    t.status(t.run([heaptap.HEAPTAP, "run", "-f", name, "-o", path, "--", heaptap.program("leak"), "malloc"]), 0)
    is_json = path.read_text().startswith("{")
    t.equal(is_json, name == "json", "whether it is JSON")


def test_text_tells_the_facts(t):
    path = t.path("report")
    t.status(t.run([heaptap.HEAPTAP, "run", "-o", path, "--", heaptap.program("leak"), "malloc"]), 0)
    text = path.read_text()
    for part in ("leak", "leak_inner", "leak_outer", "leak.c:", "7", "complete"):
        t.contains(text, part, "the report")


def test_output_of_attach_goes_to_stdout(t):
    puppet = Puppet(t)
    finished = t.run([heaptap.HEAPTAP, "attach", "-f", "json", "-d", "0.2", puppet.pid])
    t.status(finished, 0)
    t.equal(heaptap.read_summaries(finished.stdout)[-1]["kind"], "final", "kind")


def test_output_file_is_replaced_not_prolonged(t):
    path = t.path("report")
    path.write_text("x" * 100000)
    t.status(t.run([heaptap.HEAPTAP, "run", "-f", "json", "-o", path, "--", "true"]), 0)
    t.check("x" * 10 not in path.read_text(), "what was in the file is still there")


def test_verbose_says_more(t):
    lengths = []
    for options in ([], ["-v"], ["-v", "-v"]):
        finished = t.run([heaptap.HEAPTAP, "run", "-o", "/dev/null", *options, "--", "true"])
        t.status(finished, 0)
        lengths.append(len(finished.stderr))
    t.check(lengths[0] < lengths[1] <= lengths[2], f"lengths of what was said: {lengths}")


@each("session", "multi", "perf")
def test_link_kinds_are_exact(t, kind):
    leak = heaptap.program("leak")
    rows = " ".join(("malloc", "calloc", "realloc-move", "realloc-null", "posix_memalign", "valloc"))
    command = ["/bin/sh", "-c", f"for row in {rows}; do {leak} $row; done"]
    _, pairs = heaptap.run_expecting(t, command, options=["--link", kind])
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


@each("session", "multi", "perf")
def test_link_kinds_with_threads(t, kind):
    command = [heaptap.program("threads"), "4", "10000"]
    _, ((image, expect),) = heaptap.run_expecting(t, command, options=["--link", kind])
    heaptap.check_own(t, image, expect, "leak_outer")


@each("session", "multi", "perf")
def test_link_kinds_attach_to_one_process_only(t, kind):
    puppet, other = Puppet(t), Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--link", kind])
    other.tell("alloc 3 100")
    puppet.tell("alloc 1 100", "thread 4 100")
    tracing.stop()
    (image,) = tracing.images
    stacks = heaptap.stacks_through(image, "leak_outer")
    t.equal(heaptap.sums(stacks)["outstanding_blocks"], 5, "outstanding blocks")


@each("auto", "dwarf", "fp", "none")
def test_stack(t, mode):
    """By unwind information to the root, by frame pointers at least through our own code; or not at all.
    The totals are the same."""
    program = heaptap.program("leak_optimized" if mode in ("auto", "dwarf") else "leak")
    _, ((image, expect),) = heaptap.run_expecting(t, [program, "malloc"], options=["--stack", mode])
    heaptap.check_totals(t, image, expect)
    found = heaptap.sums(heaptap.stacks_through(image, "leak_outer"))["outstanding_blocks"]
    t.equal(found, 0 if mode == "none" else expect["blocks"], "blocks of stacks through leak_outer")


def test_small_ring_loses_nothing_silently(t):
    command = [heaptap.program("threads"), "4", "50000"]
    tracing = heaptap.run(t, command, ["--ring-size", "4096"])
    (expect,) = heaptap.read_expects(tracing.process.stdout)
    image = tracing.only()
    lost = image["events"]["lost"]
    t.check(lost > 0, "a ring of a page lost nothing")
    t.check(not image["complete"], "the books are called complete with events lost")
    t.check(image["totals"]["allocs"] < expect["allocs"], "allocs")
    t.equal(tracing.final["loss"]["total"], lost, "the summary's losses")


def test_large_ring_loses_nothing(t):
    command = [heaptap.program("threads"), "4", "50000"]
    _, ((image, expect),) = heaptap.run_expecting(t, command, options=["--ring-size", "128M"])
    heaptap.check_own(t, image, expect, "leak_outer")


@each(("auto", False), ("always", True), ("never", False))
def test_color(t, case):
    when, coloured = case
    path = t.path("report")
    t.status(t.run([heaptap.HEAPTAP, "run", "--color", when, "-o", path, "--", "ls"]), 0)
    t.equal("\x1b[" in path.read_text(), coloured, "whether there are colours")


def test_no_color_is_respected(t):
    t.need("script")
    command = f"{heaptap.HEAPTAP} run -- true"
    plain = t.run(["script", "-qec", command, "/dev/null"], environment={"NO_COLOR": "1", "TERM": "xterm"})
    environment = {"NO_COLOR": "", "TERM": "xterm"}  # no-color.org: an empty one does not count
    coloured = t.run(["script", "-qec", command, "/dev/null"], environment=environment)
    t.check("\x1b[1m" not in plain.stdout and "\x1b[3" not in plain.stdout, "colours in spite of NO_COLOR")
    t.check("\x1b[" in coloured.stdout, f"no colours on a terminal: {coloured.stdout!r}")


@without_bpf
@each("allocators check", "allocators sample", "check sample")
def test_one_of_allocators_check_and_sample(t, pair):
    forms = {"allocators": ["--allocators", "apr"], "check": ["--check"], "sample": ["--sample", "4K"]}
    options = [word for name in pair.split() for word in forms[name]]
    finished = t.run([heaptap.HEAPTAP, "run", *options, "--", "true"])
    t.status(finished, 2)
    for name in pair.split():
        t.contains(finished.stderr, f"--{name}", "stderr")
