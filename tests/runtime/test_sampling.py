# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""--sample: estimates against the truth of a counter inside the process (libcount.so).

Each run of a program draws its own sample, so estimates are tested as what they are, random. With n runs, and
z = (estimate - truth) / (error / 1.96) for each of them, the tests are
  - unbiased: the mean error lies within 4 of its standard errors (false alarm: 6e-5 per test);
  - errors true: the sum of z^2 is chi-square distributed, and lies within 4 deviations of a normal variable
    that it is made into (Wilson and Hilferty, 1931): likewise;
  - coverage: how many |z| are below 1.96 is binomial with 95 %; a tail of less than 1e-4 fails.
"""
import collections
import json
import math
import re
import subprocess

import heaptap
import oracle
from harness import each
from puppet import Puppet
from test_real_programs import command_of

QUANTILE = 1.959964  # 97.5 % of the normal distribution
LEVEL = 1e-4

# field of totals: its error's field in `sampled`
ERRORS = {
    "allocs": "allocs_error", "frees": "frees_error", "bytes_allocated": "bytes_allocated_error",
    "outstanding_blocks": "outstanding_blocks_error", "outstanding_bytes": "outstanding_bytes_error",
}


def again_and_again(command, runs):
    words = " ".join(f"'{word}'" for word in map(str, command))
    return ["/bin/sh", "-c", f"i=0; while [ $i -lt {runs} ]; do {words} >/dev/null; i=$((i + 1)); done"]


def sample(t, command, runs, sample_bytes, comm):
    """(image, truth) of each image of `comm`, in the order of their births."""
    counting = oracle.Counting(t)
    tracing = heaptap.run(t, [*counting.prefix, *again_and_again(command, runs)],
                          ["--sample", str(sample_bytes), "--top", "1"])
    pairs = []
    for truth in counting.images():
        if truth["comm"] == comm:
            image = tracing.of_pid(truth["pid"])[-1]
            t.check(image["complete"], f"not complete: {image['events']} {image['loss']}")
            t.equal(image["events"]["unmatched_frees"], 0, "frees of unknown blocks")
            t.equal(image["totals"]["failed_allocs"], truth["failed_allocs"], "failed allocations")
            pairs.append((image, truth))
    return pairs


def binomial_tail(n, hits, p):
    """The probability of so few hits, or of so many, whichever is less."""
    weights = [math.comb(n, k) * p ** k * (1 - p) ** (n - k) for k in range(n + 1)]
    return min(sum(weights[:hits + 1]), sum(weights[hits:]))


def chi_square_deviations(value, n):
    """By how many standard deviations it is too much, or too little."""
    return ((value / n) ** (1 / 3) - (1 - 2 / (9 * n))) / math.sqrt(2 / (9 * n))


def check_estimates(t, pairs, field, what):
    errors = [image["totals"][field] - truth[field] for image, truth in pairs]
    deviations = [image["sampled"][ERRORS[field]] / QUANTILE for image, _ in pairs]
    n = len(pairs)
    t.check(all(deviations), f"{what}, {field}: an estimate without an error")
    zs = [error / deviation for error, deviation in zip(errors, deviations)]
    bias = sum(errors) / math.sqrt(sum(deviation ** 2 for deviation in deviations))
    spread = sum(z * z for z in zs)
    covered = sum(abs(z) <= QUANTILE for z in zs)
    found = f"{what}, {field}: bias {bias:+.2f} standard errors, z^2 {spread:.1f} and {covered} covered of {n}"
    print("    " + found, flush=True)
    t.check(abs(bias) <= 4, found)
    t.check(abs(chi_square_deviations(spread, n)) <= 4, found)
    t.check(binomial_tail(n, covered, 0.95) >= LEVEL, found)


@each(("mixed", 60), ("threads", 24))
def test_estimates_are_unbiased_and_their_errors_true(t, case):
    mode, runs = case
    pairs = sample(t, [heaptap.program("sampled"), mode], runs, 1024, "sampled")
    t.equal(len(pairs), runs, "processes")
    for field in ERRORS:
        check_estimates(t, pairs, field, mode)


def test_forked_children_are_estimated_too(t):
    pairs = sample(t, [heaptap.program("sampled"), "fork"], 24, 1024, "sampled")
    t.equal(len(pairs), 2 * 24, "processes")
    for what, family in (("parents", pairs[0::2]), ("children", pairs[1::2])):
        for field in ERRORS:
            check_estimates(t, family, field, what)


# Fewer runs, as they take longer. What they allocate is of thousands of sizes.
@each(("sqlite3", 512, 20), ("find", 512, 20), ("python3 without its own allocator", 4096, 12))
def test_real_programs_are_estimated(t, case):
    name, sample_bytes, runs = case
    command = command_of(t, name)
    comm = [word for word in command if "=" not in word and word != "env"][0].split("/")[-1]
    pairs = sample(t, command, runs, sample_bytes, comm)
    t.equal(len(pairs), runs, "processes")
    for field in ("allocs", "bytes_allocated"):
        check_estimates(t, pairs, field, name)


# mode: of so many images the last so many free all there is
FREEING = {"freed": (2, 2), "vfork": (1, 1), "outlive": (2, 1)}


@each("100", "1K", "64K")
def test_what_is_freed_leaves_exactly_nothing(t, sample_bytes):
    """By whatever thread, after reallocs that failed and such that did not, in a fork's child too."""
    for mode, (image_cnt, freeing_cnt) in FREEING.items():
        script = f"{heaptap.program('sampled')} {mode} | cat"  # which waits for a child that outlives its parent
        tracing = heaptap.run(t, ["/bin/sh", "-c", script], ["--sample", sample_bytes])
        images = [image for image in tracing.images if image["comm"] == "sampled"]
        t.equal(len(images), image_cnt, f"{mode}: processes")
        for image in images[-freeing_cnt:]:
            heaptap.check_sound(t, image)
            # on a busy machine the rows of a program that just began can come late: stacks end below churn then
            late = [stack for stack in image["stacks"] if stack["end"] == "late_rows"]
            found = heaptap.sums(heaptap.stacks_through(image, "churn") + late)
            t.check(found["allocs"] > 1000, f"{mode}: only {found['allocs']} allocations")
            t.equal((found["outstanding_blocks"], found["outstanding_bytes"]), (0, 0), f"{mode}: outstanding")
            t.equal(found["frees"], found["allocs"], f"{mode}: frees and allocations")


# A block of 30 bytes and more has a point of its own, but once in 10^13: the books must be exact.
@each("trap_realloc_failing", "trap_longjmp", "trap_exec 3", "trap_fork", "trap_failed", "trap_many blocks",
      "trap_many stacks", "leak realloc-move", "leak realloc-null", "leak posix_memalign", "leak reallocarray",
      "leak_forwarded calloc", "die _exit", "trap_clone copy", "trap_clone borrow")
def test_with_every_byte_a_point_it_is_exact(t, command):
    name, *arguments = command.split()
    _, pairs = heaptap.run_expecting(t, [heaptap.program(name), *arguments], options=["--sample", "1"],
                                     status=None)
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)
        blocks, bytes_ = (image["sampled"][f"outstanding_{what}_error"] for what in ("blocks", "bytes"))
        t.equal((blocks, bytes_), (0, 0), "errors")


@each("trap_address_reuse", "threads 4 20000")
def test_with_every_byte_a_point_threads_are_exact(t, command):
    name, *arguments = command.split()
    _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program(name), *arguments],
                                                  options=["--sample", "1"])
    functions = ("leak_outer", "free_while_reused", "realloc_while_reused", "leak_in_other_thread")
    heaptap.check_own(t, image, expect, *functions)


def test_vfork_and_spawn_with_every_byte_a_point(t):
    command = [heaptap.program("trap_spawn"), heaptap.program("leak"), "malloc"]
    _, pairs = heaptap.run_expecting(t, command, options=["--sample", "1"])
    t.equal(len(pairs), 3, "processes")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


@each("session", "multi", "perf")
def test_each_kind_of_link(t, link):
    command = [heaptap.program("trap_realloc_failing")]
    _, ((image, expect),) = heaptap.run_expecting(t, command, options=["--sample", "1", "--link", link])
    heaptap.check_totals(t, image, expect)


def test_blocks_from_before_are_no_matter(t):
    puppet = Puppet(t)
    puppet.tell("alloc 50 1000")
    tracing = heaptap.attach(t, puppet.pid, options=["--sample", "1"])
    puppet.tell("free 20", "alloc 30 1000")
    tracing.stop()
    (image,) = tracing.images
    found = heaptap.sums(heaptap.stacks_through(image, "leak_outer"))
    t.equal((found["allocs"], found["frees"]), (30, 0), "allocations and frees")
    t.equal(image["events"]["unmatched_frees"], 0, "frees of unknown blocks")


def test_min_age_leaves_out_young_blocks(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--sample", "1", "--min-age", "1", "-i", "0.2"])
    puppet.tell("alloc 5 100")
    tracing.until_summary()

    def old():
        image = tracing.summaries[-1]["processes"][0]
        return image["filtered_bytes"], image["sampled"]["filtered_blocks"]

    t.until(lambda: old() == (500, 5), "the blocks to be old enough")
    puppet.tell("alloc 7 100")
    tracing.stop()
    t.equal(old(), (500, 5), "old bytes, with young ones beside them")
    t.equal(tracing.final["processes"][0]["sampled"]["outstanding_blocks"], 12, "sampled blocks")


def test_full_table_is_told(t):
    """2^20 blocks are followed; what comes after that is counted, and its frees are no matter."""
    cnt, room = 1100000, 1 << 20
    tracing = heaptap.run(t, [heaptap.program("sampled"), "many", str(cnt)],
                          ["--sample", "1", "--stack", "none"])
    image = tracing.only()
    t.equal(image["totals"]["outstanding_blocks"], room, "outstanding blocks")
    t.equal(image["loss"]["lost_samples"], cnt - room, "blocks that were not followed")
    t.check(not image["complete"], "the books are called complete")


def table(t, name):
    """The entries of the kernel's newest table of that name."""
    def bpftool(*words):
        command = ["/usr/sbin/bpftool", "-j", "map", *words]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    tables = [found["id"] for found in bpftool("list") if found.get("name") == name]
    t.check(tables, f"no table {name}")
    return [entry["formatted"] for entry in bpftool("dump", "id", str(max(tables)))]


def owners_of_sampled_blocks(t):
    """The processes that have blocks in the table, and how many."""
    return collections.Counter(block["key"]["books"]["tgid"] for block in table(t, "sampled_blocks"))


def test_ended_processes_leave_nothing_in_the_kernel(t):
    """While a shell waits that has started a hundred, of which each leaks, the table has its blocks alone:
    those that the books say are outstanding."""
    t.need("bpftool")
    script = (f"i=0; while [ $i -lt 100 ]; do {heaptap.program('leak')} malloc; i=$((i + 1)); done; "
              "echo ready $$; read x")
    tracing = heaptap.start(t, "run", ["--sample", "1"], ["--", "/bin/sh", "-c", script], stdin=None)
    ready = t.until(lambda: re.search(r"ready (\d+)", tracing.process.stdout), "the shell")
    shell = int(ready[1])
    t.until(lambda: set(owners_of_sampled_blocks(t)) == {shell}, "a table with the shell's blocks alone")
    cnt = owners_of_sampled_blocks(t)[shell]
    t.equal(table(t, "forked_images"), [], "forked images that are remembered")
    tracing.process.popen.stdin.close()
    tracing.process.wait()
    t.status(tracing.process, 1)  # of read, at the end of its input
    t.equal(len(tracing.images), 101, "processes")
    (image,) = tracing.of_pid(shell)
    t.check(abs(cnt - image["sampled"]["outstanding_blocks"]) < 10, f"{cnt} blocks in the table, in the books "
            f"{image['sampled']['outstanding_blocks']}")


def test_text_says_what_it_rests_on(t):
    path = t.path("report")
    command = [heaptap.program("sampled"), "mixed"]
    t.status(t.run([heaptap.HEAPTAP, "run", "--sample", "4K", "-o", path, "--", *command]), 0)
    text = path.read_text()
    t.check(re.search(r"outstanding +[\d.]+ MiB ± [\d.]+ KiB in [\d,]+ ± [\d,]+ blocks", text), text)
    t.check(re.search(r"#1 +[\d.]+ [KM]iB ± [\d.]+ KiB +[\d,]+ blocks", text), text)
    t.check(re.search(r"estimated +from [\d,]+ sampled blocks outstanding", text), text)
    t.contains(text, "one byte in 4 KiB", "the report")


@each("0", "2G", "x", "-1", "")
def test_bad_values_are_refused(t, value):
    finished = t.run([heaptap.HEAPTAP, "run", "--sample", value, "--", "true"])
    t.status(finished, 2)
    t.contains(finished.stderr, "--sample", "stderr")
