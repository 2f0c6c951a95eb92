# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What has led tracers to wrong books: a program of the same name for each (tests/programs/trap_*)."""
import os
import re
import shutil
import signal

import heaptap
from harness import collect, each, without_bpf
from puppet import Puppet


def trap(t, name, *arguments, **how):
    return heaptap.run_expecting(t, [heaptap.program(name), *arguments], **how)


def check_whole(t, name, *arguments, **how):
    """One image, which makes no allocations but its own."""
    _, ((image, expect),) = trap(t, name, *arguments, **how)
    heaptap.check_totals(t, image, expect)
    return image


@each("trap_realloc_failing", "trap_realloc_failing_musl")
def test_realloc_that_fails_keeps_its_block(t, name):
    if not heaptap.program(name).exists():
        t.skip("musl-gcc is not installed")
    check_whole(t, name)


def test_free_and_realloc_race_with_reuse_of_the_address(t):
    _, ((image, expect),) = trap(t, "trap_address_reuse")
    heaptap.check_own(t, image, expect, "free_while_reused", "realloc_while_reused",
                      "leak_in_other_thread")


def test_allocator_left_by_longjmp(t):
    check_whole(t, "trap_longjmp")


# A return probe in its way would end the program (user/probe/exits.h).
@each("session", "multi", "perf")
def test_allocator_left_by_an_exception(t, link):
    _, ((image, expect),) = trap(t, "trap_throw", options=["--link", link])
    heaptap.check_own(t, image, expect, "leak_outer", thrown=4)
    t.equal(image["counters"]["abandoned_calls"], 4, "calls left without a return")


@each("libjemalloc.so.2", "libtcmalloc_minimal.so.4")
def test_new_that_has_no_memory_throws(t, library):
    command = heaptap.preloading(t, library, heaptap.program("trap_bad_alloc"))
    _, ((image, expect),) = heaptap.run_expecting(t, command)
    heaptap.check_own(t, image, expect, "leak_outer", thrown=8)
    t.equal(image["counters"]["abandoned_calls"], 8, "calls left without a return")


def test_pid_that_is_used_again(t):
    tracing, pairs = trap(t, "trap_pid_reuse")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)
    first, second = (image for image, expect in pairs if expect["name"] in ("first", "second"))
    t.equal(first["pid"], second["pid"], "pid")
    t.check(first["image"] != second["image"], "both lives are one image")


def test_equal_addresses_in_two_processes(t):
    puppets = [Puppet(t, prefix=["setarch", "-R"]) for _ in range(2)]
    tracing = heaptap.attach(t, *(puppet.pid for puppet in puppets))
    for puppet in puppets:
        puppet.tell("alloc 1 1000")
    t.equal(puppets[0].address(), puppets[1].address(), "addresses of the processes' blocks")
    puppets[1].tell("free 1")
    tracing.stop()
    blocks = [tracing.of_pid(puppet.pid)[0]["totals"]["outstanding_blocks"] for puppet in puppets]
    t.equal(blocks, [1, 0], "outstanding blocks")


def test_exec_ends_an_image_and_begins_another(t):
    tracing, pairs = trap(t, "trap_exec", "3")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)
    images = [image for image, _ in pairs]
    t.equal([image["state"] for image in images], ["replaced", "replaced", "exited"], "states")
    generations = [image["exec"] for image in images]
    t.equal(generations, sorted(set(generations)), "exec generations in order")


def test_fork_copies_the_books(t):
    tracing, pairs = trap(t, "trap_fork")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


def test_vfork_and_spawn_leave_the_parents_books_alone(t):
    tracing, pairs = trap(t, "trap_spawn", heaptap.program("leak"), "malloc")
    t.equal(len(pairs), 3, "processes")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


def test_allocations_that_fail_are_no_blocks(t):
    check_whole(t, "trap_failed")


def test_more_blocks_than_fit_in_a_fixed_table(t):
    check_whole(t, "trap_many", "blocks")


def test_more_stacks_than_fit_in_a_fixed_table(t):
    image = check_whole(t, "trap_many", "stacks")
    t.equal(len(heaptap.stacks_through(image, "leak_inner")), 1 << 14, "different stacks")


def copied_plugin(t, name):
    copy = t.path(f"{name}.so")
    shutil.copy(heaptap.program(f"{name}.so"), copy)
    return copy


# Frame pointers give addresses, which must differ somewhere.
@each("auto plugin_second", "fp plugin_shifted")
def test_library_that_was_closed_and_deleted_has_names(t, case):
    (mode, second), arguments = case.split(), []
    for name in ("plugin_first", second):
        arguments += [copied_plugin(t, name), f"{name}_leak"]
    tracing, ((image, expect),) = trap(t, "trap_dlclose", *arguments, options=["--stack", mode])
    places = {line.split()[1][:-3] for line in tracing.process.stdout.splitlines() if line.startswith("plugin")}
    t.equal(len(places), 1, "pages at which the plugins lay")
    heaptap.check_own(t, image, expect, "plugin_first_leak", f"{second}_leak")
    for name, cnt in (("plugin_first_leak", 3), (f"{second}_leak", 4)):
        stacks = heaptap.stacks_through(image, name)
        t.equal(heaptap.sums(stacks)["outstanding_blocks"], cnt, f"blocks through {name}")
        t.check(all(heaptap.stack_has(stack, "leak_outer") for stack in stacks), "the caller's name")


def test_library_that_was_closed_at_once_gives_no_names_to_the_next(t):
    """Its unwind rows were not loaded yet, as heaptap slept."""
    first, second = copied_plugin(t, "plugin_first"), copied_plugin(t, "plugin_second")
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    tracing.process.signal(signal.SIGSTOP)
    place = puppet.tell(f"glance {first} plugin_first_leak")
    tracing.process.signal(signal.SIGCONT)
    tracing.until_summary()
    t.equal(puppet.tell(f"load {second} plugin_second_leak 100"), place, "where the libraries lay")
    tracing.stop()
    modules = {frame["module"] for stack in tracing.only()["stacks"] for frame in stack["frames"]}
    t.check(str(second) in modules and str(first) not in modules, f"modules: {modules}")


def test_program_deleted_while_it_runs_has_names(t):
    copy = t.path("gone")
    shutil.copy(heaptap.program("puppet"), copy)
    puppet = Puppet(t, program=copy)
    copy.unlink()
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 5 100")
    puppet.end()
    tracing.process.wait()
    stacks = heaptap.stacks_through(tracing.of_pid(puppet.pid)[0], "leak_outer")
    t.equal(heaptap.sums(stacks)["outstanding_blocks"], 5, "blocks through leak_outer")


@each("2", "8")
def test_threads_that_free_each_others_blocks(t, threads):
    _, ((image, expect),) = trap(t, "threads", threads, "20000")
    heaptap.check_own(t, image, expect, "leak_outer")
    t.equal(image["totals"]["failed_allocs"], expect["failed"], "failed allocations")


def test_stress_of_threads_is_exact(t):
    seconds = os.environ.get("HEAPTAP_STRESS_SECONDS", "5")
    _, ((image, expect),) = trap(t, "stress", "4", seconds)
    heaptap.check_own(t, image, expect, "leak_outer")
    t.equal(image["totals"]["failed_allocs"], expect["failed"], "failed allocations")
    t.check(expect["allocs"] > 10000 * float(seconds), f"that was no stress: {expect}")


def test_many_threads(t):
    _, ((image, expect),) = trap(t, "threads", "300", "100")
    heaptap.check_own(t, image, expect, "leak_outer")


def test_main_thread_that_exits_first(t):
    _, ((image, expect),) = trap(t, "main_exits_first", status=4)
    heaptap.check_own(t, image, expect, "leak_outer")
    t.equal(image["exit_code"], 4, "exit code")


def test_process_that_allows_itself_few_system_calls(t):
    check_whole(t, "seccomped")


def test_many_short_lived_processes(t):
    leak = heaptap.program("leak")
    script = f"i=0; while [ $i -lt 300 ]; do {leak} malloc; i=$((i + 1)); done"
    tracing, pairs = heaptap.run_expecting(t, ["/bin/sh", "-c", script])
    t.equal(len(pairs), 300, "processes")
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


@without_bpf
@each("traps", "debug-heap")
def test_the_tests_of_each_row_exist(t, name):
    """Of a document whose table names tests in its last column."""
    lines = (heaptap.ROOT / f"docs/{name}.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")][1:]
    known = {name.split("[")[0] for name, _, _ in collect([])}
    for row in rows:
        named = re.findall(r"`(\w+/\w+)`", row)
        t.check(named, f"a row without a test: {row}")
        t.equal([name for name in named if name not in known], [], "tests that do not exist")
    t.check(len(rows) > 10, f"{len(rows)} rows")
