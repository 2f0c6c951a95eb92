# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The turns of a process's life that are not in test_traps: each against what the program itself counted."""
import os
import re
import resource
import shutil
import signal
import struct
import subprocess

import container
import heaptap
from harness import each
from puppet import Puppet
from test_watch import OwnLibc

PT_LOAD = 1  # elf(5)
CORE_DUMPS = {"segv": signal.SIGSEGV, "abort": signal.SIGABRT}


@each("copy", "borrow", "outlive", "leave")
def test_clone(t, way):
    _, pairs = heaptap.run_expecting(t, [heaptap.program("trap_clone"), way])
    for image, expect in pairs:
        heaptap.check_totals(t, image, expect)


def test_exec_from_a_thread_that_is_not_the_main_one(t):
    _, pairs = heaptap.run_expecting(t, [heaptap.program("trap_exec_thread")])
    for image, expect in pairs:
        heaptap.check_own(t, image, expect, "leak_outer")
    t.equal([image["state"] for image, _ in pairs], ["replaced", "exited"], "states")


@each(*CORE_DUMPS)
def test_process_that_dumps_core(t, way):
    """It says so to its parent, and heaptap's word for its end is the signal all the same."""
    def allow():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    command = [heaptap.program("die"), way]
    alone = t.start(command, preexec_fn=allow, cwd=t.directory)
    _, status = os.waitpid(alone.pid, 0)
    if not os.WCOREDUMP(status):
        t.skip("this system dumps no core")
    _, ((image, expect),) = heaptap.run_expecting(
        t, command, status=128 + CORE_DUMPS[way], preexec_fn=allow, cwd=t.directory)
    heaptap.check_totals(t, image, expect)
    t.equal((image["state"], image["signal"]), ("killed", CORE_DUMPS[way]), "state and signal")


def broken_program(t):
    """Its last segment is larger than any address space: exec finds that when there is no way back."""
    path = t.path("broken")
    program = bytearray(heaptap.program("die").read_bytes())
    (phoff,), (size, cnt) = struct.unpack_from("<Q", program, 32), struct.unpack_from("<HH", program, 54)
    last = max(at for at in range(phoff, phoff + cnt * size, size) if struct.unpack_from("<I", program, at)[0] == PT_LOAD)
    struct.pack_into("<Q", program, last + 40, 1 << 60)
    path.write_bytes(program)
    path.chmod(0o755)
    return path


@each("run", "watch")
def test_process_that_dies_in_its_exec(t, way):
    """It is no other image's process yet, and its books end with it."""
    command = [heaptap.program("die"), "exec", broken_program(t)]
    if way == "run":
        tracing = heaptap.run(t, command, status=128 + signal.SIGSEGV)
        died = tracing.process
    else:
        libc = OwnLibc(t)
        tracing = libc.watch()
        died = libc.run(*command)
        tracing.stop()
    (expect,) = heaptap.read_expects(died.stdout)
    image = tracing.only()
    heaptap.check_totals(t, image, expect)
    t.equal((image["state"], image["signal"]), ("killed", signal.SIGSEGV), "state and signal")


def check_puppet(t, image, cnt, sz):
    """What is outstanding through leak_outer is what the puppet was told to keep, and the books are sound."""
    heaptap.check_sound(t, image)
    found = heaptap.sums(heaptap.stacks_through(image, "leak_outer"))
    t.equal((found["outstanding_blocks"], found["outstanding_bytes"]), (cnt, cnt * sz),
            "outstanding blocks and bytes through leak_outer")


def test_spawned_child_of_an_attached_process_is_not_traced(t):
    puppet = Puppet(t)
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 3 100", f"spawn {heaptap.program('trap_exec')}", "free 1")
    tracing.stop()
    check_puppet(t, tracing.only(), 2, 100)


class RunPuppet(Puppet):
    """A puppet that heaptap runs, in the words of a command before it."""

    def __init__(self, t, words):
        self.test, self.told_cnt = t, 0
        self.tracing = heaptap.start(t, "run", ["-i", "0.1"], ["--", *words, container.PUPPET], stdin=None)
        self.process = self.tracing.process
        self.tell("expect")


def test_container_with_a_c_library_of_its_own_under_run(t):
    puppet = RunPuppet(t, container.prefix(container.make_root(t)))
    pid = container.until_seen(t, puppet.tracing, puppet)
    puppet.tell("alloc 7 1000", "free 2")
    t.equal(puppet.end(5), 5, "exit status")
    image = puppet.tracing.of_pid(pid)[-1]
    check_puppet(t, image, 5, 1000)
    t.check(not image["from_birth"] and image["note"], f"not told that it was probed late: {image}")
    modules = {frame["module"] for stack in image["stacks"] for frame in stack["frames"]}
    t.check("/puppet" in modules, f"modules: {modules}")


def test_container_whose_files_a_process_mapped_first_that_is_gone(t):
    """Before heaptap, which sleeps, could open them. From the next process on all is as ever."""
    root, program = container.make_root(t), "/revenant"
    shutil.copy(root / container.PUPPET[1:], root / program[1:])
    tracing = heaptap.start(t, "watch", ["-i", "0.1", "--comm", program[1:]], []).until_tracing()
    tracing.process.signal(signal.SIGSTOP)
    t.status(t.run([*container.prefix(root), program]), 0)
    tracing.process.signal(signal.SIGCONT)
    tracing.until_summary()
    puppet = Puppet(t, program=program, prefix=container.prefix(root))
    pid = child_of(t, puppet.pid)
    t.until(lambda: puppet.tell("churn 1 64") and tracing.of_pid(pid) and tracing.of_pid(pid)[-1]["totals"]["allocs"],
            "its allocations in the books")
    puppet.tell("alloc 7 1000")
    puppet.end()
    tracing.stop()
    image = tracing.of_pid(pid)[-1]
    check_puppet(t, image, 7, 1000)
    t.check(all(stack["complete"] for stack in image["stacks"]), f"stacks: {image['stacks']}")


class Overlay:
    """The root as most containers have theirs: each file has another device there than the one that is executed."""

    def __init__(self, t, root, name):
        self.place = t.path(name)
        self.place.mkdir()
        self.merged = self.place / "merged"
        t.status(t.run(["mount", "-t", "tmpfs", "none", self.place]), 0)
        for name in ("upper", "work", "merged"):
            (self.place / name).mkdir()
        layers = f"lowerdir={root},upperdir={self.place}/upper,workdir={self.place}/work"
        self.is_there = t.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.merged]).status == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for place in [self.merged] * self.is_there + [self.place]:
            subprocess.run(["umount", "-l", place], check=True)


@each("plain", "checked")
def test_containers_on_overlays_of_one_root(t, how):
    """Each has the C library by another number, and it is probed once."""
    root = container.make_root(t)
    with Overlay(t, root, "first") as first, Overlay(t, root, "second") as second:
        if not (first.is_there and second.is_there):
            t.skip("there is no overlayfs here")
        launchers = [Puppet(t, program=container.PUPPET, prefix=container.prefix(overlay.merged))
                     for overlay in (first, second)]
        pids = [child_of(t, launcher.pid) for launcher in launchers]
        tracing = heaptap.attach(t, *pids, options=["--check"] * (how == "checked"))
        for launcher in launchers:
            launcher.tell("alloc 1 100")
        tracing.until_summary()  # the files of the stacks are known by now
        for launcher in launchers:
            launcher.tell("alloc 20 100", "free 4")
        tracing.stop()
        for launcher in launchers:
            launcher.end()
    for pid in pids:
        image = tracing.of_pid(pid)[-1]
        heaptap.check_sound(t, image)
        t.equal(image["totals"]["outstanding_blocks"], 17, "outstanding blocks")
        t.equal(image["findings"], [], "findings")
        t.equal(image["counters"]["abandoned_calls"], 0, "calls that were left")


def test_container_that_is_attached_to(t):
    """By its number in our pid namespace; two of them, each with its own copy."""
    launchers = [Puppet(t, program=container.PUPPET, prefix=container.prefix(container.make_root(t, name)))
                 for name in ("first", "second")]
    pids = [child_of(t, launcher.pid) for launcher in launchers]
    tracing = heaptap.attach(t, *pids)
    for cnt, launcher in enumerate(launchers, 2):
        launcher.tell(f"alloc {cnt} 300")
    tracing.stop()
    for cnt, pid in enumerate(pids, 2):
        check_puppet(t, tracing.of_pid(pid)[-1], cnt, 300)


def child_of(t, pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        (child,) = children.read().split()
    return int(child)


def test_process_that_changes_its_root_and_forgets_the_way_back(t):
    root = container.make_root(t)
    puppet = Puppet(t, program=container.PUPPET, preexec_fn=lambda: os.chroot(root))
    tracing = heaptap.attach(t, puppet.pid)
    puppet.tell("alloc 3 100")
    shutil.rmtree(root)
    puppet.tell("alloc 1 100")
    tracing.stop()
    check_puppet(t, tracing.only(), 4, 100)


def test_container_that_is_watched(t):
    """Its library is a copy, but of the same file: what is probed is the file, wherever it is mounted."""
    libc = OwnLibc(t)
    root = container.make_root(t)
    for path in root.rglob("libc.so.6"):
        path.unlink()
        os.link(libc.file, path)
    tracing = libc.watch()
    puppet = Puppet(t, program=container.PUPPET, prefix=container.prefix(root))
    puppet.tell("alloc 6 100")
    puppet.end()
    tracing.stop()
    check_puppet(t, tracing.of_pid(tracing.images[-1]["pid"])[-1], 6, 100)


@each(("2", "100", "1"), ("4", "100", "50"))
def test_fork_while_other_threads_allocate(t, case):
    """The child's books are those of the moment at which its memory was copied: what its other threads held
    then, by their own notes, which are exact but for the call that each was in."""
    tracing = heaptap.run(t, [heaptap.program("fork_threads"), *case])
    children = re.findall(r"^CHILD pid=(\d+) certain=(\d+) doubtful=(\d+)$", tracing.process.stdout, re.MULTILINE)
    t.equal(len(children), int(case[1]), "children")
    images = {image["pid"]: image for image in tracing.images}
    for pid, certain, doubtful in (map(int, words) for words in children):
        image = images[pid]
        t.check(image["complete"], f"not complete: {image['events']}")
        found = heaptap.sums(heaptap.stacks_through(image, "leak_inner"))["outstanding_blocks"]
        t.check(certain <= found <= certain + doubtful, f"{found} blocks, not {certain} to {certain + doubtful}")


def test_ten_thousand_processes_in_a_row(t):
    tracing = heaptap.run(t, [heaptap.program("trap_many_forks"), "10000"])
    images = {image["pid"]: image for image in tracing.images}
    expects = heaptap.read_expects(tracing.process.stdout)
    t.equal(len(images), len(expects), "processes in the books, and processes")
    t.equal(len(expects), 10001, "processes")
    for expect in expects:
        heaptap.check_totals(t, images[expect["pid"]], expect)
