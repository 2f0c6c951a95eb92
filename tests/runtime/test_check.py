# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""heaptap --check: each wrong free of wrong_free.c and wrong_delete.cc is found, with the stacks that these
programs say, and as valgrind's memcheck has it; and nothing is found in programs that are right."""
import re
import subprocess
import xml.etree.ElementTree as xml

import heaptap
from harness import each
from puppet import Puppet
from test_real_programs import command_of

CHECK = ["--check"]
ABORTED = 128 + 6

# Row of wrong_free.c: kind, function that frees wrongly, that freed before, that allocated; exit status.
WRONG_FREES = {
    "double": ("double_free", "wrong_inner", "free_first", "make_block", ABORTED),
    "double-loop": ("double_free", "wrong_inner", "wrong_inner", "make_block", ABORTED),
    "double-later": ("double_free", "wrong_inner", "free_first", "make_block", ABORTED),
    "double-realloc": ("double_free", "wrong_realloc", "free_first", "make_block", 0),
    "double-moved": ("double_free", "wrong_inner", "free_after_realloc", "make_block", ABORTED),
    "double-thread": ("double_free", "wrong_inner", "free_first", "make_block", ABORTED),
    "inside": ("invalid_free", "wrong_inner", None, "make_block", ABORTED),
    "static": ("invalid_free", "wrong_inner", None, None, ABORTED),
    "stack": ("invalid_free", "wrong_inner", None, None, ABORTED),
}
ALIGNED = "aligned"  # what valgrind 3.19 takes for the plain operators


def wrong_free(row, *times):
    return [heaptap.program("wrong_free"), row, *times]


def wrong_delete(row, times=3):
    return [heaptap.program("wrong_delete"), row, str(times)]


def rows_of_wrong_delete():
    program = heaptap.program("wrong_delete")
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.split() \
        if program.exists() else []


def check(t, command, status=0, options=()):
    return heaptap.run(t, command, [*CHECK, *options], status=status)


def stack_of(finding, role):
    return next((stack for stack in finding["stacks"] if stack["role"] == role), None)


def check_stack(t, finding, role, function):
    stack = stack_of(finding, role)
    if function is None:
        t.check(stack is None, f"there is a stack of role {role}: {finding}")
        return
    t.check(stack is not None, f"there is no stack of role {role}: {finding}")
    t.check(heaptap.stack_has(stack, function), f"{function} is not in {stack}")
    t.check(stack["complete"], f"the stack of role {role} is not complete: {stack['end']}")


def check_one(t, image, kind, count, free, first_free, allocation):
    t.equal([finding["kind"] for finding in image["findings"]], [kind], "findings")
    finding = image["findings"][0]
    t.equal(finding["count"], count, "times")
    check_stack(t, finding, "free", free)
    check_stack(t, finding, "first_free", first_free)
    check_stack(t, finding, "allocation", allocation)
    t.equal(finding["size"], 100 if allocation else None, "the block's size")
    return finding


def check_none(t, tracing):
    for image in tracing.images:
        t.equal(image["findings"], [], f"findings of {image['comm']}")
        t.check(image["complete"], f"{image['comm']} is not complete")


def valgrind_errors(t, command):
    """[(kind, how often, functions of the free, functions of the block's last stack)] by memcheck."""
    t.need("valgrind")
    path = t.fresh_path(".xml")
    t.run(["valgrind", "--xml=yes", f"--xml-file={path}", "--leak-check=no", *command])
    root = xml.parse(path).getroot()
    counts = {pair.findtext("unique"): int(pair.findtext("count"))
              for pairs in root.iter("errorcounts") for pair in pairs.iter("pair")}
    found = []
    for error in root.iter("error"):
        if not error.findtext("kind").endswith("Free"):
            continue  # leaks, which XML output always has
        stacks = [[frame.findtext("fn") for frame in stack.iter("frame")] for stack in error.iter("stack")]
        freed = any("free'd" in (what.text or "") for what in error.iter("auxwhat"))
        kind = {"InvalidFree": "double_free" if freed else "invalid_free",
                "MismatchedFree": "mismatched_free"}[error.findtext("kind")]
        found.append((kind, counts.get(error.findtext("unique"), 1), stacks))
    return found


def bare(function):
    return re.sub(r"\(.*", "", (function or "?").split("::")[-1])


# ---- each kind

@each(*WRONG_FREES)
def test_wrong_free_is_found(t, row):
    kind, free, first_free, allocation, status = WRONG_FREES[row]
    image = check(t, wrong_free(row), status).only()
    finding = check_one(t, image, kind, 1, free, first_free, allocation)
    t.equal(finding["offset"], 16 if row == "inside" else None, "bytes into the block")


@each(*WRONG_FREES)
def test_wrong_free_is_valgrinds(t, row):
    kind, free, _, _, _ = WRONG_FREES[row]
    errors = valgrind_errors(t, wrong_free(row))
    t.equal([(kind, count) for kind, count, _ in errors], [(kind, 1)], "memcheck's errors")
    t.check(free in errors[0][2][0], f"{free} is not in {errors[0][2][0]}")


@each(*rows_of_wrong_delete())
def test_family_of_a_free(t, row):
    tracing = check(t, wrong_delete(row))
    if row.startswith("right"):
        check_none(t, tracing)
        return
    finding = check_one(t, tracing.only(), "mismatched_free", 3, "main", None, "main")
    first = [frame["function"] for frame in (stack_of(finding, "allocation"), stack_of(finding, "free"))
             for frame in frame["frames"][:1]]
    t.check(first[0] != first[1], f"both stacks begin in {first[0]}")


@each(*(row for row in rows_of_wrong_delete() if not row.startswith(ALIGNED) and ALIGNED not in row))
def test_family_of_a_free_is_as_valgrind_has_it(t, row):
    errors = valgrind_errors(t, wrong_delete(row))
    findings = check(t, wrong_delete(row)).only()["findings"]
    t.equal([(finding["kind"], finding["count"]) for finding in findings],
            [(kind, count) for kind, count, _ in errors], "heaptap's findings and memcheck's errors")
    for finding, (_, _, stacks) in zip(findings, errors):
        for role, functions in zip(("free", "allocation"), stacks):
            found = [bare(frame["function"]) for frame in stack_of(finding, role)["frames"]][1:3]
            t.equal(found, [bare(function) for function in functions][1:3], f"callers of the {role}")


# ---- other allocators, other links

def test_wrong_free_in_a_static_program(t):
    image = check(t, [heaptap.program("wrong_free_static"), "double"], ABORTED).only()
    check_one(t, image, "double_free", 1, "wrong_inner", "free_first", "make_block")


# with operators of its own, that call malloc and free
@each("new-array-delete", "malloc-delete", "right-new-array", "right-new-nothrow", "right-malloc")
def test_family_of_a_programs_own_operators(t, row):
    tracing = check(t, [heaptap.program("wrong_delete_own"), row, "3"])
    if row.startswith("right"):
        check_none(t, tracing)
    else:
        check_one(t, tracing.only(), "mismatched_free", 3, "main", None, "main")


@each("session", "multi", "perf")
def test_wrong_free_by_each_link(t, link):
    image = check(t, wrong_free("double-loop"), ABORTED, ["--link", link]).only()
    check_one(t, image, "double_free", 1, "wrong_inner", "wrong_inner", "make_block")
    image = check(t, wrong_delete("new-array-delete"), 0, ["--link", link]).only()
    check_one(t, image, "mismatched_free", 3, "main", None, "main")


# jemalloc lets double frees pass, so the same one comes again and again.
def test_double_frees_under_jemalloc_are_counted(t):
    command = heaptap.preloading(t, "libjemalloc.so.2", *wrong_free("double-loop", "5"))
    image = check(t, command).images[-1]
    check_one(t, image, "double_free", 5, "wrong_inner", "wrong_inner", "make_block")


@each("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2")
def test_families_of_other_allocators(t, library):
    # by one code for delete and delete[] (tcmalloc, mimalloc) they cannot be told apart
    tells = {"libjemalloc.so.2": ["new-array-delete", "malloc-delete"],
             "libtcmalloc_minimal.so.4": ["new-delete-aligned"],
             "libmimalloc.so.2": ["new-delete-aligned"]}[library]
    for row in [*tells, *(row for row in rows_of_wrong_delete() if row.startswith("right"))]:
        tracing = check(t, heaptap.preloading(t, library, *wrong_delete(row)))
        if row in tells:
            check_one(t, tracing.images[-1], "mismatched_free", 3, "main", None, "main")
        else:
            check_none(t, tracing)


# ---- what is no finding

@each("right", "thread")
def test_right_frees_are_no_findings(t, row):
    check_none(t, check(t, wrong_free(row, "20")))


@each("2", "8")
def test_threads_that_free_each_others_blocks_are_right(t, threads):
    tracing, ((image, expect),) = heaptap.run_expecting(
        t, [heaptap.program("threads"), threads, "5000"], options=CHECK)
    heaptap.check_own(t, image, expect, "leak_outer")
    check_none(t, tracing)


def test_end_of_tracing_makes_no_findings(t):
    """The probes of the C library and of the C++ library's operators are not taken away at one moment."""
    busy = t.start([heaptap.program("wrong_delete"), "right-new-array", 10**9])
    tracing = heaptap.attach(t, busy.pid, options=CHECK)
    t.until(lambda: tracing.only()["totals"]["allocs"] > 1000, "what it allocates")
    tracing.stop()
    t.check(busy.running(), "it has ended")
    check_none(t, tracing)


@each("trap_bad_alloc", "trap_throw", "trap_fork", "trap_realloc_failing", "trap_longjmp", "leak_forwarded")
def test_traps_are_no_findings(t, name):
    row = ["calloc"] if name.startswith("leak") else []
    tracing = check(t, [heaptap.program(name), *row])
    for image in tracing.images:
        t.equal(image["findings"], [], f"findings of {image['comm']}")


@each("ls", "sort with threads", "perl", "python3", "python3 without its own allocator", "sqlite3", "g++",
      "git", "tar and gzip", "openssl")
def test_real_programs_have_no_findings(t, name):
    tracing = check(t, command_of(t, name))
    check_none(t, tracing)
    t.check(sum(image["totals"]["frees"] for image in tracing.images) > 20, "hardly a free was seen")


def test_books_are_the_same_as_without(t):
    command = command_of(t, "sqlite3")
    plain, checked = heaptap.run(t, command).only(), check(t, command).only()
    t.equal(checked["totals"], plain["totals"], "totals with --check and without")
    heaptap.check_sound(t, checked)


# ---- commands and outputs

def test_without_check_there_are_no_findings(t):
    tracing = heaptap.run(t, wrong_free("double"), status=ABORTED)
    t.equal(tracing.only()["findings"], [], "findings")
    t.equal(tracing.final["checked"], False, "checked")
    finished = t.run([heaptap.HEAPTAP, "run", "--", *wrong_free("static")])
    t.contains(finished.stderr, "--check", "the report")


def test_text_has_all_stacks(t):
    finished = t.run([heaptap.HEAPTAP, "run", "--check", "--", *wrong_free("double")])
    t.status(finished, ABORTED)
    report = finished.stderr
    for part in ("findings      1 wrong free\n", "double free  0x", "a block of 100 bytes",
                 "freed by\n", "freed before by\n", "allocated by\n"):
        t.contains(report, part, "the report")
    order = [report.index(word) for word in ("wrong_inner+", "free_first+", "make_block+")]
    t.equal(order, sorted(order), "places of the stacks")


# A puppet on jemalloc: it lives on after a double free.
def lenient_puppet(t):
    return Puppet(t, prefix=heaptap.preloading(t, "libjemalloc.so.2"))


def test_attach_finds_what_it_has_seen(t):
    puppet = lenient_puppet(t)
    puppet.tell("alloc 1 5000")
    tracing = heaptap.attach(t, puppet.pid, options=CHECK)
    puppet.tell("free 1", "free_again 1")  # a block that it does not know
    t.equal(tracing.until_summary()["processes"][0]["findings"], [], "findings of an older block")
    puppet.tell("alloc 2 100", "free 2", "free_again 2")
    image = tracing.stop().of_pid(puppet.pid)[0]
    t.equal(tracing.final["checked"], True, "checked")
    check_one(t, image, "double_free", 2, "wrong_inner", "release", "leak_outer")


def test_attach_tells_of_an_aborted_process(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=CHECK)
    puppet.tell("alloc 1 100", "free 1")
    puppet.process.popen.stdin.write(b"free_again 1\n")
    puppet.process.popen.stdin.flush()
    puppet.process.wait()
    tracing.process.wait()
    image = tracing.of_pid(puppet.pid)[0]
    t.equal(image["signal"], 6, "signal")
    check_one(t, image, "double_free", 1, "wrong_inner", "release", "leak_outer")


@each("wrong_delete", "wrong_delete_own")
def test_watch_finds_what_later_processes_do(t, name):
    program = heaptap.program(name)
    tracing = heaptap.watch(t, program, options=CHECK)
    t.run([program, "new-array-delete", "3"])
    t.until(lambda: tracing.images, "the process in a summary")
    tracing.stop()
    check_one(t, tracing.only(), "mismatched_free", 3, "main", None, "main")


def test_error_exitcode_tells_of_findings(t):
    # one that leaves nothing behind, and ends as it should but for heaptap's word
    check(t, [heaptap.program("wrong_free"), "double-later"], 42, ["--error-exitcode", "42"])
    check(t, [heaptap.program("wrong_free"), "right"], 0, ["--error-exitcode", "42"])


def test_check_needs_stacks(t):
    finished = t.run([heaptap.HEAPTAP, "run", "--check", "--stack", "none", "--", "true"])
    t.status(finished, 2)
    t.contains(finished.stderr, "--stack none", "what is said")
