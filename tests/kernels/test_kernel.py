# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What depends on the kernel: that each form of the BPF programs loads where it should, and that what they
tell is exact. Run in an emulated machine by the runtime tests' harness."""
import ctypes
import os
import re
import signal

import container
import footprint
import heaptap
import oracle
import reference
import spying
from harness import each
from puppet import Puppet
from test_checkpoint_at import checkpoints, kept, said
from test_declared import declare_pool
from test_section import OPTIONS as SECTIONS, check_sections

VERSION = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
# Kinds of links, and the kernel that brought them (with cookies in it).
SINCE = {"session": (6, 13), "multi": (6, 6), "perf": (5, 15)}
HERE = [kind for kind in SINCE if VERSION >= SINCE[kind]]
MISSING = [kind for kind in SINCE if VERSION < SINCE[kind]]
READ_ALL = 3  # SYSLOG_ACTION_READ_ALL, syslog(2)


def test_doctor(t):
    finished = t.run([heaptap.HEAPTAP, "doctor"])
    print(finished.stdout, flush=True)
    t.status(finished, 0)
    found = re.findall(r"^ok +link (\w+)", finished.stdout, re.MULTILINE)
    t.equal(found, HERE, "kinds of links that doctor says are there")


@each(*MISSING)
def test_link_that_is_refused(t, kind):
    finished = t.run([heaptap.HEAPTAP, "run", "--link", kind, "--", heaptap.program("leak"), "malloc"])
    t.status(finished, 4)
    t.contains(finished.stderr, f"--link {kind}", "stderr")
    t.contains(finished.stderr, os.uname().release, "stderr")


@each(*HERE)
def test_counts_are_exact(t, kind):
    leak = heaptap.program("leak")
    rows = "malloc calloc realloc-move realloc-null posix_memalign valloc"
    command = ["/bin/sh", "-c", f"for row in {rows}; do {leak} $row; done"]
    _, pairs = heaptap.run_expecting(t, command, options=["--link", kind])
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


@each(*HERE)
def test_sampling_is_exact_with_every_byte_a_point(t, kind):
    command = ["/bin/sh", "-c", f"{heaptap.program('leak')} malloc; {heaptap.program('trap_fork')}; "
               f"{heaptap.program('trap_realloc_failing')}"]
    _, pairs = heaptap.run_expecting(t, command, options=["--link", kind, "--sample", "1"])
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


def test_sampling_draws(t):
    image = heaptap.run(t, [heaptap.program("leak"), "malloc"], ["--sample", "100"]).only()
    t.check(image["complete"] and image["sampled"]["allocs"], f"no block was sampled: {image['sampled']}")


@each(*HERE)
def test_threads(t, kind):
    """More of them than processors: the programs are preempted in the middle (see own_stack.bpf.h). By the
    totals, because a stack ends early where another thread is changing the mappings just then."""
    counting = oracle.Counting(t)
    command = [*counting.prefix, str(heaptap.program("threads")), "6", "1500"]
    tracing = heaptap.run(t, command, options=["--link", kind])
    (truth,) = counting.images()
    image = tracing.of_pid(truth["pid"])[-1]
    found = {field: image["totals"][field] for field in oracle.TOTALS}
    t.equal(found, {field: truth[field] for field in oracle.TOTALS}, "heaptap's totals and the oracle's")
    t.check(image["complete"] and not image["events"]["lost"], f"not complete: {image['events']}")


@each(*HERE)
def test_attach_until_it_exits(t, kind):
    puppet, other = Puppet(t), Puppet(t)
    puppet.tell("alloc 10 500")
    tracing = heaptap.attach(t, puppet.pid, options=["--link", kind])
    other.tell("alloc 3 100")
    puppet.tell("alloc 5 100", "free 2", "churn 20 64", "thread 7 100")
    puppet.end(7)
    tracing.process.wait()
    t.status(tracing.process, 0)
    image = tracing.only()
    t.equal((image["pid"], image["state"], image["exit_code"]), (puppet.pid, "exited", 7),
            "pid, state, exit code")
    stacks = heaptap.stacks_through(image, "leak_outer")
    wanted = {"allocs": 32, "frees": 22, "outstanding_blocks": 10, "outstanding_bytes": 1000}
    found = heaptap.sums(stacks)
    t.equal({key: found[key] for key in wanted}, wanted, "stacks through leak_outer")


def test_watch_of_the_whole_machine(t):
    """Every allocator of the machine: only in a machine of one's own. A process from before and one that is
    started later; both are told of after they have ended."""
    puppet = Puppet(t)
    tracing = heaptap.watch(t)
    puppet.tell("alloc 5 100", "free 2")
    puppet.end(0)
    finished = t.run([heaptap.program("leak"), "malloc"])
    tracing.stop()
    (earlier,) = tracing.of_pid(puppet.pid)
    found = heaptap.sums(heaptap.stacks_through(earlier, "leak_outer"))
    t.equal((found["allocs"], found["frees"], earlier["from_birth"]), (5, 2, False), "the earlier process")
    (expect,) = heaptap.read_expects(finished.stdout)
    (later,) = tracing.of_pid(expect["pid"])
    heaptap.check_totals(t, later, expect)
    t.check(later["from_birth"], "the later process is not traced from its birth")


@each(*HERE)
def test_mapped_memory(t, kind):
    """Against the program's books, which it has held against /proc/self/maps."""
    tracing = heaptap.run(t, [heaptap.program("maps"), "7", "1500"], options=["--mmap", "--link", kind])
    *_, expect = heaptap.read_expects(tracing.process.stdout)
    mapped = tracing.only()["mapped"]["totals"]
    found = {key: mapped[field] for key, field in (
        ("ranges", "outstanding_ranges"), ("bytes", "outstanding_bytes"), ("maps", "maps"),
        ("mapped", "bytes_mapped"), ("unmaps", "unmaps"), ("peak", "peak_outstanding_bytes"))}
    t.equal(found, {key: expect[key] for key in found}, "totals")
    t.equal(mapped["unseen_unmaps"], 0, "unseen unmaps")


@each(*HERE)
def test_declared_pools(t, kind):
    """Programs of whose parts the verifier takes none out."""
    options = ["--allocators", declare_pool(t), "--mmap", "--link", kind]
    for case in ("kept", "reset"):
        _, ((image, expect),) = heaptap.run_expecting(t, [heaptap.program("pool"), case], options=options)
        heaptap.check_totals(t, image, expect)


@each(*HERE)
def test_spied_calls(t, kind):
    """Against the program's own record of its calls, with a call stack for each."""
    log = t.fresh_path(".log")
    told = spying.run(t, [heaptap.program("spied"), log, "2", "400", "7"], ["--stack", "--link", kind])
    spying.check_against_log(t, told, spying.read_log(log))
    t.check(all(line["frames"] for line in told.calls), "a call without its stack")


@each(*HERE)
def test_wrong_frees_are_found(t, kind):
    options = ["--check", "--mmap", "--link", kind]
    for command, status, wanted in ((["wrong_free", "double"], 134, ("double_free", 1)),
                                    (["wrong_delete", "new-array-delete", "3"], 0, ("mismatched_free", 3))):
        command[0] = heaptap.program(command[0])
        findings = heaptap.run(t, command, options, status=status).only()["findings"]
        t.equal([(finding["kind"], finding["count"]) for finding in findings], [wanted], "findings")


@each(*HERE)
def test_stop(t, kind):
    """In the program's own allocation 7; the frame that the process stands in is a debugger's affair."""
    stops(t, kind, ["--stop-at", "7"], 7)


@each(*HERE)
def test_stop_when(t, kind):
    """In its first with such a stack; or after it, as names can take an emulated machine longer than a thread
    waits for them."""
    stops(t, kind, ["--stop-when", "^allocate$"], 1, "in|after")


def stops(t, kind, options, number, where="in"):
    program = t.start([heaptap.program("numbered"), 20], stdin=None)
    tracing = heaptap.attach(t, program.pid, options=[*options, "--link", kind])
    program.popen.stdin.write(b"\n")
    program.popen.stdin.flush()
    told = re.compile(rf"process {program.pid} is stopped ({where}) its allocation {number} ")
    found = t.until(lambda: told.search(tracing.process.stderr), "the stop")
    with open(f"/proc/{program.pid}/stat", encoding="utf-8") as stat:
        t.equal(stat.read().rpartition(")")[2].split()[0], "T", "state")
    if found[1] == "in":
        t.equal(program.stdout.split()[-1], str(number), "the last allocation that the program began")
    program.signal(signal.SIGCONT)
    t.equal(program.wait(), 0, "exit status")


@each(*HERE)
def test_points(t, kind):
    tracing = heaptap.run(t, [heaptap.program("sections"), 20, 1],
                          options=["--link", kind, "--checkpoint-at", "checkpoint_here"])
    t.equal([kept(summary) for summary in checkpoints(tracing)], said(tracing.process.stdout),
            "outstanding at each checkpoint")
    tracing = heaptap.run(t, [heaptap.program("section_calls"), 31, 2],
                          options=["--link", kind, *SECTIONS])
    check_sections(t, tracing.only(), tracing.process.stdout)


@each(*HERE)
def test_contents_at_exit(t, kind):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid, options=["--contents-at-exit", "--link", kind])
    puppet.tell("alloc 3 100")
    puppet.end()
    tracing.process.wait()
    blocks = tracing.of_pid(puppet.pid)[-1]["blocks"]
    t.equal([len(block["contents"] or "") for block in blocks], [32] * 3, "digits of each block's contents")


def test_container_that_appears_while_the_whole_machine_is_watched(t):
    """With copies of the C library and the dynamic linker: other files than those that are probed so far."""
    root = container.make_root(t)
    tracing = heaptap.watch(t)
    puppet = Puppet(t, program=container.PUPPET, prefix=container.prefix(root))
    pid = container.until_seen(t, tracing, puppet)
    puppet.tell("alloc 5 1000", "free 2")
    t.equal(puppet.end(3), 3, "exit status")
    tracing.stop()
    # probed some time after its start: it may free what it had before
    image = tracing.of_pid(pid)[-1]
    t.equal(image["events"]["lost"], 0, "events lost")
    found = heaptap.sums(heaptap.stacks_through(image, "leak_outer"))
    t.equal((found["outstanding_blocks"], found["outstanding_bytes"]), (3, 3000), "outstanding through leak_outer")


def test_files_are_forgotten(t):
    """More executables than are known at a time; each is deleted when it has run."""
    tracing = heaptap.start(t, "watch", ["-i", "1"], []).until_tracing()
    before = footprint.of(tracing.process.pid)
    t.path("churn").mkdir()
    t.status(t.run([heaptap.program("churn"), 560, t.path("churn"), "leak", heaptap.program("leak"), "malloc"]), 0)
    # as many as are kept waiting, condemned or not yet looked at (trace_forget.c)
    t.until(lambda: all(after < before[key] + 2 * 256 for key, after in footprint.of(tracing.process.pid).items()
                        if key in ("fds", "known_files", "rows_of_files", "image_mappings", "image_counters")),
            "files to be forgotten")
    tracing.stop()


@each("auto", "fp")
def test_stack(t, mode):
    tracing = heaptap.run(t, [heaptap.program("leak"), "malloc"], options=["--stack", mode])
    (stack,) = [stack for stack in heaptap.stacks_through(tracing.only(), "leak_outer")
                if stack["outstanding_blocks"]]
    functions = [frame["function"] for frame in stack["frames"]]
    t.equal(functions[:6], ["malloc", "by_malloc", "leak_inner", "leak_outer", "run_row", "leak_main"],
            "functions")


RECORDED = {
    "C++ with exceptions and std::map": ["stacks_cxx", "500"],
    "threads": ["stacks_threads", "4", "200"],
    "signal handlers": ["stacks_signal", "300"],
}


# All by the best kind of link, and one by each of the others.
@each(*((what, HERE[0]) for what in RECORDED), *((next(iter(RECORDED)), kind) for kind in HERE[1:]))
def test_stacks_are_the_reference_unwinders(t, case):
    what, kind = case
    name, *arguments = RECORDED[what]
    recording = reference.Recording(t)
    tracing = heaptap.run(t, [*recording.prefix, str(heaptap.program(name)), *arguments],
                          options=[*reference.OPTIONS, "--link", kind])
    wrong = reference.differences(recording.stacks(), *reference.stacks_of(tracing.images[-1]))
    t.check(not wrong, f"{len(wrong)} stacks differ, first (allocations, heaptap's, recorded, most similar of "
            f"heaptap's): {wrong[:1]}")
    t.check(recording.recorded >= 200, f"only {recording.recorded} allocations were recorded")


@each(*HERE)
def test_process_with_a_seccomp_filter_lives(t, kind):
    command = [heaptap.program("seccomped")]
    _, ((image, expect),) = heaptap.run_expecting(t, command, options=["--link", kind])
    heaptap.check_totals(t, image, expect)


def test_kernel_does_not_complain(t):
    """Last: nothing of the above has led to a warning, an oops, a lockup."""
    log = ctypes.create_string_buffer(1 << 20)
    sz = ctypes.CDLL(None).klogctl(READ_ALL, log, len(log))
    complaints = re.findall(r".*(?:WARNING:|BUG:|Oops|Call Trace|lockup|stall|general protection).*",
                            log.raw[:max(sz, 0)].decode(errors="replace"))
    t.check(sz > 0, "the kernel's log cannot be read")
    t.equal(complaints, [], "complaints in the kernel's log")
